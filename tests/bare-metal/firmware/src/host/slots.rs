//! The table of callbacks that drivers have registered, and the registrations that drivers hold.
//!
//! Callbacks are called outside the critical section that guards the table: an interrupt handler from its interrupt,
//! a timer from the machine's timer, work from the main loop.

use core::sync::atomic::{AtomicU32, Ordering};

use nova_core::hal::{
    Callback, DelayedWork, HostError, HostErrorKind, Instant, Interrupt, Outcome, Rearm, Registration, Timer,
    Work,
};

use super::{CsLock, Handle, reprogram};
use crate::platform;

/// How many callbacks may be registered at a time.
pub(crate) const CAPACITY: usize = 8;

/// What a callback is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Interrupt,
    Work,
    DelayedWork,
    Timer,
}

/// One registered callback.
pub(crate) struct Slot {
    pub(crate) kind: Kind,
    callback: Callback<Handle>,
    cancelled: bool,
    /// Interrupts: it may be delivered.
    enabled: bool,
    /// Work: it is queued. Interrupts: a message came while it was disabled. Timers: one call more is due.
    pub(crate) pending: bool,
    /// Timers and delayed work: when.
    due: Option<Instant>,
}

static SLOTS: CsLock<[Option<Slot>; CAPACITY]> = CsLock::new([const { None }; CAPACITY]);

/// Calls so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, defmt::Format)]
pub(crate) struct Calls {
    /// Driver code ran.
    pub(crate) ran: u32,
    /// The gate was closed.
    pub(crate) refused: u32,
    /// Driver code ran and failed.
    pub(crate) failed: u32,
}

static RAN: AtomicU32 = AtomicU32::new(0);
static REFUSED: AtomicU32 = AtomicU32::new(0);
static FAILED: AtomicU32 = AtomicU32::new(0);

/// Calls so far, of all kinds.
pub(crate) fn calls() -> Calls {
    let [ran, refused, failed] = [&RAN, &REFUSED, &FAILED].map(|count| count.load(Ordering::Relaxed));
    Calls { ran, refused, failed }
}

/// How many callbacks are registered.
pub(crate) fn registered() -> usize {
    SLOTS.with(|slots| slots.iter().flatten().count())
}

/// Registers a callback.
pub(super) fn register(kind: Kind, callback: Callback<Handle>) -> Result<Registered, HostError> {
    SLOTS.with(|slots| {
        let free = slots.iter_mut().enumerate().find(|(_, slot)| slot.is_none());
        let (number, slot) = free.ok_or(HostError::new(HostErrorKind::NoMemory, "callback slot"))?;
        *slot = Some(Slot { kind, callback, cancelled: false, enabled: false, pending: false, due: None });
        Ok(Registered(number))
    })
}

/// The callback in slot `number`, if it is there, not cancelled, and `is_due` says so.
pub(super) fn take(number: usize, is_due: impl FnOnce(&mut Slot) -> bool) -> Option<Callback<Handle>> {
    SLOTS.with(|slots| {
        let slot = slots.get_mut(number)?.as_mut().filter(|slot| !slot.cancelled)?;
        is_due(slot).then(|| slot.callback.clone())
    })
}

