//! E0277: before the chip is identified, only what every chip has.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io};
use nova_core::chip::Tu102;
use nova_core::regs::ptimer::NV_PTIMER_INTR_EN_0;

#[cfg(trybuild)]
fn enabled<B: Bus>(io: Io<'_, B>) {
    let _ = io.read(NV_PTIMER_INTR_EN_0);
}
#[cfg(not(trybuild))]
fn enabled<B: Bus>(io: Io<'_, B>, turing: Tu102) {
    let _ = io.on(turing).read(NV_PTIMER_INTR_EN_0);
}

fn main() {}
