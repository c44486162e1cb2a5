//! The error of the driver core.

use core::fmt;

use crate::bus;
use crate::chip::Unsupported;
use crate::hal::{DmaRangeError, HostError, Nanos};
use crate::lifecycle::{Failure, Refused, RegisterError};
use crate::units::falcon::{Engine, FalconError};
use crate::units::pri::PriError;

/// What kind of error it is, for a caller that decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The device is gone.
    Gone,
    /// This is not a device nova can drive.
    Unsupported,
    /// Something did not happen in time.
    Timeout,
    /// The hardware answered something that cannot be right.
    Hardware,
    /// The hardware refuses this to us.
    Denied,
    /// A bound of this crate is reached.
    Full,
    /// It is in use.
    Busy,
    /// The device's lifecycle does not let it in, or the driver has no such entry.
    Refused,
    /// The host could not give what was asked for.
    Host,
    /// An argument was outside its range.
    Argument,
}

/// An error of the driver core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The device does not answer any more: all reads are ones, or it is another device.
    Gone,
    /// The device is not supported, and why.
    Unsupported(Unsupported),
    /// A read came back as an error of the device's internal bus.
    Pri(PriError),
    /// The bus reported an error.
    Bus {
        /// What kind.
        kind: bus::ErrorKind,
        /// Byte offset of the access.
        offset: u32,
    },
    /// Something did not happen in time.
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        waited: Nanos,
    },
    /// The GPU's timer does not advance.
    Stalled {
        /// The value it keeps reading, in nanoseconds.
        at: u64,
    },
    /// The GPU's timer reads values that no timer can have.
    BadTime {
        /// The last pair of words, as `TIME_1 << 32 | TIME_0`.
        raw: u64,
    },
    /// The privilege mask of a register does not let the host write it.
    Protected {
        /// The register.
        register: &'static str,
    },
    /// What was written does not read back.
    Mismatch {
        /// The register.
        register: &'static str,
        /// What was written.
        wrote: u32,
        /// What it reads.
        read: u32,
    },
    /// All alarms are in use.
    AlarmsFull {
        /// How many there are.
        capacity: usize,
    },
    /// There is no such interrupt on this chip.
    NoSuchInterrupt {
        /// Its vector or bit.
        number: u32,
    },
    /// A number was outside its range.
    Range {
        /// What it is.
        what: &'static str,
        /// The largest that is allowed.
        max: u64,
    },
    /// The host failed.
    Host(HostError),
    /// The driver registered more than the device has room for.
    Register(RegisterError),
    /// The lifecycle refused an entry: to queue, arm or call it.
    Refused(Refused),
    /// A range outside DMA memory.
    Dma(DmaRangeError),
    /// A falcon could not be used.
    Falcon {
        /// Which one.
        engine: Engine,
        /// Why.
        why: FalconError,
    },
}

impl Error {
    /// What kind of error it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Gone
            | Self::Bus { kind: bus::ErrorKind::Gone, .. }
            | Self::Refused(Refused::Lost)
            | Self::Unsupported(Unsupported::Gone) => ErrorKind::Gone,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Timeout { .. } | Self::Bus { kind: bus::ErrorKind::Timeout, .. } => ErrorKind::Timeout,
            Self::Protected { .. } | Self::Bus { kind: bus::ErrorKind::Denied, .. } => ErrorKind::Denied,
            Self::Pri(_)
            | Self::Bus { .. }
            | Self::Stalled { .. }
            | Self::BadTime { .. }
            | Self::Mismatch { .. } => ErrorKind::Hardware,
            Self::AlarmsFull { .. } | Self::Register(_) => ErrorKind::Full,
            Self::Falcon { why: FalconError::InUse | FalconError::TransferPending, .. } => ErrorKind::Busy,
            Self::NoSuchInterrupt { .. } | Self::Range { .. } | Self::Dma(_) | Self::Falcon { .. } => {
                ErrorKind::Argument
            }
            Self::Refused(_) => ErrorKind::Refused,
            Self::Host(_) => ErrorKind::Host,
        }
    }

    /// The error of an access to `offset`.
    pub(crate) fn bus(error: &impl bus::Error, offset: u32) -> Self {
        match error.kind() {
            bus::ErrorKind::Gone => Self::Gone,
            kind => Self::Bus { kind, offset },
        }
    }
}

impl Failure for Error {
    fn is_gone(&self) -> bool {
        self.kind() == ErrorKind::Gone
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the GPU is gone: it no longer answers; remove it"),
            Self::Unsupported(why) => why.fmt(f),
            Self::Pri(error) => error.fmt(f),
            Self::Bus { kind, offset } => write!(f, "access to {offset:#x}: {kind}"),
            Self::Timeout { what, waited } => write!(f, "{what}: not within {waited}"),
            Self::Stalled { at } => {
                write!(f, "the GPU timer stands still at {at} ns; reset the GPU")
            }
            Self::BadTime { raw } => {
                write!(f, "the GPU timer reads {raw:#018x}, which is no time; reset the GPU")
            }
            Self::Protected { register } => {
                write!(f, "{register} is write-protected against the host; firmware owns it")
            }
            Self::Mismatch { register, wrote, read } => {
                write!(f, "{register} was written {wrote:#x} and reads {read:#x}; something else owns it")
            }
            Self::AlarmsFull { capacity } => {
                write!(f, "all {capacity} alarms are in use; cancel one or wait for one")
            }
            Self::NoSuchInterrupt { number } => write!(f, "this GPU has no interrupt {number}"),
            Self::Range { what, max } => write!(f, "{what} is out of range; the largest is {max}"),
            Self::Host(error) => error.fmt(f),
            Self::Register(error) => error.fmt(f),
            Self::Refused(why) => why.fmt(f),
            Self::Dma(error) => error.fmt(f),
            Self::Falcon { engine, why } => write!(f, "{} falcon: {why}", engine.name()),
        }
    }
}

impl core::error::Error for Error {}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<RegisterError> for Error {
    fn from(error: RegisterError) -> Self {
        Self::Register(error)
    }
}

impl From<Refused> for Error {
    fn from(why: Refused) -> Self {
        Self::Refused(why)
    }
}

impl From<Unsupported> for Error {
    fn from(why: Unsupported) -> Self {
        Self::Unsupported(why)
    }
}

impl From<DmaRangeError> for Error {
    fn from(error: DmaRangeError) -> Self {
        Self::Dma(error)
    }
}

impl From<bus::OffsetError> for Error {
    fn from(_: bus::OffsetError) -> Self {
        Self::Range { what: "register offset", max: u64::from(bus::WINDOW_SIZE) }
    }
}

impl From<bus::IndexError> for Error {
    fn from(error: bus::IndexError) -> Self {
        Self::Range { what: error.register, max: u64::from(error.count.saturating_sub(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_lifecycle_refuses_can_be_passed_on() {
        fn refused(why: Refused) -> Result<(), Error> {
            Err(why)?;
            Ok(())
        }
        assert_eq!(refused(Refused::Lost).unwrap_err().kind(), ErrorKind::Gone);
        assert_eq!(refused(Refused::Removed).unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(refused(Refused::Suspended).unwrap_err(), Error::Refused(Refused::Suspended));
    }
}
