//! E0277: of an array of registers, one element is read.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io};
use nova_core::regs::intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF as LEAF;

fn pending<B: Bus>(io: Io<'_, B>) {
    #[cfg(trybuild)]
    let _ = io.read(LEAF);
    #[cfg(not(trybuild))]
    let _ = io.read(LEAF.at(4).unwrap());
}

fn main() {}
