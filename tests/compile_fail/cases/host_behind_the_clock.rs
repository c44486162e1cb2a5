//! no code: the clock that every token gives is not the host in disguise.
#![allow(unused, unexpected_cfgs)]

use std::any::Any;

use nova_core::hal::{Clock as _, Host as _};
use nova_core::lifecycle::{Bound, NoSleep};
use nova_tests::toy::{Host, Toy};

fn interrupt(cx: &Bound<'_, Toy, NoSleep>) {
    let clock = cx.clock();
    #[cfg(trybuild)]
    let _ = (&clock as &dyn Any).downcast_ref::<Host>().unwrap().delay();
    #[cfg(not(trybuild))]
    let _ = clock.now();
}

fn main() {}
