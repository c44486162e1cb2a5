//! From an identified chip to the evidence of its family.

use super::{Family, Ga100, Ga102, Gb100, Gb202, Gh100, Tu102};

/// The proof of the family of an identified chip; a unit matches on it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FamilyProof {
    /// Turing.
    Tu102(Tu102),
    /// GA100.
    Ga100(Ga100),
    /// GA102 to GA107, and Ada.
    Ga102(Ga102),
    /// GH100.
    Gh100(Gh100),
    /// GB100 to GB112.
    Gb100(Gb100),
    /// GB202 to GB207.
    Gb202(Gb202),
}

impl FamilyProof {
    pub(super) const fn of(family: Family) -> Self {
        match family {
            Family::Tu102 => Self::Tu102(Tu102::new()),
            Family::Ga100 => Self::Ga100(Ga100::new()),
            Family::Ga102 | Family::Ad102 => Self::Ga102(Ga102::new()),
            Family::Gh100 => Self::Gh100(Gh100::new()),
            Family::Gb100 => Self::Gb100(Gb100::new()),
            Family::Gb202 => Self::Gb202(Gb202::new()),
        }
    }
}
