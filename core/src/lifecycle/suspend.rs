//! Suspend and resume: the gate closes, entries are parked, and everything comes back.

use core::fmt;

use super::child::ChildTrouble;
use super::device::{Body, ClaimOf, Device};
use super::registry::Undo;
use super::remove::Blocker;
use super::state::{IllegalTransition, State, Transition};
use super::token::{Parts, Removing, Starting, Suspended};
use super::{Driver, Failure, Outside};
use crate::bus::{Bus as _, Condition};
use crate::hal::{Clock as _, Host as _, Nanos};

impl<D: Driver, const N: usize> Device<D, N> {
    /// Puts the device to sleep, waiting for callbacks at most `limit`.
    ///
    /// When this returns `Ok`, no callback runs and nothing touches the device until
    /// [`resume`](Self::resume). Entries that come meanwhile are parked and run after it.
    ///
    /// # Errors
    ///
    /// [`SuspendError`]. The device is `Bound` again and in use, except when it was found gone, and
    /// when a step could not be woken again ([`SuspendError::Stuck`]).
    pub fn suspend(&self, outside: &mut Outside, limit: Nanos) -> Result<(), SuspendError<D::Error>> {
        let mut claim = self.cell.claim().ok_or(SuspendError::Busy)?;
        self.put_to_sleep(&mut claim, outside, limit)
    }

    pub(super) fn put_to_sleep(
        &self,
        claim: &mut ClaimOf<'_, D, N>,
        outside: &mut Outside,
        limit: Nanos,
    ) -> Result<(), SuspendError<D::Error>> {
        self.shut(claim, Transition::Suspend).map_err(SuspendError::State)?;
        let start = claim.get().map(|body| body.host.now());
        if let Err(blocker) = self.drain(claim, limit, None) {
            return Err(self.back(claim, outside, SuspendError::Blocked(blocker)));
        }
        let Some(body) = claim.get() else { return Err(SuspendError::Busy) };
        // Nobody is inside, so nobody joins any more.
        let limit = start.map_or(limit, |start| limit.minus(body.host.now().since(start)));
        let slept = body.suspend_children(outside, limit).and_then(|()| self.sleep(body));
        if self.gone(body, slept.as_ref().err()) {
            return Err(SuspendError::Gone);
        }
        match slept {
            Ok(()) | Err(SuspendError::Stuck { .. }) => slept,
            Err(error) => Err(self.back(claim, outside, error)),
        }
    }

    /// Takes the device back into use after `error`, which is the one to tell, except if it is gone now.
    fn back(
        &self,
        claim: &mut ClaimOf<'_, D, N>,
        outside: &mut Outside,
        error: SuspendError<D::Error>,
    ) -> SuspendError<D::Error> {
        let reopened = self.reopen(claim, outside);
        reopened.err().filter(SuspendError::is_gone).unwrap_or(error)
    }

    /// Wakes the device up and lets parked entries run.
    ///
    /// # Errors
    ///
    /// [`SuspendError`]. The device stays `Suspended`; call again, or remove it. With
    /// [`SuspendError::Child`] it is in use, and that child stays asleep.
    pub fn resume(&self, outside: &mut Outside) -> Result<(), SuspendError<D::Error>> {
        let mut claim = self.cell.claim().ok_or(SuspendError::Busy)?;
        let state = self.state();
        if state != State::Suspended {
            return Err(SuspendError::State(IllegalTransition { state, transition: Transition::Resume }));
        }
        let Some(body) = claim.get() else { return Err(SuspendError::Busy) };
        // The claim is what makes this look good for as long as it takes: a parent needs it to go to sleep.
        if body.bus.condition() == Condition::Asleep {
            return Err(SuspendError::ParentAsleep);
        }
        self.ask_parent(body);
        let woken = if self.shared.is_gone() { Err(SuspendError::Gone) } else { self.wake(body) };
        if self.gone(body, woken.as_ref().err()) {
            return Err(SuspendError::Gone);
        }
        woken?;
        self.reopen(&mut claim, outside)
    }

    fn reopen(
        &self,
        claim: &mut ClaimOf<'_, D, N>,
        outside: &mut Outside,
    ) -> Result<(), SuspendError<D::Error>> {
        let now = claim.get().map(|body| body.host.coarse_now());
        // Not legal only when the device was lost meanwhile.
        self.shared.go(Transition::Resume, now).map_err(|_| SuspendError::Gone)?;
        self.open(claim);
        let Some(body) = claim.get() else { return Err(SuspendError::Busy) };
        if self.shared.removal_requested() {
            // A removal that the request started meanwhile may have found us busy.
            body.host.removal_requested();
        }
        body.resume_children(outside)
    }

    /// Whether the device was found gone; if so, draws the consequences.
    fn gone(&self, body: &Body<D, N>, error: Option<&SuspendError<D::Error>>) -> bool {
        if error.is_some_and(SuspendError::is_gone) {
            self.shared.set_gone();
        }
        self.settle(&body.host);
        self.shared.is_gone()
    }

