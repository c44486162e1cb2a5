//! Remove: close, drain, quiesce, free.

use core::fmt;

use super::device::{Body, ClaimOf, Device};
use super::history::EventKind;
use super::state::{IllegalTransition, State, Transition};
use super::teardown;
use super::visitors::{Label, Visitor};
use super::{Driver, Outside};
use crate::bus::{Bus as _, Condition};
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
    pub fn remove_within(&self, outside: &mut Outside, limit: Nanos) -> Result<Removed, RemoveError> {
        self.take_apart(&mut self.cell.claim().ok_or(RemoveError::Busy)?, outside, limit)
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
        outside: &mut Outside,
        limit: Nanos,
    ) -> Result<Option<Removed>, RemoveError> {
        // Without the claim first: one who only asks is in nobody's way.
        if !self.removal_is_due() {
            return Ok(None);
        }
        // The claim keeps the binding as it is between the look and the removal.
        let mut claim = self.cell.claim().ok_or(RemoveError::Busy)?;
        if self.removal_is_due() { self.take_apart(&mut claim, outside, limit).map(Some) } else { Ok(None) }
    }

    fn removal_is_due(&self) -> bool {
        match self.state() {
            State::Removing => true,
            // Not bound yet: asked for while it is being opened, or not at all.
            State::Bound | State::Suspended | State::Lost => self.removal_requested(),
            State::Unbound | State::Probing | State::Removed => false,
        }
    }

    fn take_apart(
        &self,
        claim: &mut ClaimOf<'_, D, N>,
        outside: &mut Outside,
        limit: Nanos,
    ) -> Result<Removed, RemoveError> {
        self.shut(claim, Transition::Remove).map_err(RemoveError::State)?;
        self.drain(claim, limit, Some(outside)).map_err(RemoveError::Blocked)?;
        let slot = claim.exclusive().ok_or(RemoveError::Busy)?;
        let mut failed = None;
        if let Some(body) = slot.as_mut() {
            self.ask_parent(body);
            // Not to be touched either while it is part of a device that sleeps.
            let live = body.bus.condition() != Condition::Asleep;
            failed = teardown::take_down(body, &self.shared, live);
        }
        let removed = Removed { lost: self.shared.is_gone(), failed };
        self.shared.end(slot, Transition::Finish);
        Ok(removed)
    }

    /// Makes a transition after which nobody is let in; wakes who waits, and holds the interrupts back: a
    /// line that stays up would be refused again and again while we wait.
    pub(super) fn shut(
        &self,
        claim: &mut ClaimOf<'_, D, N>,
        transition: Transition,
    ) -> Result<(), IllegalTransition> {
        let from = self.shared.state.go(transition)?;
        // At once: whatever comes before it, a look at the clock included, is time for others to come in.
        claim.close();
        let now = claim.get().map(|body| body.host.coarse_now());
        self.shared.went(from, transition, now);
        self.shared.event.signal();
        if let Some(body) = claim.get() {
            body.registry.interrupts(false);
        }
        Ok(())
    }

    /// Waits until nobody is inside; for a removal, which lends its `Outside`, removes the children as well.
    pub(super) fn drain(
        &self,
        claim: &mut ClaimOf<'_, D, N>,
        limit: Nanos,
        mut outside: Option<&mut Outside>,
    ) -> Result<(), Blocker> {
        let start = claim.get().map(|body| body.host.now());
        let (mut seen, mut late) = (None, false);
        loop {
            let waited = |body: &Body<D, N>| body.host.now().since(start.unwrap_or_default());
            let mut child = None;
            if let (Some(body), Some(outside)) = (claim.get(), outside.as_deref_mut()) {
                child = body.remove_children(outside, || limit.minus(waited(body)));
            }
            // Whoever joins is inside, so once nobody is, the look at the children was at the last of them.
            if claim.drained() && !(outside.is_some() && claim.held()) {
                break;
            }
            let Some(body) = claim.get() else {
                // Nobody runs in a device that has no driver; somebody is being turned away.
                crate::sync::spin_loop();
                continue;
            };
            let lane = claim.busy();
            if lane.is_some() && lane != seen {
                self.tell(body, EventKind::Waits { lane: lane.unwrap_or_default() as u16 });
                seen = lane;
            }
            let waited = waited(body);
            if waited >= limit {
                let held = outside.is_some();
                if let Some(blocker) = child.or_else(|| self.blocker(body, lane, held, waited, late)) {
                    self.tell(body, EventKind::GaveUp);
                    return Err(blocker);
                }
                // They have left by now; the next look is the last.
                late = true;
            }
            body.host.relax();
        }
        if let Some(body) = claim.get() {
            self.tell(body, EventKind::Drained);
        }
        Ok(())
    }

    /// Whom a drain waits for: who is inside of `lane`, or a child that holds on. `None` if they have left by
    /// now, except if that was `late`ly the answer already.
    fn blocker(
        &self,
        body: &Body<D, N>,
        lane: Option<usize>,
        held: bool,
        waited: Nanos,
        late: bool,
    ) -> Option<Blocker> {
        let unknown = late.then(|| Label::UNKNOWN.visitor(None));
        let who = match lane {
            Some(lane) => {
                let label = body.registry.labels.get(lane).copied().flatten();
                // A lane without an entry: a gate that cannot rule out that somebody is inside says so too.
                label.unwrap_or(Label::UNKNOWN).visitor(self.since(lane))
            }
            None if held => body.holder().or(unknown)?,
            None => unknown?,
        };
        Some(Blocker { who, waited, child: None })
    }

    fn tell(&self, body: &Body<D, N>, what: EventKind) {
        self.shared.ring.add(Some(body.host.coarse_now()), what);
    }
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

/// An entry that has not left, or a child that has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Blocker {
    /// Who: the entry, and since when somebody is inside of it.
    pub who: Visitor,
    /// How long it has been waited for.
    pub waited: Nanos,
    /// If it is an entry of a child, what the parent calls children of its class.
    pub child: Option<&'static str>,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(child) = self.child {
            write!(f, "of child `{child}`: ")?;
        }
        write!(f, "{} has not left after {}", self.who, self.waited)
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
