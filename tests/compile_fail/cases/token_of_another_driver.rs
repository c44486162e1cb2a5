//! E0308: a driver's functions take a token of that driver.
#![allow(unused, unexpected_cfgs)]

use nova_core::driver::Gpu;
use nova_core::lifecycle::Bound;
use nova_tests::toy::{Host, Toy};

#[cfg(trybuild)]
type D = Toy;
#[cfg(not(trybuild))]
type D = Gpu<Host>;

fn time(cx: &Bound<'_, D>) {
    let _ = Gpu::<Host>::time(cx);
}

fn main() {}
