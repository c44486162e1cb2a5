//! What happened to a device, lately: a ring that anybody may write to, from any context.

use core::fmt;

use heapless::Vec;

use super::note::Note;
use super::state::Transition;
use crate::hal::{Instant, Nanos};
use crate::sync::{AtomicU32, Ordering};

/// How many events a device remembers.
pub const HISTORY: usize = 32;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EventKind {
    /// The device changed its state.
    Went(Transition),
    /// Removal was asked for from inside.
    RemovalRequested,
    /// Remove or suspend looked, and somebody was inside of this lane.
    Waits {
        /// The entry's number.
        lane: u16,
    },
    /// Remove or suspend saw nobody inside any more.
    Drained,
    /// Remove or suspend gave up waiting.
    GaveUp,
    /// A child joined.
    ChildJoined,
    /// A child left.
    ChildLeft,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Went(transition) => f.write_str(transition.done()),
            Self::RemovalRequested => f.write_str("removal requested"),
            Self::Waits { lane } => write!(f, "waits for entry {lane}"),
            Self::Drained => f.write_str("nobody inside"),
            Self::GaveUp => f.write_str("gave up waiting"),
            Self::ChildJoined => f.write_str("a child joined"),
            Self::ChildLeft => f.write_str("a child left"),
        }
    }
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Event {
    /// When, on the host's clock. `None` when no clock was at hand: a host that reports a loss has none.
    pub at: Option<Instant>,
    /// What.
    pub what: EventKind,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{}: {}", Nanos(at.0), self.what),
            None => write!(f, "{}", self.what),
        }
    }
}

/// The ring.
pub(super) struct Ring {
    notes: [Note; HISTORY],
    next: AtomicU32,
}

/// In a note's time: no clock was at hand. 584 years are not reached otherwise.
const NO_TIME: Instant = Instant(u64::MAX);

impl Ring {
    pub(super) const fn new() -> Self {
        Self { notes: [const { Note::new() }; HISTORY], next: AtomicU32::new(0) }
    }

    /// Adds an event; the oldest one goes.
    pub(super) fn add(&self, at: Option<Instant>, what: EventKind) {
        let place = self.next.fetch_add(1, Ordering::Relaxed) as usize % HISTORY;
        if let Some(note) = self.notes.get(place) {
            // Not written when 32 others came between these two lines, at the same place: it was old then.
            let _ = note.write(pack(what), at.unwrap_or(NO_TIME), false);
        }
    }

    /// The events, oldest first. One that is being written is left out.
    pub(super) fn read(&self) -> Vec<Event, HISTORY> {
        let next = self.next.load(Ordering::Acquire) as usize;
        let notes = (next..next.saturating_add(HISTORY)).filter_map(|place| self.notes.get(place % HISTORY));
        notes
            .filter_map(Note::read)
            .filter_map(|(key, at)| Some(Event { at: (at != NO_TIME).then_some(at), what: unpack(key)? }))
            .collect()
    }

    /// Makes every object that a model checker keeps for this ring.
    #[cfg(any(nova_model = "loom", nova_model = "shuttle"))]
    pub(super) fn touch(&self) {
        self.notes.iter().for_each(Note::touch);
        self.next.load(Ordering::Relaxed);
    }
}

/// First key of the transitions, of the plain events, and of the lanes.
const WENT: u16 = 0x10;
const PLAIN: u16 = 0x20;
const WAITS: u16 = 0x100;
const PLAIN_EVENTS: [EventKind; 5] = [
    EventKind::RemovalRequested,
    EventKind::Drained,
    EventKind::GaveUp,
    EventKind::ChildJoined,
    EventKind::ChildLeft,
];

/// The key of an event, never zero. A lane too large for a key is given as the largest that fits.
fn pack(what: EventKind) -> u16 {
    let index = |found: Option<usize>| found.map_or(0, |index| index as u16);
    match what {
        EventKind::Went(went) => WENT + index(Transition::ALL.iter().position(|t| *t == went)),
        EventKind::Waits { lane } => WAITS.saturating_add(lane),
        plain => PLAIN + index(PLAIN_EVENTS.iter().position(|event| *event == plain)),
    }
}

fn unpack(key: u16) -> Option<EventKind> {
    if let Some(lane) = key.checked_sub(WAITS) {
        return Some(EventKind::Waits { lane });
    }
    if let Some(index) = key.checked_sub(PLAIN) {
        return PLAIN_EVENTS.get(usize::from(index)).copied();
    }
    Transition::ALL.get(usize::from(key.checked_sub(WENT)?)).copied().map(EventKind::Went)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_stored_and_found_again() {
        let lanes = [0, 1, 15, 1000].map(|lane| EventKind::Waits { lane });
        let went = Transition::ALL.map(EventKind::Went);
        for what in PLAIN_EVENTS.into_iter().chain(lanes).chain(went) {
            assert_eq!(unpack(pack(what)), Some(what));
        }
    }

    #[test]
    fn the_newest_events_are_kept_in_order() {
        let ring = Ring::new();
        assert!(ring.read().is_empty());
        for time in 0..40 {
            ring.add(Some(Instant(time)), EventKind::Drained);
        }
        ring.add(None, EventKind::Went(Transition::Lose));
        let events = ring.read();
        let times = events.iter().map(|event| event.at.map(Instant::nanos));
        assert!(times.eq((9..40).map(Some).chain([None])));
    }
}
