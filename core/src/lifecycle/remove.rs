//! Remove: close, drain, quiesce, free.

use core::fmt;

use super::device::{ClaimOf, Device};
use super::entry::EntryKind;
use super::registry::EntryRow;
use super::state::{IllegalTransition, State, Transition};
use super::teardown;
use super::{Driver, Outside};
use crate::hal::{Clock as _, Event as _, Host, Nanos};

impl<D: Driver, const N: usize> Device<D, N> {
    /// Removes the driver from the device, waiting for callbacks at most [`Host::REMOVE_LIMIT`].
    ///
    /// When this returns `Ok`: no callback runs or will run, no access reaches the bus, and everything
    /// the driver had registered is gone, last first.
    ///
    /// # Errors
    ///
    /// See [`remove_within`](Self::remove_within).
    pub fn remove(&self, outside: &mut Outside) -> Result<Removed, RemoveError> {
        self.remove_within(outside, D::Host::REMOVE_LIMIT)
    }

    /// Removes the driver from the device, waiting for callbacks to leave at most `limit`. What the
    /// driver's own steps and the host's cancelling take comes on top.
    ///
    /// # Errors
    ///
    /// [`RemoveError::Blocked`] names an entry that has not left in time. The device stays in
    /// `Removing`, its gate closed, everything still allocated; call again to go on.
    pub fn remove_within(&self, _outside: &mut Outside, limit: Nanos) -> Result<Removed, RemoveError> {
        self.take_apart(&mut self.cell.claim().ok_or(RemoveError::Busy)?, limit)
    }

    /// What a host does about [`Host::removal_requested`]: removes the driver if removal has been asked
    /// for in the present binding, or has begun and not ended. A request that comes late, when the device
    /// has been bound anew, removes nothing.
    ///
    /// # Errors
    ///
    /// See [`remove_within`](Self::remove_within); on `Busy` and `Blocked`, call again.
    pub fn remove_if_requested(
        &self,
        _outside: &mut Outside,
        limit: Nanos,
    ) -> Result<Option<Removed>, RemoveError> {
        // The claim keeps the binding as it is between the look and the removal.
        let mut claim = self.cell.claim().ok_or(RemoveError::Busy)?;
        let due = match self.state() {
            State::Removing => true,
            State::Bound | State::Suspended | State::Lost => self.removal_requested(),
            State::Unbound | State::Probing | State::Removed => false,
        };
        if due { self.take_apart(&mut claim, limit).map(Some) } else { Ok(None) }
    }

    fn take_apart(&self, claim: &mut ClaimOf<'_, D, N>, limit: Nanos) -> Result<Removed, RemoveError> {
        self.shared.state.go(Transition::Remove).map_err(RemoveError::State)?;
        self.shut(claim);
        drain(claim, limit).map_err(RemoveError::Blocked)?;
        let slot = claim.exclusive().ok_or(RemoveError::Busy)?;
        let mut removed = Removed { lost: false, failed: None };
        if let Some(body) = slot.as_mut() {
            removed.failed = teardown::take_down(body, &self.shared, !self.shared.is_asleep());
        }
        removed.lost = self.shared.is_gone();
        self.shared.end(slot.take(), Transition::Finish);
        self.shared.event.signal();
        Ok(removed)
    }

    /// Lets nobody in any more, wakes who waits, and holds the interrupts back: a line that stays up
    /// would be refused again and again while we wait.
    pub(super) fn shut(&self, claim: &ClaimOf<'_, D, N>) {
        self.cell.close();
        self.shared.event.signal();
        if let Some(body) = claim.get() {
            body.registry.interrupts(false);
        }
    }
}

/// Waits until nobody is inside.
pub(super) fn drain<D: Driver, const N: usize>(
    claim: &mut ClaimOf<'_, D, N>,
    limit: Nanos,
) -> Result<(), Blocker> {
    let start = claim.get().map(|body| body.host.now());
    while !claim.drained() {
        let (Some(body), Some(start)) = (claim.get(), start) else {
            // Nobody runs in a device that has no driver; somebody is being turned away.
            crate::sync::spin_loop();
            continue;
        };
        let waited = body.host.now().since(start);
        let lane = claim.busy();
        if waited >= limit && lane.is_some() {
            let row = lane.and_then(|lane| body.registry.entries.get(lane)?.as_ref());
            let (kind, name) = row.map_or((EntryKind::Session, "unknown"), EntryRow::describe);
            return Err(Blocker { kind, name, waited });
        }
        body.host.relax();
    }
    Ok(())
}

/// How a removal went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Removed {
    /// The device was gone: it was let go of without being talked to.
    pub lost: bool,
    /// The first step whose reverse failed, if any did; the removal went on.
    pub failed: Option<&'static str>,
}

/// An entry that has not left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Blocker {
    /// What kind of entry.
    pub kind: EntryKind,
    /// Its name.
    pub name: &'static str,
    /// How long it has been waited for.
    pub waited: Nanos,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` has not left after {}", self.kind.name(), self.name, self.waited)
    }
}

/// Why a removal did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RemoveError {
    /// A callback is still inside. Nothing has been freed; call again to go on.
    Blocked(Blocker),
    /// There is nothing to remove.
    State(IllegalTransition),
    /// Another thread is probing, suspending or removing the device.
    Busy,
}

impl fmt::Display for RemoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked(blocker) => write!(f, "remove is waiting: {blocker}; call remove again to go on"),
            Self::State(illegal) => illegal.fmt(f),
            Self::Busy => f.write_str("another thread is probing, suspending or removing the device"),
        }
    }
}

impl core::error::Error for RemoveError {}
