//! E0080: a constant that does not fit its field.
#![allow(unused, unexpected_cfgs)]

use nova_core::field;
use nova_core::regs::ptimer::NV_PTIMER_INTR_EN_0;

#[cfg(trybuild)]
const ENABLE: u32 = field!(NV_PTIMER_INTR_EN_0::ALARM, 2).value;
#[cfg(not(trybuild))]
const ENABLE: u32 = field!(NV_PTIMER_INTR_EN_0::ALARM, 1).value;

fn main() {}
