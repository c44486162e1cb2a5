//! Why a register could not be added to a model.

use core::fmt;

/// What is wrong with a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AddErrorKind {
    /// All cells are in use.
    Full {
        /// How many there are.
        capacity: usize,
    },
    /// There already is a register at this offset.
    Duplicate,
    /// The register this one acts on is not there (yet).
    NoTarget {
        /// Where it was looked for.
        target: u32,
    },
    /// Not a 32-bit register, or not inside the window.
    Place,
}

/// A register that the model refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AddError {
    /// Byte offset of the register.
    pub offset: u32,
    /// What is wrong with it.
    pub kind: AddErrorKind,
}

impl AddError {
    /// What is wrong.
    pub const fn kind(&self) -> AddErrorKind {
        self.kind
    }
}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, kind } = self;
        match kind {
            AddErrorKind::Full { capacity } => write!(
                f,
                "register {offset:#x} does not fit: all {capacity} cells are in use; give the model a larger N"
            ),
            AddErrorKind::Duplicate => write!(
                f,
                "register {offset:#x} is there already; add it once, or give one of the two another offset"
            ),
            AddErrorKind::NoTarget { target } => write!(
                f,
                "register {offset:#x} acts on {target:#x}, where there is no plain register; add {target:#x} first"
            ),
            AddErrorKind::Place => write!(
                f,
                "register {offset:#x} is not an aligned 32-bit register inside the window; the model has no other"
            ),
        }
    }
}

impl core::error::Error for AddError {}
