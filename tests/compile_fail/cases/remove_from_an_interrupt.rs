//! E0061: a handler has no `Outside` to remove a device with; it asks for removal, which is done after it.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::{Bound, NoSleep};
use nova_tests::toy::{Toy, ToyDevice};

static DEVICE: ToyDevice = ToyDevice::new();

fn interrupt(cx: &Bound<'_, Toy, NoSleep>) {
    #[cfg(trybuild)]
    let _ = DEVICE.remove();
    #[cfg(not(trybuild))]
    cx.request_remove();
}

fn main() {}
