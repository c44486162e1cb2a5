//! E0277: a register of Turing is used with the proof of a Turing chip.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io};
use nova_core::chip::{HopperUp, Tu102};
use nova_core::regs::ptimer::NV_PTIMER_INTR_EN_0;

#[cfg(trybuild)]
type Family = HopperUp;
#[cfg(not(trybuild))]
type Family = Tu102;

fn enabled<B: Bus>(io: Io<'_, B, Family>) {
    let _ = io.read(NV_PTIMER_INTR_EN_0);
}

fn main() {}
