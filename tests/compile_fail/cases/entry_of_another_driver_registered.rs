//! E0308: and registers its own.
#![allow(unused, unexpected_cfgs)]

use nova_core::driver::Gpu;
use nova_core::lifecycle::Probing;
use nova_tests::toy::{Host, Toy};

fn probe(cx: &mut Probing<'_, Toy>) {
    #[cfg(trybuild)]
    let _ = cx.interrupt(&Gpu::<Host>::INTERRUPT);
    #[cfg(not(trybuild))]
    let _ = cx.interrupt(&Toy::IRQ);
}

fn main() {}
