//! E0117: on which families a register exists is said in its definition, once.
#![allow(unused, unexpected_cfgs)]

use nova_core::chip::{HopperUp, On};
use nova_core::regs::ptimer::NV_PTIMER_INTR_EN_0;

#[cfg(trybuild)]
impl On<HopperUp> for NV_PTIMER_INTR_EN_0::Register {}

fn main() {}
