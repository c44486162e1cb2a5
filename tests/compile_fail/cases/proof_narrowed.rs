//! E0277: Hopper is Hopper or later, and not the other way around.
#![allow(unused, unexpected_cfgs)]

use nova_core::chip::{Gh100, HopperUp};

#[cfg(trybuild)]
fn narrow(proof: HopperUp) -> Gh100 {
    proof.into()
}
#[cfg(not(trybuild))]
fn widen(proof: Gh100) -> HopperUp {
    proof.into()
}

fn main() {}
