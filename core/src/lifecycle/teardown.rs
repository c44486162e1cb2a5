//! Teardown in two passes: first quiesce everything, then free everything, both in exact reverse.
//!
//! One pass (quiesce an item and free it, then the next) is unsound in general: quiescing an earlier
//! item can still use a later one, which would be freed already. `tests/` keeps the one-pass version
//! as a test double to see that the test catches it.

use super::device::{Body, Shared};
use super::registry::{Registry, Undo};
use super::token::{Lost, Parts, Removing};
use super::{Driver, Failure};

/// First pass: nothing of the device or host is at work for the driver any more. Frees nothing.
///
/// With `live` false the device is not touched. Gives the first step whose reverse failed.
pub(super) fn quiesce<D: Driver, const N: usize>(
    body: &Body<D, N>,
    shared: &Shared<D::Host>,
    live: bool,
) -> Option<&'static str> {
    let parts = || Parts { data: &body.data, bus: &body.bus, host: &body.host, shared, entries: &[] };
    let mut failed = None;
    for undo in body.registry.order.iter().rev() {
        match undo {
            Undo::Entry(lane) => {
                if let Some(row) = body.registry.entries.get(*lane).and_then(Option::as_ref) {
                    row.cancel();
                }
            }
            Undo::Step(step) => {
                // A device that goes away half-way is not talked to from then on.
                if live && !shared.is_gone() {
                    if let Err(error) = (step.down)(&Removing::new(parts())) {
                        D::failed(&body.data, &body.host, step.name, &error);
                        failed = failed.or(Some(step.name));
                        if error.is_gone() {
                            shared.set_gone();
                        }
                    }
                }
                if !live || shared.is_gone() {
                    (step.lost)(&Lost::new(parts()));
                }
            }
        }
    }
    failed
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
