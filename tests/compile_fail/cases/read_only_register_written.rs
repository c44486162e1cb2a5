//! E0277: a read-only register is read and not written.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io};
use nova_core::regs::pmc::NV_PMC_BOOT_0;

fn boot0<B: Bus>(io: Io<'_, B>) {
    #[cfg(trybuild)]
    let _ = io.write_word(NV_PMC_BOOT_0, 0);
    #[cfg(not(trybuild))]
    let _ = io.read(NV_PMC_BOOT_0);
}

fn main() {}
