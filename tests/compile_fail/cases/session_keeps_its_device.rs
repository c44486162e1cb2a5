//! E0505: a device is not dropped under a session.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::{Outside, Session};
use nova_tests::toy::{Toy, ToyDevice};

fn drop_early(device: ToyDevice) {
    let client = Session::open(&device, &Toy::CLIENT).unwrap();
    #[cfg(trybuild)]
    drop(device);
    let _ = client.call(&mut Outside::new(), |_| Ok(()));
    #[cfg(not(trybuild))]
    drop(device);
}

fn main() {}
