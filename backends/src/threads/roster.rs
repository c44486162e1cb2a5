//! The book-keeping of a host's callbacks: who is registered, what is due, who is running.
//!
//! A roster calls nobody. A host takes a job out ([`Roster::start`]), calls it without holding any lock, and says how it
//! went ([`Roster::finish`]). The rule of `hal` follows from three lines here: `start` gives nothing of a cancelled
//! entry, an entry that runs is not started again, and a cancelled entry takes no new settings.

use std::fmt;
use std::sync::Arc;
use std::vec::Vec;

use nova_core::hal::{Callback, Entrant, Outcome, Rearm};

/// The reference to a device that callbacks keep.
pub type Handle = Arc<dyn Entrant>;

/// Never due.
pub const NEVER: u64 = u64::MAX;

/// The kinds of callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An interrupt handler.
    Interrupt,
    /// A work item.
    Work,
    /// A delayed work item.
    DelayedWork,
    /// A timer.
    Timer,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Interrupt, Self::Work, Self::DelayedWork, Self::Timer];
}

/// How often callbacks of one kind were called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// The driver's code ran.
    pub ran: u64,
    /// It ran and failed.
    pub failed: u64,
    /// The gate was closed and nothing ran.
    pub refused: u64,
}

impl Tally {
    /// All calls.
    pub const fn called(&self) -> u64 {
        self.ran + self.failed + self.refused
    }
}

/// Where an entry is in the roster; a stale one fits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotId {
    index: u32,
    generation: u32,
}

impl SlotId {
    /// Its number.
    pub const fn index(self) -> u32 {
        self.index
    }
}

struct Slot {
    generation: u32,
    kind: Kind,
    /// `None` once cancelled.
    callback: Option<Callback<Handle>>,
    /// When it is to run next, in ns of the host's clock.
    due: u64,
    /// When it is to run once more, beside that.
    replay: u64,
    /// Interrupts only; true for the others.
    enabled: bool,
    running: bool,
    /// The registration is there; a slot is reused when it is gone and nothing runs.
    registered: bool,
    port: u32,
    vector: u32,
}

impl Slot {
    /// When it can start; never while it runs or is held back.
    fn start_at(&self) -> u64 {
        if self.enabled && !self.running { self.due.min(self.replay) } else { NEVER }
    }
}

/// All callbacks of one host.
#[derive(Default)]
pub struct Roster {
    slots: Vec<Slot>,
    tallies: [Tally; Kind::ALL.len()],
    live: usize,
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roster({} registrations)", self.live)
    }
}

impl Roster {
    /// Takes a callback in, with nothing due. `port` is the device's number at the host; the vector matters of
    /// interrupts only, which are held back until [`enable`](Self::enable).
    pub fn insert(&mut self, kind: Kind, port: u32, vector: u32, callback: Callback<Handle>) -> SlotId {
        let free = self.slots.iter().position(|slot| !slot.registered && !slot.running);
        let generation =
            free.and_then(|at| self.slots.get(at)).map_or(0, |slot| slot.generation.wrapping_add(1));
        let slot = Slot {
            generation,
            kind,
            callback: Some(callback),
            due: NEVER,
            replay: NEVER,
            enabled: kind != Kind::Interrupt,
            running: false,
            registered: true,
            port,
            vector,
        };
        let index = free.unwrap_or(self.slots.len());
        match self.slots.get_mut(index) {
            Some(place) => *place = slot,
            None => self.slots.push(slot),
        }
        self.live += 1;
        SlotId { index: index as u32, generation }
    }

    /// Whether the vector has a handler.
    pub fn has_vector(&self, port: u32, vector: u32) -> bool {
        self.handler(port, vector).is_some()
    }

    /// An interrupt message has arrived, to be handled from `at` on. False when nobody wants it.
    pub fn message(&mut self, port: u32, vector: u32, at: u64) -> bool {
        let Some(slot) = self.handler(port, vector).and_then(|index| self.slots.get_mut(index)) else {
            return false;
        };
        slot.due = slot.due.min(at);
        true
    }

    /// Queues a work item to run from `at` on. False when it is queued already or cancelled.
    pub fn queue(&mut self, id: SlotId, at: u64) -> bool {
        match self.active(id) {
            Some(slot) if slot.due == NEVER => {
                slot.due = at;
                true
            }
            _ => false,
        }
    }

    /// Sets a timer. False when it is cancelled.
    pub fn arm(&mut self, id: SlotId, at: u64) -> bool {
        let slot = self.active(id);
        let there = slot.is_some();
        if let Some(slot) = slot {
            slot.due = at;
        }
        there
    }

    /// Takes a setting back.
    pub fn disarm(&mut self, id: SlotId) {
        if let Some(slot) = self.active(id) {
            slot.due = NEVER;
        }
    }

    /// Calls the entry once more from `at` on, beside what it is set to. An interrupt waits until it is let through.
    pub fn replay(&mut self, id: SlotId, at: u64) {
        if let Some(slot) = self.active(id) {
            slot.replay = slot.replay.min(at);
        }
    }

