//! E0277: writing back what was read would clear every bit of a write-1-to-clear register.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io};
use nova_core::chip::Tu102;
use nova_core::regs::ptimer::NV_PTIMER_INTR_0 as INTR;

fn acknowledge<B: Bus>(io: Io<'_, B, Tu102>) {
    #[cfg(trybuild)]
    let _ = io.modify(INTR, INTR::ALARM::SET);
    #[cfg(not(trybuild))]
    let _ = io.write(INTR, INTR::ALARM::SET);
}

fn main() {}
