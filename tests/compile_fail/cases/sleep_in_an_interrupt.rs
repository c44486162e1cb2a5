//! E0599: work may sleep; an interrupt handler is not given the host, and so no delay.
#![allow(unused, unexpected_cfgs)]

use nova_core::hal::Host as _;
use nova_core::lifecycle::{Bound, MaySleep, NoSleep};
use nova_tests::toy::Toy;

#[cfg(trybuild)]
type Context = NoSleep;
#[cfg(not(trybuild))]
type Context = MaySleep;

fn wait(cx: &Bound<'_, Toy, Context>) {
    let _ = cx.host().delay();
}

fn main() {}