/// Calls a callback and counts what became of it.
pub(super) fn call(callback: &Callback<Handle>) -> Outcome {
    let outcome = callback.call();
    let counter = match outcome {
        Outcome::Refused(_) => &REFUSED,
        Outcome::Failed => &FAILED,
        _ => &RAN,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    outcome
}

/// Whether work is queued.
pub(super) fn is_queued() -> bool {
    let queued = |slot: &Slot| matches!(slot.kind, Kind::Work | Kind::DelayedWork) && slot.pending;
    SLOTS.with(|slots| slots.iter().flatten().any(|slot| queued(slot) && !slot.cancelled))
}

/// When the first timer or delayed work is due.
pub(super) fn due() -> Option<Instant> {
    let due = |slot: &Slot| if slot.pending { Some(Instant(0)) } else { slot.due };
    let timed = |slot: &&Slot| matches!(slot.kind, Kind::Timer | Kind::DelayedWork) && !slot.cancelled;
    SLOTS.with(|slots| {
        let waiting = slots.iter().flatten().filter(timed);
        // Delayed work that is queued waits for the main loop and not for the timer.
        waiting.filter(|slot| slot.kind == Kind::Timer || !slot.pending).filter_map(due).min()
    })
}

/// The GPU has sent a message: calls the handlers of those that are enabled.
pub(super) fn interrupt() {
    for number in 0..CAPACITY {
        let enabled = take(number, |slot| {
            let is_interrupt = slot.kind == Kind::Interrupt;
            // A message is not lost: enabling delivers it.
            slot.pending |= is_interrupt && !slot.enabled;
            is_interrupt && slot.enabled
        });
        if let Some(callback) = enabled {
            call(&callback);
        }
    }
}

/// Calls the timers that are due, once each, and queues the delayed work that is.
pub(super) fn expire(now: Instant) {
    for number in 0..CAPACITY {
        let due = take(number, |slot| {
            let passed = slot.due.is_some_and(|at| at <= now);
            if passed {
                slot.due = None;
            }
            if slot.kind == Kind::Timer {
                return core::mem::take(&mut slot.pending) || passed;
            }
            slot.pending |= passed;
            false
        });
        let Some(callback) = due else { continue };
        if let Outcome::Timer(Rearm::At(at)) = call(&callback) {
            // Set from inside as well: the callback's answer counts.
            Registered::change(number, |slot| slot.due = Some(at));
        }
    }
}

/// What a driver holds for a callback: all four kinds at once, of which it sees one.
pub(crate) struct Registered(usize);

impl Registered {
    /// Changes a slot that is not cancelled; `None` if it is.
    fn change<R>(number: usize, f: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        SLOTS.with(|slots| slots.get_mut(number)?.as_mut().filter(|slot| !slot.cancelled).map(f))
    }

    fn with<R>(&self, f: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        Self::change(self.0, f)
    }
}

impl Registration for Registered {
    /// There is nobody to wait for. An interrupt is through before the main program goes on, which is where this is
    /// called; and work is not inside, since the gate was drained before.
    fn cancel(&self) {
        self.with(|slot| slot.cancelled = true);
    }

    fn replay(&self) {
        match self.with(|slot| {
            slot.pending |= slot.kind != Kind::Interrupt;
            slot.kind
        }) {
            Some(Kind::Interrupt) => platform::raise_gpu_interrupt(),
            Some(Kind::Timer) => reprogram(),
            _ => (),
        }
    }
}

impl Interrupt for Registered {
    fn enable(&self) {
        let missed = self.with(|slot| {
            slot.enabled = true;
            core::mem::take(&mut slot.pending)
        });
        if missed == Some(true) {
            platform::raise_gpu_interrupt();
        }
    }

    fn disable(&self) {
        self.with(|slot| slot.enabled = false);
    }
}

impl Work for Registered {
    fn queue(&self) -> bool {
        self.with(|slot| !core::mem::replace(&mut slot.pending, true)).unwrap_or(false)
    }
}

impl DelayedWork for Registered {
    fn queue_at(&self, at: Instant) -> bool {
        let queued = self.with(|slot| {
            let idle = slot.due.is_none() && !slot.pending;
            if idle {
                slot.due = Some(at);
            }
            idle
        });
        reprogram();
        queued.unwrap_or(false)
    }
}

impl Timer for Registered {
    fn arm(&self, at: Instant) -> bool {
        let armed = self.with(|slot| slot.due = Some(at)).is_some();
        reprogram();
        armed
    }

    fn disarm(&self) {
        self.with(|slot| slot.due = None);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        SLOTS.with(|slots| {
            if let Some(slot) = slots.get_mut(self.0) {
                *slot = None;
            }
        });
    }
}
