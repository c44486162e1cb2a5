//! Teardown in two passes: first quiesce everything, then free everything, both in exact reverse.
//!
//! One pass (quiesce an item and free it, then the next) is unsound in general: quiescing an earlier
//! item can still use a later one, which would be freed already. `tests/` keeps the one-pass version
//! as a test double to see that the test catches it.

use super::device::{Body, Shared};
use super::registry::{Registry, Undo};
use super::step::Step;
use super::token::{Lost, Parts, Removing};
use super::{Driver, Failure};
use crate::hal::Host;

/// First pass: nothing of the device or host is at work for the driver any more. Frees nothing.
///
/// With `live` false the device is not touched. Gives the first step whose reverse failed.
pub(super) fn quiesce<D: Driver, const N: usize>(
    body: &mut Body<D, N>,
    shared: &Shared<D::Host>,
    live: bool,
) -> Option<&'static str> {
    let Body { registry, data, bus, host } = body;
    let (data, bus, host) = (&*data, &*bus, &*host);
    let parts = || Parts { data, bus, host, shared, entries: &[] };
    let mut failed = None;
    while let Some(undo) = registry.order.iter().rev().nth(registry.quiesced) {
        // Counted before it is done: a step that panics is not run a second time.
        registry.quiesced += 1;
        match undo {
            Undo::Entry(lane) => {
                if let Some(row) = registry.entries.get(*lane).and_then(Option::as_ref) {
                    row.cancel();
                }
            }
            Undo::Step(step) => {
                let down = undo_step(step, &parts, live && !shared.is_gone());
                if let Err(error) = down {
                    D::failed(data, host, step.name, &error);
                    failed = failed.or(Some(step.name));
                    if error.is_gone() {
                        shared.set_gone();
                    }
                }
            }
        }
    }
    host.isolate();
    failed
}

/// Runs a step's reverse, or lets go of it without the device; the latter also when the device turns
/// out to be gone on the way.
fn undo_step<'a, D: Driver>(
    step: &Step<D>,
    parts: &impl Fn() -> Parts<'a, D>,
    live: bool,
) -> Result<(), D::Error> {
    let down = if live { (step.down)(&Removing::new(parts())) } else { Ok(()) };
    if !live || down.as_ref().is_err_and(Failure::is_gone) {
        (step.lost)(&Lost::new(parts()));
    }
    down
}

/// Second pass: frees what was registered, last first. The driver's state, the bus and the host
/// follow when the body itself is dropped.
pub(super) fn free<D: Driver, const N: usize>(registry: &mut Registry<D, N>) {
    while let Some(undo) = registry.order.pop() {
        if let Undo::Entry(lane) = undo {
            if let Some(row) = registry.entries.get_mut(lane) {
                *row = None;
            }
        }
    }
}
