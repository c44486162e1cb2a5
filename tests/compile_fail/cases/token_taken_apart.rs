//! E0616: what a token is made of is not to be had, only the register access that it gives.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Bound;
use nova_tests::toy::Toy;

fn work(cx: &Bound<'_, Toy>) {
    #[cfg(trybuild)]
    let bus = cx.parts.bus;
    #[cfg(not(trybuild))]
    let bus = cx.io();
}

fn main() {}
