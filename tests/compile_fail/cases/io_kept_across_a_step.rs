//! E0502: what probe has borrowed is given back before the next step.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Probing;
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_tests::toy::Toy;

fn probe(cx: &mut Probing<'_, Toy>) {
    let io = cx.io();
    #[cfg(not(trybuild))]
    let _ = io.read(NV_PMC_BOOT_0);
    let _ = cx.work(&Toy::WORK);
    #[cfg(trybuild)]
    let _ = io.read(NV_PMC_BOOT_0);
}

fn main() {}
