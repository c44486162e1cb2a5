//! The main loop: work items run here, and here alone, one after the other.

use nova_core::hal::Instant;

use super::slots::{self, Kind};
use super::wake_by;
use crate::platform;

/// Runs what is queued, once each; if nothing is, sleeps until an interrupt comes, unless `idle` says not to.
/// There is one at `until`, if none comes before.
pub(crate) fn turn(until: Instant, idle: impl Fn() -> bool) {
    if run() == 0 {
        critical_section::with(|held| {
            if idle() && !slots::is_queued() {
                wake_by(until);
                platform::wait_for_interrupt(held);
            }
        });
    }
}

/// Runs what is queued, once each, and gives how much that was: work that queues itself again has its next turn in
/// the next call.
pub(crate) fn run() -> usize {
    let mut ran = 0;
    for number in 0..slots::CAPACITY {
        let callback = slots::take(number, |slot| {
            matches!(slot.kind, Kind::Work | Kind::DelayedWork) && core::mem::take(&mut slot.pending)
        });
        if let Some(callback) = callback {
            slots::call(&callback);
            ran += 1;
        }
    }
    ran
}
