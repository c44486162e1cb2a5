//! What a bus can report about one access.

use core::convert::Infallible;
use core::fmt;

/// The kind of a bus error, in the manner of `embedded_hal::i2c::ErrorKind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The device is gone: unplugged, or its owner closed the connection.
    Gone,
    /// The transport did not answer in time.
    Timeout,
    /// The transport answered something that is not an answer (a broken trace or socket).
    Protocol,
    /// The medium does not allow this access (a read-only view, a missing permission).
    Denied,
    /// Anything else the transport reports.
    Other,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the device is gone",
            Self::Timeout => "the bus did not answer in time",
            Self::Protocol => "the bus gave an answer that makes no sense",
            Self::Denied => "the bus does not allow this access",
            Self::Other => "the bus reported an error",
        })
    }
}

/// An error of a [`Bus`](super::Bus).
pub trait Error: fmt::Debug {
    /// What kind of error this is, for code that cannot know the concrete type.
    fn kind(&self) -> ErrorKind;
}

impl Error for Infallible {
    #[inline(always)]
    fn kind(&self) -> ErrorKind {
        match *self {}
    }
}

impl Error for ErrorKind {
    fn kind(&self) -> ErrorKind {
        *self
    }
}
