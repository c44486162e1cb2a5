//! E0004: code that depends on the family says something about every family.
#![allow(unused, unexpected_cfgs)]

use nova_core::chip::{Chip, FamilyProof};

fn address_bits(chip: &Chip) -> u32 {
    match chip.proof() {
        FamilyProof::Tu102(_) => 40,
        FamilyProof::Ga100(_) | FamilyProof::Ga102(_) => 47,
        FamilyProof::Gh100(_) | FamilyProof::Gb100(_) => 52,
        #[cfg(not(trybuild))]
        FamilyProof::Gb202(_) => 52,
    }
}

fn main() {}
