//! E0308: a driver queues its own work, not that of another driver with the same number.
#![allow(unused, unexpected_cfgs)]

use nova_core::driver::Gpu;
use nova_core::lifecycle::Bound;
use nova_tests::toy::{Host, Toy};

fn work(cx: &Bound<'_, Toy>) {
    #[cfg(trybuild)]
    let _ = cx.queue(&Gpu::<Host>::BOTTOM_HALF);
    #[cfg(not(trybuild))]
    let _ = cx.queue(&Toy::WORK);
}

fn main() {}