    /// Lets an interrupt through, or holds it back.
    pub fn enable(&mut self, id: SlotId, enabled: bool) {
        if let Some(slot) = self.active(id) {
            slot.enabled = enabled;
        }
    }

    /// Ends an entry. Gives back its callback, to be dropped without any lock: it may hold the last reference to the
    /// device. `None` when it was cancelled before.
    pub fn cancel(&mut self, id: SlotId) -> Option<Callback<Handle>> {
        let slot = self.active(id)?;
        slot.due = NEVER;
        slot.replay = NEVER;
        slot.enabled = false;
        slot.callback.take()
    }

    /// The port and the vector of an entry that is an interrupt.
    pub fn interrupt(&self, id: SlotId) -> Option<(u32, u32)> {
        let slot = self.slots.get(id.index as usize)?;
        (slot.generation == id.generation && slot.kind == Kind::Interrupt).then_some((slot.port, slot.vector))
    }

    /// Whether the callback is being called.
    pub fn is_running(&self, id: SlotId) -> bool {
        self.slots.get(id.index as usize).is_some_and(|slot| slot.generation == id.generation && slot.running)
    }

    /// The registration itself is gone; it must have been cancelled.
    pub fn release(&mut self, id: SlotId) {
        let slot = self.slots.get_mut(id.index as usize);
        if let Some(slot) = slot.filter(|slot| slot.generation == id.generation && slot.registered) {
            slot.registered = false;
            self.live = self.live.saturating_sub(1);
        }
    }

    /// How many entries of these kinds could start by `now`.
    pub fn count_ready(&self, now: u64) -> usize {
        self.slots.iter().filter(|slot| slot.start_at() <= now).count()
    }

    /// The `nth` entry that could start by `now`.
    pub fn nth_ready(&self, now: u64, nth: usize) -> Option<SlotId> {
        let mut ready = self.slots.iter().enumerate().filter(|(_, slot)| slot.start_at() <= now);
        ready.nth(nth).map(|(index, slot)| SlotId { index: index as u32, generation: slot.generation })
    }

    /// The entry among `kinds` that has been due longest by `now`.
    pub fn first_ready(&self, now: u64, kinds: &[Kind]) -> Option<SlotId> {
        let all = self.slots.iter().enumerate();
        let ready = all.filter(|(_, slot)| slot.start_at() <= now && kinds.contains(&slot.kind));
        let (index, slot) = ready.min_by_key(|(_, slot)| slot.start_at())?;
        Some(SlotId { index: index as u32, generation: slot.generation })
    }

    /// When the next entry is due.
    pub fn next_due(&self) -> u64 {
        self.slots.iter().map(Slot::start_at).min().unwrap_or(NEVER)
    }

    /// When the next entry among `kinds` is due.
    pub fn next_due_of(&self, kinds: &[Kind]) -> u64 {
        let these = self.slots.iter().filter(|slot| kinds.contains(&slot.kind));
        these.map(Slot::start_at).min().unwrap_or(NEVER)
    }

    /// Takes an entry's job: the host calls it and then says how it went. `None` when there is none to do.
    pub fn start(&mut self, id: SlotId) -> Option<(Kind, Callback<Handle>)> {
        let slot = self.active(id)?;
        if slot.start_at() == NEVER {
            return None;
        }
        let callback = slot.callback.clone()?;
        // One call for the one that was due first; the other stays.
        *if slot.replay <= slot.due { &mut slot.replay } else { &mut slot.due } = NEVER;
        slot.running = true;
        Some((slot.kind, callback))
    }

    /// The call of an entry's job is over.
    pub fn finish(&mut self, id: SlotId, outcome: Outcome) {
        let Some(slot) = self.slots.get_mut(id.index as usize) else { return };
        slot.running = false;
        if let Outcome::Timer(Rearm::At(at)) = outcome {
            // A setting made by somebody else meanwhile is the newer one.
            if slot.callback.is_some() && slot.due == NEVER {
                slot.due = at.nanos();
            }
        }
        let tally = &mut self.tallies[slot.kind as usize];
        match outcome {
            Outcome::Refused(_) => tally.refused += 1,
            Outcome::Failed => tally.failed += 1,
            Outcome::Interrupt(_) | Outcome::Work | Outcome::Timer(_) => tally.ran += 1,
        }
    }

    /// How often callbacks of a kind were called.
    pub fn tally(&self, kind: Kind) -> Tally {
        self.tallies[kind as usize]
    }

    /// Registrations that are there at present.
    pub const fn live(&self) -> usize {
        self.live
    }

    fn handler(&self, port: u32, vector: u32) -> Option<usize> {
        self.slots.iter().position(|slot| {
            slot.kind == Kind::Interrupt
                && slot.callback.is_some()
                && (slot.port, slot.vector) == (port, vector)
        })
    }

    /// The slot of an entry that is not cancelled.
    fn active(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots
            .get_mut(id.index as usize)
            .filter(|slot| slot.generation == id.generation && slot.callback.is_some())
    }
}
