//! E0599: entries are registered in probe, which is undone in reverse; a callback or a step registers none.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::{Bound, Probing, Starting};
use nova_tests::toy::Toy;

#[cfg(trybuild)]
fn register(a: &Bound<'_, Toy>, b: &Starting<'_, Toy>) {
    let _ = a.work(&Toy::WORK);
    let _ = b.work(&Toy::WORK);
}

#[cfg(not(trybuild))]
fn register(a: &mut Probing<'_, Toy>, b: &mut Probing<'_, Toy>) {
    let _ = a.work(&Toy::WORK);
    let _ = b.work(&Toy::WORK);
}

fn main() {}
