//! What is wrong with a line of a trace.

use core::fmt;

use nova_core::bus::OffsetError;

use crate::access::ERROR_NAMES;

/// The kind of mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text does not start like any trace.
    Format,
    /// A version of the format that this code does not know.
    Version,
    /// No such kind of line.
    Keyword,
    /// The line ends before this.
    Missing(&'static str),
    /// This is not what it should be, or does not fit.
    Malformed(&'static str),
    /// The line goes on after its end.
    Trailing,
    /// An access of this many bytes; nova has 1, 2 and 4.
    Width {
        /// The width in bytes.
        bytes: u64,
    },
    /// A value that does not fit the access.
    Wide,
    /// An offset that no access may have.
    Offset(OffsetError),
    /// Not the name of an error.
    ErrorName,
    /// A physical address, and the log has not said where the registers are.
    NoBar,
    /// More text after the end line.
    AfterEnd,
    /// The end line says another number of accesses.
    Count {
        /// What the end line says.
        said: u64,
        /// How many there are.
        found: u64,
    },
    /// The end line has another checksum.
    Checksum {
        /// What the end line says.
        said: u32,
        /// That of the accesses above it.
        found: u32,
    },
    /// More lines, or more accesses, than can be counted.
    TooLong,
}

/// A line that is not part of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Error {
    /// Which line, from 1.
    pub line: u64,
    /// Where in the line, from 1, in bytes.
    pub column: usize,
    /// What is wrong there.
    pub kind: ErrorKind,
}

impl Error {
    /// What is wrong.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.kind)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str(
                "this is no trace that nova knows; it has to start with `nova-trace 1`, or be a Linux mmiotrace log",
            ),
            Self::Version => f.write_str(
                "a version of the format that this nova does not know; record again, or use the nova it came from",
            ),
            Self::Keyword => f.write_str("no such kind of line; remove it, or put `#` before it"),
            Self::Missing(what) => write!(f, "the line ends before its {what}; is the file cut off?"),
            Self::Malformed(what) => write!(f, "not a {what}; correct the line or remove it"),
            Self::Trailing => f.write_str("the line should end here; remove the rest"),
            Self::Width { bytes } => write!(
                f,
                "an access of {bytes} bytes; registers are accessed by 1, 2 or 4, so split it or remove it"
            ),
            Self::Wide => f.write_str("the value is wider than the access; correct one of the two"),
            Self::Offset(error) => error.fmt(f),
            Self::ErrorName => write!(f, "no such bus error; use {ERROR_NAMES}"),
            Self::NoBar => f.write_str(
                "a physical address, and no PCIDEV or MAP line above says where the GPU's registers are; \
                 keep the head of the log",
            ),
            Self::AfterEnd => f.write_str("the trace ended above; remove the end line to add to it"),
            Self::Count { said, found } => write!(
                f,
                "the end line speaks of {said} accesses, there are {found}; \
                 the file was cut or edited: remove the end line to use it as it is"
            ),
            Self::Checksum { said, found } => write!(
                f,
                "the end line has checksum {said:08x}, the accesses have {found:08x}; \
                 the file was edited: remove the end line to use it as it is"
            ),
            Self::TooLong => f.write_str("more than can be counted; split the trace"),
        }
    }
}

impl core::error::Error for Error {}
