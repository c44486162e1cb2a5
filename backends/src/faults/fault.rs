//! One fault: when, on which accesses, and what happens.

use core::fmt;

use nova_core::bus::{ErrorKind, Offset, Place, Word};

use crate::access::Op;

/// What happens to an access.
///
/// Values and bits are those of the 32-bit register, also when the access is narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Effect {
    /// The bus reports an error; the device sees nothing.
    Error(ErrorKind),
    /// Reads give all ones, writes vanish; the device sees nothing. What an unplugged card does.
    AllOnes,
    /// Reads give this pattern, writes vanish; the device sees nothing. What PRI does on an error.
    Pri(u32),
    /// The device sees the access, but this is the data: of the answer, or of the write.
    Value(u32),
    /// The device sees the access, but this bit of the data is stuck.
    Stuck {
        /// Which bit, 0 to 31.
        bit: u8,
        /// At one, or at zero.
        high: bool,
    },
    /// The access takes this many nanoseconds longer.
    Delay(u64),
    /// The write vanishes. Reads are left alone.
    Drop,
}

/// Which of the accesses that match: the first is number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Turn {
    /// All of them.
    Every,
    /// This one only.
    Nth(u32),
    /// This one and all later ones.
    From(u32),
}

/// Reads, writes, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum On {
    /// Reads only.
    Read,
    /// Writes only.
    Write,
    /// All accesses.
    Both,
}

/// One fault. Made by its methods, or from a line of text such as `reg=0x9400,from=3,all-ones`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fault {
    /// Byte offset of the 32-bit register it is confined to; `None` for all.
    pub register: Option<u32>,
    /// Which of the accesses that match.
    pub turn: Turn,
    /// The directions that match.
    pub on: On,
    /// What happens.
    pub effect: Effect,
}

impl Fault {
    /// A fault on every access; the methods below narrow it down.
    #[must_use]
    pub const fn always(effect: Effect) -> Self {
        let on = if matches!(effect, Effect::Drop) { On::Write } else { On::Both };
        Self { register: None, turn: Turn::Every, on, effect }
    }

    /// Only on the `n`-th access that matches, from 1.
    #[must_use]
    pub const fn nth(self, n: u32) -> Self {
        Self { turn: Turn::Nth(n), ..self }
    }

    /// On the `n`-th access that matches and all later ones.
    #[must_use]
    pub const fn from(self, n: u32) -> Self {
        Self { turn: Turn::From(n), ..self }
    }

    /// Only on reads.
    #[must_use]
    pub const fn reads(self) -> Self {
        Self { on: On::Read, ..self }
    }

    /// Only on writes.
    #[must_use]
    pub const fn writes(self) -> Self {
        Self { on: On::Write, ..self }
    }

    /// Only on accesses to this register, or to a part of it.
    #[must_use]
    pub fn at<P: Place>(self, place: P) -> Self {
        Self { register: Some(word(place.offset())), ..self }
    }

    /// [`Fault::at`] with an offset known only at run time.
    #[must_use]
    pub fn at_offset<W: Word>(self, at: Offset<W>) -> Self {
        Self { register: Some(word(at)), ..self }
    }

    /// Checks that the fault can happen at all.
    pub(super) const fn check(&self) -> Result<(), FaultError> {
        let never = match (self.turn, self.effect, self.on) {
            (Turn::Nth(0), ..) => Some(Never::Turn),
            (_, Effect::Drop, On::Read) => Some(Never::DroppedRead),
            (_, Effect::Stuck { bit: 32.., .. }, _) => Some(Never::Bit),
            _ => None,
        };
        match never {
            Some(reason) => Err(FaultError::Never(reason)),
            None => Ok(()),
        }
    }

    /// Whether an access of this kind to this register counts for the fault.
    pub(super) fn matches(&self, op: Op, register: u32) -> bool {
        let direction = match self.on {
            On::Read => op == Op::Read,
            On::Write => op == Op::Write,
            On::Both => true,
        };
        direction && self.register.is_none_or(|confined| confined & !3 == register)
    }
}

impl Turn {
    /// Whether it is the turn of access `n`, from 1.
    pub(super) const fn is(self, n: u32) -> bool {
        match self {
            Self::Every => true,
            Self::Nth(nth) => n == nth,
            Self::From(first) => n >= first,
        }
    }
}

/// The register a word belongs to.
pub(super) fn word<W: Word>(at: Offset<W>) -> u32 {
    at.bytes() & !3
}

/// Why a fault can never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Never {
    /// `nth=0`.
    Turn,
    /// A lost write, on reads.
    DroppedRead,
    /// A bit above 31.
    Bit,
}

/// Why a fault was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FaultError {
    /// The list is full.
    Full {
        /// How many faults it holds.
        capacity: usize,
    },
    /// The fault can never happen, so a test that relies on it proves nothing.
    Never(Never),
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => {
                write!(f, "the list holds {capacity} faults and is full; clear it, or give Faults a larger N")
            }
            Self::Never(Never::Turn) => f.write_str("access 0 never happens; the first is nth=1"),
            Self::Never(Never::DroppedRead) => f.write_str(
                "`drop` loses writes and cannot act on reads; write `write,drop`, or `all-ones` for reads",
            ),
            Self::Never(Never::Bit) => f.write_str("a register has no such bit; use a bit from 0 to 31"),
        }
    }
}

impl core::error::Error for FaultError {}
