// SPDX-License-Identifier: GPL-2.0

//! What the kernel calls: interrupts, work, delayed work and timers.
//!
//! Each of them keeps the one promise of `hal::Registration::cancel`: when it has returned, the kernel is not inside the
//! callback and does not call it again. The kernel's function that waits for that is named at each.

use core::ops::Deref;
use core::pin::Pin;

use kernel::prelude::*;
use kernel::sync::Arc;
use nova_core::hal::{
    Callback, DelayedWork, Entrant, Instant, Interrupt, Irq, Lock, Outcome, Rearm, Registration, Timer, Work,
};

use crate::card::{Card, Handle};
use crate::raw::irq::{Handler, Line};
use crate::raw::lock::IrqLock;
use crate::raw::pci::Function;
use crate::raw::timer;
use crate::raw::work::{DelayedItem, Item, Job, Timed, WorkQueue};

/// Never due.
const NEVER: u64 = u64::MAX;

/// A reference to a device, as the driver core has it.
pub(crate) trait Reference: Deref<Target: Entrant> + Send + Sync + 'static {}
impl<T: Deref<Target: Entrant> + Send + Sync + 'static> Reference for T {}

struct Call<R>(Callback<R>);

impl<R: Reference> Job for Call<R> {
    fn run(&self) {
        let _ = self.0.call();
    }
}

/// A work item: `disable_work_sync`.
pub(crate) struct WorkEntry<R = Handle>(Pin<KBox<Item<Call<R>>>>);

impl<R: Reference> WorkEntry<R> {
    pub(crate) fn new(queue: &Arc<WorkQueue>, callback: Callback<R>) -> Result<Self> {
        Ok(Self(Item::new(queue.clone(), Call(callback))?))
    }
}

impl<R: Reference> Registration for WorkEntry<R> {
    fn cancel(&self) {
        self.0.cancel();
    }
    fn replay(&self) {
        // If it is queued already, that call does for both.
        let _ = self.0.queue();
    }
}

impl<R: Reference> Work for WorkEntry<R> {
    fn queue(&self) -> bool {
        self.0.queue()
    }
}

/// When a callback is to be called. The kernel's own object is set to the earlier of the two.
struct Plan {
    /// When it is set to; `NEVER` if it is not.
    due: u64,
    /// Once more at once, beside that.
    replay: bool,
    cancelled: bool,
}

impl Plan {
    const NEW: Self = Self { due: NEVER, replay: false, cancelled: false };

    fn next(&self) -> u64 {
        if self.replay {
            0
        } else {
            self.due
        }
    }
}

/// A callback with a plan.
struct Planned<R> {
    callback: Callback<R>,
    // The kernel's object is set under it, so that the last setting is the one that counts.
    plan: IrqLock<Plan>,
}

impl<R: Reference> Planned<R> {
    fn new(callback: Callback<R>) -> Self {
        Self { callback, plan: IrqLock::new(Plan::NEW) }
    }

    /// Sets it to `at`; unless `over`, only if it is not set. `false` when it is cancelled, or set already.
    fn set_to(&self, at: u64, over: bool, set: impl FnOnce(u64)) -> bool {
        self.plan.with(|plan| {
            if plan.cancelled || (plan.due != NEVER && !over) {
                return false;
            }
            plan.due = at.min(NEVER - 1);
            set(plan.next());
            true
        })
    }

    fn replay(&self, set: impl FnOnce(u64)) {
        self.plan.with(|plan| {
            if !plan.cancelled {
                plan.replay = true;
                set(plan.next());
            }
        });
    }

    /// Takes the setting back; `unset` when nothing is left.
    fn forget(&self, unset: impl FnOnce()) {
        self.plan.with(|plan| {
            plan.due = NEVER;
            if !plan.replay {
                unset();
            }
        });
    }

    /// From now on nobody sets the kernel's object.
    fn end(&self) {
        self.plan.with(|plan| plan.cancelled = true);
    }

    /// Takes one call: for the replay, or for the setting. The other one stays.
    fn take(plan: &mut Plan, set: &impl Fn(u64)) -> bool {
        if plan.cancelled {
            return false;
        }
        if plan.replay {
            plan.replay = false;
            if plan.due != NEVER {
                set(plan.due);
            }
            return true;
        }
        // Not set: the setting was taken back when the call was on its way.
        core::mem::replace(&mut plan.due, NEVER) != NEVER
    }
}

impl<R: Reference> Timed for Planned<R> {
    fn run(&self, set: impl Fn(u64)) {
        if !self.plan.with(|plan| Self::take(plan, &set)) {
            return;
        }
        if let Outcome::Timer(Rearm::At(at)) = self.callback.call() {
            // A setting that somebody made meanwhile is the newer one.
            let _ = self.set_to(at.nanos(), false, set);
        }
    }
}

