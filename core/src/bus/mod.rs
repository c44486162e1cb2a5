//! The register bus: words at offsets, and typed registers on top.
//!
//! * [`Bus`] is what a backend implements: 8, 16 and 32-bit access at a checked [`Offset`].
//! * [`Io`] is what driver code uses: typed registers, with the architecture as a proof.
//! * [`Register`] descriptors come from the `registers!` macro; [`catalogue`] lists them at run time.
//!
//! A bus of one's own, and typed registers on it:
//!
//! ```
//! use core::{cell::RefCell, convert::Infallible};
//!
//! use nova_core::bus::{Bus, Io, Offset, WINDOW_SIZE};
//! use nova_core::field;
//! use nova_core::regs::pmc::NV_PMC_BOOT_42;
//! use nova_core::regs::ptimer::NV_PTIMER_ALARM_0;
//!
//! /// Registers that only remember, for a test of a driver.
//! struct Table(RefCell<Vec<u8>>);
//!
//! impl Table {
//!     fn get<const N: usize>(&self, at: u32) -> [u8; N] {
//!         core::array::from_fn(|byte| self.0.borrow()[at as usize + byte])
//!     }
//!     fn put(&self, at: u32, bytes: &[u8]) {
//!         self.0.borrow_mut()[at as usize..][..bytes.len()].copy_from_slice(bytes);
//!     }
//! }
//!
//! impl Bus for Table {
//!     // Nothing can go wrong here, and the compiler knows: below, `let Ok(..) =` is all the handling there is.
//!     type Error = Infallible;
//!
//!     fn read8(&self, at: Offset<u8>) -> Result<u8, Infallible> {
//!         Ok(u8::from_le_bytes(self.get(at.bytes())))
//!     }
//!     fn read16(&self, at: Offset<u16>) -> Result<u16, Infallible> {
//!         Ok(u16::from_le_bytes(self.get(at.bytes())))
//!     }
//!     fn read32(&self, at: Offset<u32>) -> Result<u32, Infallible> {
//!         Ok(u32::from_le_bytes(self.get(at.bytes())))
//!     }
//!     fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Infallible> {
//!         self.put(at.bytes(), &value.to_le_bytes());
//!         Ok(())
//!     }
//!     fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Infallible> {
//!         self.put(at.bytes(), &value.to_le_bytes());
//!         Ok(())
//!     }
//!     fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Infallible> {
//!         self.put(at.bytes(), &value.to_le_bytes());
//!         Ok(())
//!     }
//! }
//!
//! let table = Table(RefCell::new(vec![0; WINDOW_SIZE as usize]));
//! // The one check is where an offset is made. A typed register has a checked one, so its accesses have no check.
//! let Ok(()) = table.write32(Offset::new(0xA00)?, 0x172A_1000);
//!
//! // One access, then as many fields as one likes.
//! let io = Io::new(&table);
//! let Ok(boot) = io.read(NV_PMC_BOOT_42);
//! assert_eq!(boot.read(NV_PMC_BOOT_42::ARCHITECTURE), 0x17);
//! assert_eq!(boot.read(NV_PMC_BOOT_42::IMPLEMENTATION), 2);
//!
//! // Fields that are not named are zero. `field!` does not compile with a value too wide for its field.
//! let Ok(()) = io.write(NV_PTIMER_ALARM_0, field!(NV_PTIMER_ALARM_0::NSEC, 4));
//! let Ok(alarm) = io.read(NV_PTIMER_ALARM_0);
//! assert_eq!(alarm.get(), 4 << 5);
//! # Ok::<(), nova_core::bus::OffsetError>(())
//! ```
//!
//! `nova-backends` has the buses that are needed in earnest, MMIO and a model with the semantics of hardware; its
//! `conformance::bus` checks any other.

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
