//! Memory shared with the device.

use core::fmt;

/// A piece of memory that both the driver and the device reach.
///
/// Dropping it takes the device's access away first.
pub trait DmaMemory: Send + Sync + 'static {
    /// The address the device uses, in bytes.
    fn bus_address(&self) -> u64;
    /// Size in bytes.
    fn len(&self) -> usize;
    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Copies bytes out.
    ///
    /// # Errors
    ///
    /// When the range is not inside the memory; nothing is copied.
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), DmaRangeError>;
    /// Copies bytes in.
    ///
    /// # Errors
    ///
    /// When the range is not inside the memory; nothing is copied.
    fn write(&self, offset: usize, from: &[u8]) -> Result<(), DmaRangeError>;
}

/// A range outside a piece of DMA memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DmaRangeError {
    /// First byte asked for.
    pub offset: usize,
    /// Bytes asked for.
    pub len: usize,
    /// Bytes there are.
    pub size: usize,
}

impl DmaRangeError {
    /// Checks that `len` bytes at `offset` lie inside `size` bytes.
    ///
    /// # Errors
    ///
    /// When they do not.
    pub const fn check(offset: usize, len: usize, size: usize) -> Result<(), Self> {
        match offset.checked_add(len) {
            Some(end) if end <= size => Ok(()),
            _ => Err(Self { offset, len, size }),
        }
    }
}

impl fmt::Display for DmaRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, len, size } = self;
        write!(f, "{len} bytes at {offset:#x} are not inside the {size:#x} bytes of DMA memory")
    }
}

impl core::error::Error for DmaRangeError {}
