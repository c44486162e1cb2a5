//! Suspend and resume: the gate closes, entries are parked, and everything comes back.

use core::fmt;

use super::device::{Body, Device};
use super::registry::{EntryRow, Undo};
use super::remove::{Blocker, drain};
use super::state::{IllegalTransition, Transition};
use super::token::{Parts, Removing, Starting, Suspended};
use super::{Driver, Failure, Outside};
use crate::hal::{Event as _, Interrupt as _, Nanos};

impl<D: Driver, const N: usize> Device<D, N> {
    /// Puts the device to sleep, waiting for callbacks at most `limit`.
    ///
    /// When this returns `Ok`, no callback runs and nothing touches the device until
    /// [`resume`](Self::resume). Entries that come meanwhile are parked and run after it.
    ///
    /// # Errors
    ///
    /// [`SuspendError`]. The device is `Bound` again and in use, except when it was found gone.
    pub fn suspend(&self, _outside: &mut Outside, limit: Nanos) -> Result<(), SuspendError<D::Error>> {
        let mut claim = self.cell.claim().ok_or(SuspendError::Busy)?;
        self.shared.state.go(Transition::Suspend).map_err(SuspendError::State)?;
        self.cell.close();
        self.shared.event.signal();
        if let Err(blocker) = drain(&claim, limit) {
            self.reopen(&mut claim)?;
            return Err(SuspendError::Blocked(blocker));
        }
        let slot = claim.exclusive().ok_or(SuspendError::Busy)?;
        let slept = slot.as_mut().map_or(Ok(()), |body| self.sleep(body));
        match slept {
            Err(error) if self.shared.is_gone() || error.is_gone() => {
                self.lose();
                Err(SuspendError::Gone)
            }
            Err(error) => {
                self.reopen(&mut claim)?;
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Wakes the device up and lets parked entries run.
    ///
    /// # Errors
    ///
    /// [`SuspendError`]. The device stays `Suspended`; call again, or remove it.
    pub fn resume(&self, _outside: &mut Outside) -> Result<(), SuspendError<D::Error>> {
        let mut claim = self.cell.claim().ok_or(SuspendError::Busy)?;
        let state = self.state();
        if state != super::State::Suspended {
            return Err(SuspendError::State(IllegalTransition { state, transition: Transition::Resume }));
        }
        let slot = claim.exclusive().ok_or(SuspendError::Busy)?;
        let woken = slot.as_mut().map_or(Ok(()), |body| self.wake(body, body.registry.order.len()));
        if let Err(error) = woken {
            if error.is_gone() || self.shared.is_gone() {
                self.lose();
                return Err(SuspendError::Gone);
            }
            return Err(error);
        }
        self.reopen(&mut claim)
    }

    fn reopen(&self, claim: &mut super::device::ClaimOf<'_, D, N>) -> Result<(), SuspendError<D::Error>> {
        // Not legal only when the device was lost meanwhile.
        self.shared.state.go(Transition::Resume).map_err(|_| SuspendError::Gone)?;
        self.open(claim);
        Ok(())
    }

    /// Puts step after step to sleep, last first; on an error wakes those again that slept.
    fn sleep(&self, body: &Body<D, N>) -> Result<(), SuspendError<D::Error>> {
        for (place, undo) in body.registry.order.iter().enumerate().rev() {
            match undo {
                Undo::Entry(lane) => {
                    if let Some(Some(EntryRow::Interrupt { registration, .. })) =
                        body.registry.entries.get(*lane)
                    {
                        registration.disable();
                    }
                }
                Undo::Step(step) => {
                    if let Err(error) = (step.suspend)(&Removing::new(self.parts(body))) {
                        if !error.is_gone() {
                            self.wake_from(body, place + 1)?;
                        }
                        return Err(SuspendError::Driver { step: step.name, error });
                    }
                }
            }
        }
        D::suspended(&Suspended::new(self.parts(body)));
        Ok(())
    }

    /// Wakes the first `count` steps, in order; on an error puts those to sleep again.
    fn wake(&self, body: &Body<D, N>, count: usize) -> Result<(), SuspendError<D::Error>> {
        let result = self.wake_range(body, 0, count);
        if let Err((place, error)) = result {
            if !error.is_gone() {
                for undo in body.registry.order.iter().take(place).rev() {
                    if let Undo::Step(step) = undo {
                        // The first error is the one to report.
                        let _ = (step.suspend)(&Removing::new(self.parts(body)));
                    }
                }
            }
            return Err(error);
        }
        Ok(())
    }

    fn wake_from(&self, body: &Body<D, N>, first: usize) -> Result<(), SuspendError<D::Error>> {
        self.wake_range(body, first, body.registry.order.len()).map_err(|(_, error)| error)
    }

    fn wake_range(
        &self,
        body: &Body<D, N>,
        first: usize,
        end: usize,
    ) -> Result<(), (usize, SuspendError<D::Error>)> {
        for (place, undo) in body.registry.order.iter().enumerate().take(end).skip(first) {
            match undo {
                Undo::Entry(lane) => {
                    if let Some(Some(EntryRow::Interrupt { registration, .. })) =
                        body.registry.entries.get(*lane)
                    {
                        registration.enable();
                    }
                }
                Undo::Step(step) => (step.resume)(&Starting::new(self.parts(body)))
                    .map_err(|error| (place, SuspendError::Driver { step: step.name, error }))?,
            }
        }
        Ok(())
    }

    fn parts<'a>(&'a self, body: &'a Body<D, N>) -> Parts<'a, D> {
        Parts { entries: &[], ..body.parts(&self.shared) }
    }
}

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
    /// A callback has not left in time.
    Blocked(Blocker),
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
            Self::Driver { error, .. } => error.is_gone(),
            _ => false,
        }
    }
}

impl<E: fmt::Display> fmt::Display for SuspendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Driver { step, error } => write!(f, "`{step}` failed: {error}"),
            Self::Blocked(blocker) => write!(f, "suspend gave up: {blocker}"),
            Self::Gone => f.write_str("the device is gone; remove it"),
            Self::State(illegal) => illegal.fmt(f),
            Self::Busy => f.write_str("another thread is probing, suspending or removing the device"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for SuspendError<E> {}
