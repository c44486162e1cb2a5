//! E0624: only the lifecycle makes tokens.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::{Bound, NoSleep};
use nova_tests::toy::Toy;

fn interrupt(cx: &Bound<'_, Toy, NoSleep>) {
    #[cfg(trybuild)]
    let make = Bound::<Toy>::new;
    #[cfg(not(trybuild))]
    let make = cx.queue(&Toy::WORK);
}

fn main() {}
