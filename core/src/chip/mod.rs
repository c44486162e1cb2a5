//! Which chip it is: chipsets, families, proofs.

pub mod family;
pub mod firewall;
mod identify;
mod proof;
pub mod table;

pub use family::{
    Ampere, Any, Family, FamilySet, Ga100, Ga100Up, Ga102, Gb100, Gb202, Gh100, HopperGb100, HopperUp, On,
    PreHopper, Proof, Tu102, TuringGa100,
};
pub use identify::{Chip, Revision, Unsupported};
pub use proof::FamilyProof;
pub use table::{Architecture, Board, Chipset, Row};
