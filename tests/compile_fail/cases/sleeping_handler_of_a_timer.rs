//! E0308: a handler that may sleep is a handler of work, not of a timer or an interrupt.
#![allow(unused, unexpected_cfgs)]

use nova_core::hal::Rearm;
use nova_core::lifecycle::{Bound, DelayedWorkEntry, TimerEntry};
use nova_tests::toy::{Toy, ToyError};

#[cfg(trybuild)]
fn handler(_: &Bound<'_, Toy>) -> Result<Rearm, ToyError> {
    Ok(Rearm::No)
}
#[cfg(trybuild)]
const ENTRY: TimerEntry<Toy> = TimerEntry::new(1, "late", handler);

#[cfg(not(trybuild))]
fn handler(_: &Bound<'_, Toy>) -> Result<(), ToyError> {
    Ok(())
}
#[cfg(not(trybuild))]
const ENTRY: DelayedWorkEntry<Toy> = DelayedWorkEntry::new(1, "late", handler);

fn main() {}
