//! How a register behaves.

use nova_core::bus::{Access, Offset, Place, Register};

use super::Write;

/// Behaviour of one register of a [`Model`](super::Model).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads give the cell, writes are dropped.
    ReadOnly,
    /// Bits in `mask` read back what was written, the others keep what the model put there.
    ReadWrite {
        /// The bits a driver can change.
        mask: u32,
    },
    /// Ones written clear bits.
    Write1ToClear,
    /// Ones written set bits.
    Write1ToSet,
    /// The SET half of a pair: ones written set bits of another cell, reads give that cell.
    SetOf(Offset<u32>),
    /// The CLEAR half of a pair: ones written clear bits of another cell, reads give that cell.
    ClearOf(Offset<u32>),
    /// A second address of another register: accesses behave as if made there.
    AliasOf(Offset<u32>),
    /// Reads give zero; a write is kept for the device to see and has no other effect.
    WriteOnly,
    /// Keeps the first value captured until zero is written; see [`Cells::capture`](super::Cells::capture).
    Latch,
    /// The device answers, under a number of its own.
    Custom(u16),
}

impl Kind {
    /// Every bit can be written and reads back.
    pub const RW: Self = Self::ReadWrite { mask: u32::MAX };

    /// What the catalogue says about a register, as far as an access mode can say it.
    pub const fn of_access(access: Access) -> Self {
        match access {
            Access::ReadOnly => Self::ReadOnly,
            Access::WriteOnly => Self::WriteOnly,
            Access::ReadWrite => Self::RW,
            Access::Write1ToClear => Self::Write1ToClear,
            Access::Write1ToSet => Self::Write1ToSet,
        }
    }

    /// [`Kind::SetOf`] a register.
    pub fn set_of<P: Place>(place: P) -> Self
    where
        P::Reg: Register<Word = u32>,
    {
        Self::SetOf(place.offset())
    }

    /// [`Kind::ClearOf`] a register.
    pub fn clear_of<P: Place>(place: P) -> Self
    where
        P::Reg: Register<Word = u32>,
    {
        Self::ClearOf(place.offset())
    }

    /// [`Kind::AliasOf`] a register.
    pub fn alias_of<P: Place>(place: P) -> Self
    where
        P::Reg: Register<Word = u32>,
    {
        Self::AliasOf(place.offset())
    }

    /// The register this one acts on, if it is not itself.
    pub(super) const fn target(self) -> Option<Offset<u32>> {
        match self {
            Self::SetOf(target) | Self::ClearOf(target) | Self::AliasOf(target) => Some(target),
            _ => None,
        }
    }

    /// What a cell that holds `old` holds after a write; `None` when the register takes no writes
    /// or the device decides.
    pub(super) const fn written(self, old: u32, write: Write) -> Option<u32> {
        // Bits that were not on the wire are no ones.
        let ones = write.value & write.lanes;
        match self {
            Self::ReadWrite { mask } => {
                let mask = mask & write.lanes;
                Some((old & !mask) | (ones & mask))
            }
            Self::Write1ToClear | Self::ClearOf(_) => Some(old & !ones),
            Self::Write1ToSet | Self::SetOf(_) => Some(old | ones),
            Self::WriteOnly => Some(ones),
            Self::Latch => Some(if (old & !write.lanes) | ones == 0 { 0 } else { old }),
            Self::ReadOnly | Self::AliasOf(_) | Self::Custom(_) => None,
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Kind {
    // By hand because `Offset` has no format of its own. The arms differ in their strings, which
    // defmt turns into numbers that clippy takes for the same.
    #[allow(clippy::match_same_arms)]
    fn format(&self, f: defmt::Formatter<'_>) {
        match *self {
            Self::ReadOnly => defmt::write!(f, "ReadOnly"),
            Self::ReadWrite { mask } => defmt::write!(f, "ReadWrite({=u32:#x})", mask),
            Self::Write1ToClear => defmt::write!(f, "Write1ToClear"),
            Self::Write1ToSet => defmt::write!(f, "Write1ToSet"),
            Self::SetOf(target) => defmt::write!(f, "SetOf({=u32:#x})", target.bytes()),
            Self::ClearOf(target) => defmt::write!(f, "ClearOf({=u32:#x})", target.bytes()),
            Self::AliasOf(target) => defmt::write!(f, "AliasOf({=u32:#x})", target.bytes()),
            Self::WriteOnly => defmt::write!(f, "WriteOnly"),
            Self::Latch => defmt::write!(f, "Latch"),
            Self::Custom(id) => defmt::write!(f, "Custom({=u16})", id),
        }
    }
}
