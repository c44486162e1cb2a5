//! E0277: a type of one's own is no proof.
#![allow(unused, unexpected_cfgs)]

use nova_core::chip::{FamilySet, Proof, family::sets};

#[derive(Clone, Copy)]
struct Everything;

#[cfg(trybuild)]
impl Proof for Everything {
    const FAMILIES: FamilySet = sets::all;
}

fn main() {}
