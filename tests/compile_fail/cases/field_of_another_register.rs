//! E0308: a field is written to the register it is of.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io};
use nova_core::chip::Tu102;
use nova_core::regs::ptimer::{NV_PTIMER_INTR_0, NV_PTIMER_INTR_EN_0};

fn enable<B: Bus>(io: Io<'_, B, Tu102>) {
    #[cfg(trybuild)]
    let _ = io.write(NV_PTIMER_INTR_EN_0, NV_PTIMER_INTR_0::ALARM::SET);
    #[cfg(not(trybuild))]
    let _ = io.write(NV_PTIMER_INTR_EN_0, NV_PTIMER_INTR_EN_0::ALARM::SET);
}

fn main() {}
