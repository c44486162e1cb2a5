//! What can go wrong with a falcon, beside an access.

use core::fmt;

use super::Engine;
use crate::error::Error;

/// Why a falcon could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FalconError {
    /// Somebody else is at it.
    InUse,
    /// A transfer was begun and has not been seen to end; the device may still access the memory it was given.
    TransferPending,
    /// Outside the falcon's memory.
    Outside {
        /// First byte asked for.
        offset: u32,
        /// Bytes asked for.
        len: usize,
        /// Bytes there are.
        size: u32,
    },
    /// An offset, a length or a bus address is not a multiple of what it has to be.
    Unaligned {
        /// The number.
        value: u64,
        /// In bytes.
        to: u32,
    },
    /// The DMA engine cannot form the address: it has 49 bits, and the tag of code is subtracted from it.
    Unreachable {
        /// The bus address.
        address: u64,
    },
}

impl FalconError {
    /// As an error of the driver core.
    pub(super) const fn of(self, engine: Engine) -> Error {
        Error::Falcon { engine, why: self }
    }
}

impl fmt::Display for FalconError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("somebody else uses it; try again later"),
            Self::TransferPending => {
                f.write_str("a transfer was not seen to end and its memory is kept; reset the falcon")
            }
            Self::Outside { offset, len, size } => {
                write!(f, "{len} bytes at {offset:#x} are not inside its {size:#x} bytes of memory")
            }
            Self::Unaligned { value, to } => write!(f, "{value:#x} is not a multiple of {to}"),
            Self::Unreachable { address } => {
                write!(
                    f,
                    "its DMA cannot reach {address:#x}; allocate below 49 bits and above the code's tag"
                )
            }
        }
    }
}

impl core::error::Error for FalconError {}

/// A transfer that failed, and what has become of its memory.
pub struct DmaFailed<M> {
    /// What went wrong.
    pub error: Error,
    /// The memory, when the device is done with it. `None` when it may still access it: the falcon keeps it then,
    /// until a reset of the falcon has succeeded, or the driver is gone and the device has been isolated
    /// ([`Host::isolate`](crate::hal::Host::isolate)).
    pub memory: Option<M>,
}

impl<M> fmt::Debug for DmaFailed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = if self.memory.is_some() { "given back" } else { "kept" };
        f.debug_struct("DmaFailed").field("error", &self.error).field("memory", &memory).finish()
    }
}

impl<M> fmt::Display for DmaFailed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<M> core::error::Error for DmaFailed<M> {}

impl<M> From<DmaFailed<M>> for Error {
    /// Frees the memory, if it may be.
    fn from(failed: DmaFailed<M>) -> Self {
        failed.error
    }
}
