//! E0599: a device that starts or is being removed can be talked to, one that sleeps or is gone cannot.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::{Lost, Removing, Starting, Suspended};
use nova_tests::toy::Toy;

#[cfg(trybuild)]
fn io(a: &Suspended<'_, Toy>, b: &Lost<'_, Toy>) {
    let _ = a.io();
    let _ = b.io();
}

#[cfg(not(trybuild))]
fn io(a: &Starting<'_, Toy>, b: &Removing<'_, Toy>) {
    let _ = a.io();
    let _ = b.io();
}

fn main() {}