    /// Puts step after step to sleep, last first; on an error wakes those again that sleep.
    fn sleep(&self, body: &Body<D, N>) -> Result<(), SuspendError<D::Error>> {
        let Err((step, error)) = self.sleep_steps(body) else {
            D::suspended(&Suspended::new(self.parts(body)));
            return Ok(());
        };
        if error.is_gone() {
            return Err(SuspendError::Driver { step, error });
        }
        match self.wake_steps(body) {
            Ok(()) => Err(SuspendError::Driver { step, error }),
            Err((_, again)) if again.is_gone() => Err(SuspendError::Gone),
            // Half asleep: nobody is let in, and the first error is the one to tell.
            Err(_) => Err(SuspendError::Stuck { step, error }),
        }
    }

    /// Wakes the steps that sleep, in order; on an error puts all of them to sleep again.
    fn wake(&self, body: &Body<D, N>) -> Result<(), SuspendError<D::Error>> {
        let Err((step, error)) = self.wake_steps(body) else { return Ok(()) };
        if error.is_gone() {
            return Err(SuspendError::Driver { step, error });
        }
        match self.sleep_steps(body) {
            Err((_, again)) if again.is_gone() => Err(SuspendError::Gone),
            // The first error is the one to tell.
            _ => Err(SuspendError::Driver { step, error }),
        }
    }

    /// Puts the steps that are awake to sleep, last first; tells where it failed. A step that fails stays
    /// awake.
    fn sleep_steps(&self, body: &Body<D, N>) -> Result<(), FailedStep<D>> {
        let order = &body.registry.order;
        for (slept, undo) in order.iter().rev().enumerate().skip(self.shared.slept()) {
            if let Undo::Step(step) = undo {
                (step.suspend)(&Removing::new(self.parts(body))).map_err(|error| (step.name, error))?;
            }
            self.shared.set_slept(slept + 1);
        }
        Ok(())
    }

    /// Wakes the steps that sleep, in order; tells where it failed. A step that fails stays asleep.
    fn wake_steps(&self, body: &Body<D, N>) -> Result<(), FailedStep<D>> {
        let order = &body.registry.order;
        for (left, undo) in order.iter().rev().enumerate().take(self.shared.slept()).rev() {
            if let Undo::Step(step) = undo {
                (step.resume)(&Starting::new(self.parts(body))).map_err(|error| (step.name, error))?;
            }
            self.shared.set_slept(left);
        }
        Ok(())
    }

    fn parts<'a>(&'a self, body: &'a Body<D, N>) -> Parts<'a, D> {
        Parts { entries: &[], ..body.parts(&self.shared) }
    }
}

/// The name and the error of a step.
type FailedStep<D> = (&'static str, <D as Driver>::Error);

/// Why a device did not go to sleep or wake up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SuspendError<E> {
    /// A step of the driver failed.
    Driver {
        /// The step.
        step: &'static str,
        /// Its error.
        error: E,
    },
    /// A step failed, and one that had gone to sleep before it did not wake up again. The device stays
    /// `Suspended`, nobody is let in; resume it, or remove it.
    Stuck {
        /// The step that failed first.
        step: &'static str,
        /// Its error.
        error: E,
    },
    /// A callback has not left in time.
    Blocked(Blocker),
    /// A child did not go to sleep, or did not wake up.
    Child {
        /// What the driver calls children of its class.
        name: &'static str,
        /// What is wrong with it.
        trouble: ChildTrouble,
    },
    /// The device is part of one that sleeps; resume that one.
    ParentAsleep,
    /// The device is gone; remove it.
    Gone,
    /// The device is in no state for this.
    State(IllegalTransition),
    /// Another thread is probing, suspending or removing the device.
    Busy,
}

impl<E: Failure> SuspendError<E> {
    /// Whether the device is gone.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Gone => true,
            Self::Driver { error, .. } | Self::Stuck { error, .. } => error.is_gone(),
            _ => false,
        }
    }
}

impl<E: fmt::Display> fmt::Display for SuspendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Driver { step, error } => write!(f, "`{step}` failed: {error}"),
            Self::Stuck { step, error } => {
                write!(f, "`{step}` failed: {error}; the device is half asleep, resume or remove it")
            }
            Self::Blocked(blocker) => write!(f, "suspend gave up: {blocker}"),
            Self::Child { name, trouble } => write!(f, "child `{name}`: {trouble}"),
            Self::ParentAsleep => f.write_str("the device is part of one that sleeps; resume that one first"),
            Self::Gone => f.write_str("the device is gone; remove it"),
            Self::State(illegal) => illegal.fmt(f),
            Self::Busy => f.write_str("another thread is probing, suspending or removing the device"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for SuspendError<E> {}
