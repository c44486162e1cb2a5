//! E0308: a session is opened on a class of the device's own driver.
#![allow(unused, unexpected_cfgs)]

use std::sync::Arc;

use nova_core::driver::Gpu;
use nova_core::lifecycle::Session;
use nova_tests::toy::{Host, Toy, ToyDevice};

fn open(device: Arc<ToyDevice>) {
    #[cfg(trybuild)]
    let _ = Session::open(device, &Gpu::<Host>::CLIENT);
    #[cfg(not(trybuild))]
    let _ = Session::open(device, &Toy::CLIENT);
}

fn main() {}
