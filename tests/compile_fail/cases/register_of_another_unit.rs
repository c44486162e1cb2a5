//! E0277: an instance has the registers of its unit.
#![allow(unused, unexpected_cfgs)]

use nova_core::regs::falcon::{GSP, NV_PFALCON_FALCON_MAILBOX0};
use nova_core::regs::pmc::NV_PMC_BOOT_0;

fn place() {
    #[cfg(trybuild)]
    let _ = GSP.of(NV_PMC_BOOT_0);
    #[cfg(not(trybuild))]
    let _ = GSP.of(NV_PFALCON_FALCON_MAILBOX0);
}

fn main() {}
