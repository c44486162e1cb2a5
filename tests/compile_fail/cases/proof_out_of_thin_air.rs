//! E0423: identification hands proofs out; nobody makes one.
#![allow(unused, unexpected_cfgs)]

use nova_core::chip::{Chip, FamilyProof, Tu102};

fn prove(chip: &Chip) {
    #[cfg(trybuild)]
    let proof = Some(Tu102(()));
    #[cfg(not(trybuild))]
    let proof = if let FamilyProof::Tu102(proof) = chip.proof() { Some(proof) } else { None };
}

fn main() {}