/// A work item for later: `disable_delayed_work_sync`.
pub(crate) struct DelayedEntry<R = Handle>(Pin<KBox<DelayedItem<Planned<R>>>>);

impl<R: Reference> DelayedEntry<R> {
    pub(crate) fn new(queue: &Arc<WorkQueue>, callback: Callback<R>) -> Result<Self> {
        Ok(Self(DelayedItem::new(queue.clone(), Planned::new(callback))?))
    }
}

impl<R: Reference> Registration for DelayedEntry<R> {
    fn cancel(&self) {
        self.0.job().end();
        self.0.cancel();
    }
    fn replay(&self) {
        self.0.job().replay(|at| self.0.start(at));
    }
}

impl<R: Reference> DelayedWork for DelayedEntry<R> {
    fn queue_at(&self, at: Instant) -> bool {
        self.0.job().set_to(at.nanos(), false, |at| self.0.start(at))
    }
}

/// A timer: `hrtimer_cancel`, after which nobody sets it.
pub(crate) struct TimerEntry<R = Handle>(Pin<KBox<timer::Timer<Planned<R>>>>);

impl<R: Reference> TimerEntry<R> {
    pub(crate) fn new(callback: Callback<R>) -> Result<Self> {
        Ok(Self(timer::Timer::new(Planned::new(callback))?))
    }
}

impl<R: Reference> Registration for TimerEntry<R> {
    fn cancel(&self) {
        self.0.job().end();
        self.0.cancel();
    }
    fn replay(&self) {
        self.0.job().replay(|at| self.0.start(at));
    }
}

impl<R: Reference> Timer for TimerEntry<R> {
    fn arm(&self, at: Instant) -> bool {
        self.0.job().set_to(at.nanos(), true, |at| self.0.start(at))
    }
    fn disarm(&self) {
        self.0.job().forget(|| self.0.stop());
    }
}

struct OnIrq {
    callback: Callback<Handle>,
    card: Arc<Card>,
}

impl Handler for OnIrq {
    fn handle(&self) -> bool {
        match self.callback.call() {
            Outcome::Interrupt(Irq::Handled) => {
                self.card.count_served();
                true
            }
            // Something was there.
            Outcome::Failed => true,
            _ => false,
        }
    }
}

/// Calls the handler once more, in a moment in which the interrupt itself cannot.
struct Replay(Arc<Line<OnIrq>>);

impl Job for Replay {
    fn run(&self) {
        self.0.disable_sync();
        self.0.call_now();
        self.0.enable();
    }
}

struct Switch {
    /// The kernel counts; core's enable and disable do not.
    enabled: bool,
    /// To be called once more as soon as it is enabled.
    replay: bool,
    cancelled: bool,
}

/// An interrupt: `free_irq`, and `disable_work_sync` for its replay.
pub(crate) struct IrqEntry {
    line: Arc<Line<OnIrq>>,
    replay: Pin<KBox<Item<Replay>>>,
    switch: IrqLock<Switch>,
}

impl IrqEntry {
    pub(crate) fn new(
        card: &Arc<Card>,
        function: &Arc<Function>,
        vector: u32,
        callback: Callback<Handle>,
    ) -> Result<Self> {
        let handler = OnIrq { callback, card: card.clone() };
        let line = Line::request(function.clone(), vector, handler)?;
        let replay = Item::new(card.shared.queue.clone(), Replay(line.clone()))?;
        let switch = IrqLock::new(Switch { enabled: false, replay: false, cancelled: false });
        Ok(Self { line, replay, switch })
    }
}

impl Registration for IrqEntry {
    fn cancel(&self) {
        self.switch.with(|switch| switch.cancelled = true);
        // In this order: the replay uses the line.
        self.replay.cancel();
        self.line.free();
    }

    fn replay(&self) {
        self.switch.with(|switch| {
            if switch.enabled && !switch.cancelled {
                let _ = self.replay.queue();
            } else {
                switch.replay = true;
            }
        });
    }
}

impl Interrupt for IrqEntry {
    fn enable(&self) {
        self.switch.with(|switch| {
            if switch.enabled || switch.cancelled {
                return;
            }
            switch.enabled = true;
            self.line.enable();
            if core::mem::take(&mut switch.replay) {
                let _ = self.replay.queue();
            }
        });
    }

    fn disable(&self) {
        self.switch.with(|switch| {
            if switch.enabled && !switch.cancelled {
                switch.enabled = false;
                self.line.disable();
            }
        });
    }
}
