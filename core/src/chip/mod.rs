//! Which chip it is: chipsets, families, proofs.

pub mod family;

pub use family::{
    Ampere, Any, Family, FamilySet, Ga100, Ga100Up, Ga102, Gb100, Gb202, Gh100, HopperGb100, HopperUp, On,
    PreHopper, Proof, Tu102, TuringGa100,
};
