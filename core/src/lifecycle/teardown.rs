//! Teardown in two passes: first quiesce everything, then free everything, both in exact reverse.
//!
//! One pass (quiesce an item and free it, then the next) is unsound in general: quiescing an earlier
//! item can still use a later one, which would be freed already. `tests/` keeps the one-pass version
//! as a test double to see that the test catches it.

use super::device::{Body, Shared};
use super::registry::{Registry, Undo};
use super::step::Step;
use super::token::{HostClock, Lost, Parts, Removing};
use super::{BusOf, Driver, Failure};
use crate::hal::Host as _;

/// Things that are taken down in the reverse of the order in which they were set up.
pub trait Teardown {
    /// Quiesces the last one that is not quiesced yet: afterwards nothing is at work for it. Frees
    /// nothing. False when there was none left.
    fn quiesce_last(&mut self) -> bool;
    /// Frees the last one that is not freed yet. False when there was none left.
    fn free_last(&mut self) -> bool;
}

/// Takes everything down: quiesces all, then frees all.
pub fn two_pass(things: &mut impl Teardown) {
    while things.quiesce_last() {}
    while things.free_last() {}
}

/// Takes down what a driver has registered; with `live` false the device is not touched, and for a step
/// that sleeps it is not either. Gives the first step whose reverse failed. The driver's state, the bus
/// and the host follow when the body itself is dropped.
pub(super) fn take_down<D: Driver, const N: usize>(
    body: &mut Body<D, N>,
    shared: &Shared<D::Host>,
    live: bool,
) -> Option<&'static str> {
    // Of the children nothing is left: each holds on to the body until it has been taken down.
    let Body { registry, children: _, data, bus, host } = body;
    let mut registered = Registered { registry, data, bus, host, shared, live, failed: None };
    two_pass(&mut registered);
    registered.failed
}

/// What a driver has registered, and what its steps need to be undone.
struct Registered<'a, D: Driver, const N: usize> {
    registry: &'a mut Registry<D, N>,
    data: &'a D,
    bus: &'a BusOf<D>,
    host: &'a D::Host,
    shared: &'a Shared<D::Host>,
    live: bool,
    failed: Option<&'static str>,
}

impl<D: Driver, const N: usize> Teardown for Registered<'_, D, N> {
    fn quiesce_last(&mut self) -> bool {
        let from_the_end = self.registry.quiesced;
        let Some(undo) = self.registry.order.iter().rev().nth(from_the_end) else {
            self.host.isolate();
            return false;
        };
        let awake = from_the_end >= self.shared.slept();
        // Counted before it is done: a step that panics is not run a second time.
        self.registry.quiesced += 1;
        match undo {
            Undo::Entry(lane) => {
                if let Some(row) = self.registry.entries.get(*lane).and_then(Option::as_ref) {
                    row.cancel();
                }
            }
            Undo::Step(step) => {
                if let Err(error) = self.undo(step, awake) {
                    D::failed(self.data, HostClock::new(self.host), step.name, &error);
                    self.failed = self.failed.or(Some(step.name));
                    self.shared.note(&error);
                }
            }
        }
        true
    }

    fn free_last(&mut self) -> bool {
        let Some(undo) = self.registry.order.pop() else { return false };
        if let Undo::Entry(lane) = undo {
            if let Some(row) = self.registry.entries.get_mut(lane) {
                *row = None;
            }
        }
        true
    }
}

impl<D: Driver, const N: usize> Registered<'_, D, N> {
    /// Runs a step's reverse, or lets go of it without the device; the latter also when the device turns
    /// out to be gone on the way.
    fn undo(&self, step: &Step<D>, awake: bool) -> Result<(), D::Error> {
        let live = awake && self.live && !self.shared.is_gone();
        let down = if live { (step.down)(&Removing::new(self.parts())) } else { Ok(()) };
        if !live || down.as_ref().is_err_and(Failure::is_gone) {
            (step.lost)(&Lost::new(self.parts()));
        }
        down
    }

    fn parts(&self) -> Parts<'_, D> {
        Parts { data: self.data, bus: self.bus, host: self.host, shared: self.shared, entries: &[] }
    }
}
