//! E0277: checked access keeps to the same rules: what cannot be read is not read back.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::Bus;
use nova_core::regs::intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as TRIGGER;
use nova_core::units::pri::Checked;

fn trigger<B: Bus>(io: Checked<'_, B>) {
    #[cfg(trybuild)]
    let _ = io.write_back(TRIGGER, 129);
    #[cfg(not(trybuild))]
    let _ = io.write_word(TRIGGER, 129);
}

fn main() {}
