//! E0277: a write-only register is written and not read.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io};
use nova_core::regs::intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as TRIGGER;

fn trigger<B: Bus>(io: Io<'_, B>) {
    #[cfg(trybuild)]
    let _ = io.read(TRIGGER);
    #[cfg(not(trybuild))]
    let _ = io.write_word(TRIGGER, 129);
}

fn main() {}
