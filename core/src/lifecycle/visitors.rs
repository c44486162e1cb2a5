//! Who is inside a device: for a person who wonders why a removal waits.

use core::fmt;
use core::panic::Location;

use heapless::Vec;

use super::device::Device;
use super::entry::EntryKind;
use super::gated::{CounterGate, Gated};
use super::history::{Event, HISTORY};
use super::note::Note;
use super::{Driver, Refused};
use crate::hal::{Host, Instant, Nanos};

impl<D: Driver, const N: usize> Device<D, N> {
    /// Who is inside, and which children hold on, at this moment. Anybody may ask at any time, also while
    /// another thread waits in remove. Nobody is stopped by it, so the answer is past when it is read.
    ///
    /// Of a host that keeps a roll ([`Host::KEEP_ROLL`]) it is one visitor for each visit, with its time;
    /// otherwise one for each entry that somebody is inside of.
    pub fn inside(&self) -> Vec<Visitor, N> {
        let mut visitors = Vec::new();
        let rolled = self.roll.0.iter().filter_map(Note::read);
        for (key, since) in rolled {
            let who = self.label(usize::from(key) - 1).map(|label| label.visitor(Some(since)));
            // As many places in the roll as in the answer.
            let _ = who.map(|who| visitors.push(who));
        }
        let mut from = 0;
        while let Some(lane) = self.cell.busy(from) {
            from = lane + 1;
            let on_roll = |note: &Note| note.read().is_some_and(|(key, _)| usize::from(key) == lane + 1);
            if !self.roll.0.iter().any(on_roll) {
                let who = self.label(lane).map(|label| label.visitor(None));
                let _ = who.map(|who| visitors.push(who));
            }
        }
        visitors
    }

    /// What the driver registered under this number, in the last binding; [`EventKind::Waits`] has such
    /// numbers. `since` is `None`: nobody needs to be inside.
    ///
    /// [`EventKind::Waits`]: super::EventKind::Waits
    pub fn entry(&self, id: u16) -> Option<Visitor> {
        self.label(usize::from(id)).map(|label| label.visitor(None))
    }

    /// What happened to the device lately, oldest first. Anybody may ask at any time.
    pub fn history(&self) -> Vec<Event, HISTORY> {
        self.shared.ring.read()
    }

    /// Since when somebody is inside of this lane: the longest.
    pub(super) fn since(&self, lane: usize) -> Option<Instant> {
        let rolled = self.roll.0.iter().filter_map(Note::read);
        rolled.filter(|(key, _)| usize::from(*key) == lane + 1).map(|(_, since)| since).min()
    }

    /// What the driver called the entry in this lane.
    pub(super) fn label(&self, lane: usize) -> Option<Label> {
        self.labels.enter(0)?.as_ref()?.get(lane).copied()?
    }

    /// Puts up what the driver calls its entries, for [`inside`](Self::inside), until the next binding.
    pub(super) fn put_up(&self, labels: [Option<Label>; N], host: &D::Host) -> Result<(), Refused> {
        // Probe alone claims it, and there is one probe at a time.
        let mut claim = self.labels.claim().ok_or(Refused::NotBound)?;
        while !claim.drained() {
            // Somebody who asks about the binding before; they copy one label.
            host.relax();
        }
        if let Some(slot) = claim.exclusive() {
            *slot = Some(labels);
        }
        claim.open();
        Ok(())
    }

    /// Puts a visitor on the roll, if the host keeps one.
    #[inline]
    pub(super) fn sign_in(&self, lane: usize, host: &D::Host) -> Option<Signed<'_, N>> {
        if D::Host::KEEP_ROLL { self.roll.sign_in(lane, host.coarse_now()) } else { None }
    }
}

/// The labels of a binding, behind a gate of their own: it is open also while the device's is closed.
pub(super) type Labels<const N: usize> = Gated<[Option<Label>; N], CounterGate<1>>;

/// What a driver called an entry, and where it registered it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label {
    pub(super) kind: EntryKind,
    pub(super) name: &'static str,
    pub(super) registered: &'static Location<'static>,
}

impl Label {
    /// Of nothing that was registered.
    pub(super) const UNKNOWN: Self =
        Self { kind: EntryKind::Session, name: "unknown", registered: Location::caller() };

    pub(super) fn visitor(&self, since: Option<Instant>) -> Visitor {
        let Self { kind, name, registered } = *self;
        Visitor { kind, name, registered, since }
    }
}

/// Somebody inside a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor {
    /// What kind of entry they came in through.
    pub kind: EntryKind,
    /// Its name.
    pub name: &'static str,
    /// The line of the driver's probe that registered it.
    pub registered: &'static Location<'static>,
    /// Since when, on the host's clock. `None` when the host keeps no roll of its visitors, or it was full.
    pub since: Option<Instant>,
}

impl fmt::Display for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` (registered at {})", self.kind.name(), self.name, self.registered)?;
        match self.since {
            Some(since) => write!(f, ", inside since {} by the host's clock", Nanos(since.0)),
            None => Ok(()),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Visitor {
    fn format(&self, f: defmt::Formatter<'_>) {
        let (file, line) = (self.registered.file(), self.registered.line());
        defmt::write!(f, "{} `{}` (registered at {}:{})", self.kind, self.name, file, line);
        if let Some(since) = self.since {
            defmt::write!(f, ", inside since {}", since);
        }
    }
}

/// Who is inside, with the time they came.
pub(super) struct Roll<const N: usize>([Note; N]);

impl<const N: usize> Roll<N> {
    pub(super) const fn new() -> Self {
        Self([const { Note::new() }; N])
    }

    /// Writes a visitor down, and gives the line; `None` when there is no room.
    pub(super) fn write(&self, lane: usize, now: Instant) -> Option<usize> {
        let key = u16::try_from(lane.checked_add(1)?).ok()?;
        // From its own place on: as long as an entry has one visitor, that is free.
        let mut lines = (0..N).cycle().skip(lane).take(N);
        lines.find(|line| self.0.get(*line).is_some_and(|note| note.write(key, now, true)))
    }

    /// Crosses a line out. Only for the one who wrote it.
    pub(super) fn cross_out(&self, line: usize) {
        if let Some(note) = self.0.get(line) {
            note.clear();
        }
    }

    fn sign_in(&self, lane: usize, now: Instant) -> Option<Signed<'_, N>> {
        self.write(lane, now).map(|line| Signed { roll: self, line })
    }

    /// Makes every object that a model checker keeps for this roll.
    #[cfg(any(nova_model = "loom", nova_model = "shuttle"))]
    pub(super) fn touch(&self) {
        self.0.iter().for_each(Note::touch);
    }
}

/// One line on the roll, crossed out when dropped.
pub(super) struct Signed<'a, const N: usize> {
    roll: &'a Roll<N>,
    line: usize,
}

impl<const N: usize> Drop for Signed<'_, N> {
    fn drop(&mut self) {
        self.roll.cross_out(self.line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_of_one_entry_have_a_line_each_as_long_as_there_is_room() {
        let roll = Roll::<2>::new();
        let on = |roll: &Roll<2>| roll.0.iter().filter_map(Note::read).map(|(_, at)| at.0).sum::<u64>();
        let one = roll.sign_in(1, Instant(10));
        let two = roll.sign_in(1, Instant(20));
        assert!(one.is_some() && two.is_some());
        assert!(roll.sign_in(1, Instant(40)).is_none());
        assert_eq!(on(&roll), 30);
        drop(one);
        assert_eq!(on(&roll), 20);
        assert!(roll.sign_in(0, Instant(40)).is_some());
    }
}
