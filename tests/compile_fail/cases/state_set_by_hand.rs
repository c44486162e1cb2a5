//! E0603: the state of a device is looked at; the lifecycle alone sets it.
#![allow(unused, unexpected_cfgs)]

#[cfg(not(trybuild))]
use nova_core::lifecycle::State;
#[cfg(trybuild)]
use nova_core::lifecycle::state::StateCell;

fn main() {}
