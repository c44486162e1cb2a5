//! E0603: nor can a unit be had by itself, to be used with any registers.
#![allow(unused, unexpected_cfgs)]

#[cfg(not(trybuild))]
use nova_core::driver::GpuTimer;
#[cfg(trybuild)]
use nova_core::units::timer::Timer;

fn main() {}
