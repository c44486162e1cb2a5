//! One access to a bus, as data: what recorders write, traces hold and replay compares.

use core::fmt;

use nova_core::bus::{ErrorKind, Offset, OffsetError, Word};

/// Read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Op {
    /// The driver read.
    Read,
    /// The driver wrote.
    Write,
}

/// Width of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Width {
    /// 8 bits.
    W8,
    /// 16 bits.
    W16,
    /// 32 bits.
    W32,
}

impl Width {
    /// The width of `W`.
    pub const fn of<W: Word>() -> Self {
        match W::BYTES {
            1 => Self::W8,
            2 => Self::W16,
            _ => Self::W32,
        }
    }

    /// The width of so many bytes: 1, 2 or 4.
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        match bytes {
            1 => Some(Self::W8),
            2 => Some(Self::W16),
            4 => Some(Self::W32),
            _ => None,
        }
    }

    /// Size in bytes.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::W8 => 1,
            Self::W16 => 2,
            Self::W32 => 4,
        }
    }

    /// Size in bits.
    pub const fn bits(self) -> u32 {
        self.bytes() * 8
    }

    /// The largest value of this width.
    pub const fn max(self) -> u32 {
        u32::MAX >> (32 - self.bits())
    }

    /// Whether an access of this width may stand at `offset`.
    ///
    /// # Errors
    ///
    /// When it is not aligned or not inside the register window.
    pub fn check(self, offset: u32) -> Result<(), OffsetError> {
        match self {
            Self::W8 => Offset::<u8>::new(offset).map(drop),
            Self::W16 => Offset::<u16>::new(offset).map(drop),
            Self::W32 => Offset::<u32>::new(offset).map(drop),
        }
    }
}

/// One access and its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Access {
    /// Position in the recording, from 0. A gap means that accesses were lost.
    pub seq: u64,
    /// When, in nanoseconds of the recorder's clock.
    pub time_ns: u64,
    /// Read or write.
    pub op: Op,
    /// How wide.
    pub width: Width,
    /// Byte offset in BAR0.
    pub offset: u32,
    /// What was read or written; 0 for a read that failed.
    pub value: u32,
    /// What the bus reported, if it did.
    pub error: Option<ErrorKind>,
}

impl Access {
    /// Whether `other` is the same request: same direction, width, place and, for a write, value.
    pub const fn same_request(&self, other: &Self) -> bool {
        matches!((self.op, other.op), (Op::Read, Op::Read) | (Op::Write, Op::Write))
            && self.width.bytes() == other.width.bytes()
            && self.offset == other.offset
            && (matches!(self.op, Op::Read) || self.value == other.value)
    }
}

/// The request: `read32 0x9400`, or `write32 0x9140 = 0x1`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, offset, value, .. } = self;
        match self.op {
            Op::Read => write!(f, "read{} {offset:#x}", width.bits()),
            Op::Write => write!(f, "write{} {offset:#x} = {value:#x}", width.bits()),
        }
    }
}

/// The one-word name of an error kind in traces and fault texts.
pub const fn error_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Gone => "gone",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Protocol => "protocol",
        ErrorKind::Denied => "denied",
        // `ErrorKind` may grow; a kind without a word of its own is an `other` to its readers too.
        _ => "other",
    }
}

/// The error kind of a name made by [`error_name`].
pub fn error_from_name(name: &str) -> Option<ErrorKind> {
    ERROR_KINDS.into_iter().find(|kind| error_name(*kind) == name)
}

/// The names [`error_from_name`] knows, for messages.
pub(crate) const ERROR_NAMES: &str = "gone, timeout, protocol, denied or other";

const ERROR_KINDS: [ErrorKind; 5] =
    [ErrorKind::Gone, ErrorKind::Timeout, ErrorKind::Protocol, ErrorKind::Denied, ErrorKind::Other];

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn the_text_is_the_request() {
        let mut access = Access {
            seq: 0,
            time_ns: 0,
            op: Op::Read,
            width: Width::W32,
            offset: 0x9400,
            value: 5,
            error: None,
        };
        assert_eq!(access.to_string(), "read32 0x9400");
        access.op = Op::Write;
        access.width = Width::W16;
        assert_eq!(access.to_string(), "write16 0x9400 = 0x5");
    }

    #[test]
    fn a_read_is_the_same_request_whatever_it_answered_and_a_write_is_not() {
        let read =
            Access { seq: 1, time_ns: 2, op: Op::Read, width: Width::W8, offset: 4, value: 5, error: None };
        let write = Access { op: Op::Write, ..read };
        assert!(read.same_request(&Access { value: 6, seq: 3, ..read }));
        assert!(!read.same_request(&write));
        assert!(!write.same_request(&Access { value: 6, ..write }));
        assert!(!read.same_request(&Access { width: Width::W16, ..read }));
    }

    #[test]
    fn error_names_go_both_ways() {
        for kind in ERROR_KINDS {
            assert_eq!(error_from_name(error_name(kind)), Some(kind));
            assert!(ERROR_NAMES.contains(error_name(kind)));
        }
        assert_eq!(error_from_name("Gone"), None);
    }
}
