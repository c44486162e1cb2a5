//! What the host keeps for an entry: a callback, and whether it is to be called.

use std::sync::Arc;
use std::sync::atomic::AtomicU32 as Unseen;

use nova_core::hal::{Callback, DelayedWork, Instant, Interrupt, Outcome, Rearm, Registration, Timer, Work};
use nova_core::lifecycle::Refused;

use super::Handle;
use crate::checker::sync::Mutex;
use crate::checker::sync::atomic::{AtomicU32, Ordering};
use crate::driver::Entry;
use crate::world::World;

/// To be called: queued, set, pending.
const DUE: u32 = 1;
/// Never to be called again.
const CANCELLED: u32 = 2;
/// An interrupt that is held back.
const DISABLED: u32 = 4;

/// An entry as the host knows it.
pub struct Slot {
    /// Which one.
    pub entry: Entry,
    callback: Callback<Handle>,
    /// Relaxed throughout, so that the host adds no order of its own.
    bits: AtomicU32,
    /// Held around a call, which is how `cancel` waits for it.
    running: Mutex<()>,
    /// How often the device asked for one more call.
    replays: Unseen,
    /// The device owes the entry a call: it turned it away during sleep, and has not asked for it since.
    owed: Unseen,
}

impl Slot {
    pub(crate) fn new(entry: Entry, callback: Callback<Handle>) -> Self {
        let bits = if entry == Entry::Irq { DISABLED } else { 0 };
        Self {
            entry,
            callback,
            bits: AtomicU32::new(bits),
            running: Mutex::new(()),
            replays: Unseen::new(0),
            owed: Unseen::new(0),
        }
    }

    fn is(&self, bit: u32) -> bool {
        self.bits.load(Ordering::Relaxed) & bit != 0
    }

    /// Makes the entry due. False when it was, or is cancelled.
    pub fn raise(&self) -> bool {
        self.bits.fetch_or(DUE, Ordering::Relaxed) & (DUE | CANCELLED) == 0
    }

    /// Whether the host has still to call it.
    pub fn is_due(&self) -> bool {
        self.is(DUE) && !self.is(CANCELLED)
    }

    /// Calls the entry if it is due and not held back.
    pub fn run(&self) -> Option<Outcome> {
        if self.is(DISABLED) {
            return None;
        }
        let _running = self.running.lock().expect("no panic");
        let before = self.bits.fetch_and(!DUE, Ordering::Relaxed);
        if before & (DUE | CANCELLED) != DUE {
            return None;
        }
        let outcome = self.enter();
        if let Outcome::Timer(Rearm::At(_)) = outcome {
            self.raise();
        }
        Some(outcome)
    }

    /// Calls the entry as a host does that was on its way already: due or not, held back or not.
    pub fn call(&self) -> Option<Outcome> {
        let _running = self.running.lock().expect("no panic");
        (!self.is(CANCELLED)).then(|| self.enter())
    }

    fn enter(&self) -> Outcome {
        let replays = self.replays.load(Ordering::Relaxed);
        let outcome = self.callback.call();
        let refused = outcome == Outcome::Refused(Refused::Suspended);
        let owed = refused && self.replays.load(Ordering::Relaxed) == replays;
        self.owed.store(owed.into(), Ordering::Relaxed);
        outcome
    }

    /// Whether the device owes the entry a call.
    pub fn is_owed(&self) -> bool {
        self.owed.load(Ordering::Relaxed) != 0
    }
}

/// A registration. Every time is "any moment now": the checker decides what comes first.
pub struct Timed(pub(crate) (Arc<World>, Arc<Slot>));

impl Timed {
    fn slot(&self) -> &Slot {
        &self.0.1
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        assert!(self.slot().bits.load(Ordering::Relaxed) & CANCELLED != 0, "freed without being cancelled");
        let (world, slot) = &self.0;
        world.forget(slot);
        world.ledger.freed(slot.entry.name());
    }
}

impl Registration for Timed {
    fn cancel(&self) {
        self.slot().bits.fetch_or(CANCELLED, Ordering::Relaxed);
        drop(self.slot().running.lock().expect("no panic"));
        self.0.0.ledger.down(self.slot().entry.name());
    }
    fn replay(&self) {
        let slot = self.slot();
        slot.replays.fetch_add(1, Ordering::Relaxed);
        slot.owed.store(0, Ordering::Relaxed);
        slot.raise();
    }
}

impl Interrupt for Timed {
    fn enable(&self) {
        self.slot().bits.fetch_and(!DISABLED, Ordering::Relaxed);
    }
    fn disable(&self) {
        self.slot().bits.fetch_or(DISABLED, Ordering::Relaxed);
    }
}

impl Work for Timed {
    fn queue(&self) -> bool {
        self.slot().raise()
    }
}

impl DelayedWork for Timed {
    fn queue_at(&self, _: Instant) -> bool {
        self.slot().raise()
    }
}

impl Timer for Timed {
    fn arm(&self, _: Instant) -> bool {
        self.slot().raise();
        !self.slot().is(CANCELLED)
    }
    fn disarm(&self) {
        self.slot().bits.fetch_and(!DUE, Ordering::Relaxed);
    }
}
