//! The register bus: words at offsets, and typed registers on top.
//!
//! * [`Bus`] is what a backend implements: 8, 16 and 32-bit access at a checked [`Offset`].
//! * [`Io`] is what driver code uses: typed registers, with the architecture as a proof.
//! * [`Register`] descriptors come from the `registers!` macro; [`catalogue`] lists them at run time.

mod access;
pub mod catalogue;
mod error;
mod io;
#[doc(hidden)]
pub mod macros;
mod offset;
mod register;
mod word;

pub use access::{
    Access, Mode, Modifiable, Pure, ReadOnly, ReadWrite, Readable, Writable, Write1ToClear, Write1ToSet,
    WriteOnly,
};
pub use error::{Error, ErrorKind};
pub use io::Io;
pub(crate) use macros::registers;
pub use offset::{Offset, OffsetError, OffsetErrorKind, WINDOW_SIZE};
pub use register::{
    Element, IndexError, Instance, InstanceOf, Place, Register, Scalar, Value, WideValue, field_value,
};
pub use word::Word;

/// Access to the registers of one device.
///
/// Methods take `&self`: a bus is shared by everything that runs under the device's gate, and
/// a single word access is atomic on the wire. Offsets are already checked, so an implementation
/// whose medium cannot fail uses [`Infallible`](core::convert::Infallible) as its error, and the
/// access compiles to one load or store.
pub trait Bus {
    /// What an access can report. `Infallible` for direct MMIO.
    type Error: Error;

    /// Reads 8 bits.
    ///
    /// # Errors
    ///
    /// Whatever the medium reports.
    fn read8(&self, at: Offset<u8>) -> Result<u8, Self::Error>;
    /// Reads 16 bits.
    ///
    /// # Errors
    ///
    /// Whatever the medium reports.
    fn read16(&self, at: Offset<u16>) -> Result<u16, Self::Error>;
    /// Reads 32 bits.
    ///
    /// # Errors
    ///
    /// Whatever the medium reports.
    fn read32(&self, at: Offset<u32>) -> Result<u32, Self::Error>;
    /// Writes 8 bits.
    ///
    /// # Errors
    ///
    /// Whatever the medium reports.
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Self::Error>;
    /// Writes 16 bits.
    ///
    /// # Errors
    ///
    /// Whatever the medium reports.
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Self::Error>;
    /// Writes 32 bits.
    ///
    /// # Errors
    ///
    /// Whatever the medium reports.
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Self::Error>;

    /// Whether the device cell at this address may use the bus. One that was made for a certain device says
    /// so; most were not.
    fn is_for(&self, _device: *const ()) -> bool {
        true
    }

    /// What the bus itself knows of the device, without an access. A bus that goes through another device
    /// knows; most do not, and for them it is live.
    fn condition(&self) -> Condition {
        Condition::Live
    }
}

/// What a bus knows of the device at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Condition {
    /// Nothing against it.
    Live,
    /// It must not be accessed now.
    Asleep,
    /// It is gone.
    Gone,
}

impl<B: Bus + ?Sized> Bus for &B {
    type Error = B::Error;
    #[inline(always)]
    fn read8(&self, at: Offset<u8>) -> Result<u8, Self::Error> {
        (**self).read8(at)
    }
    #[inline(always)]
    fn read16(&self, at: Offset<u16>) -> Result<u16, Self::Error> {
        (**self).read16(at)
    }
    #[inline(always)]
    fn read32(&self, at: Offset<u32>) -> Result<u32, Self::Error> {
        (**self).read32(at)
    }
    #[inline(always)]
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Self::Error> {
        (**self).write8(at, value)
    }
    #[inline(always)]
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Self::Error> {
        (**self).write16(at, value)
    }
    #[inline(always)]
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Self::Error> {
        (**self).write32(at, value)
    }
    fn is_for(&self, device: *const ()) -> bool {
        (**self).is_for(device)
    }
    fn condition(&self) -> Condition {
        (**self).condition()
    }
}
