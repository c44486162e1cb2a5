//! Buses over BAR0 of a device: mapped, by messages, or whichever of the two there is.

use std::sync::Arc;

use nova_backends::mmio::{Mmio, MmioError};
use nova_core::bus::{Bus, ErrorKind, Offset, WINDOW_SIZE, Word};

use crate::device::{Area, Device, Error, Mapping, region};

/// BAR0, mapped: an access is a load or a store and cannot fail.
///
/// A device that is gone reads as ones. One whose memory decoding is off makes the access fatal (`SIGBUS`): vfio-pci takes
/// the mapping away meanwhile. Nothing in this crate switches it off.
#[derive(Debug)]
pub struct MappedBus {
    mmio: Mmio,
    /// Dropped after the last access through `mmio`: both go with this value.
    _mapping: Mapping,
    /// The device stays open for as long as it is mapped.
    _device: Arc<dyn Device>,
}

impl MappedBus {
    /// Maps the registers of a device.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] when BAR0 cannot be mapped as a whole, or the mapping is refused; or BAR0 is too small, or
    /// cannot be asked.
    pub fn new(device: Arc<dyn Device>) -> Result<Self, Error> {
        let window = Area { offset: 0, len: WINDOW_SIZE.into() };
        check_size(device.as_ref())?;
        let unsupported = Error::Unsupported { what: "mapping of BAR0" };
        if !device.region(region::BAR0)?.maps(window) {
            return Err(unsupported);
        }
        let mapping = device.map(region::BAR0, window).map_err(|error| match error {
            // Promised, and not so: no reason to do without the device.
            Error::Refused { .. } if !device.is_gone() => unsupported,
            error => error,
        })?;
        let mmio = over(&mapping).map_err(|why| Error::Nonsense { what: "BAR0", why: why.to_string() })?;
        Ok(Self { mmio, _mapping: mapping, _device: device })
    }
}

/// The register window in a mapping. The caller keeps the mapping for as long as the window.
#[allow(unsafe_code)]
fn over(mapping: &Mapping) -> Result<Mmio, MmioError> {
    // SAFETY: the mapping has this length, is readable and writable, and the one caller keeps it beside the `Mmio`. It is
    // of registers, and nothing else in the process gets at it.
    unsafe { Mmio::new(mapping.as_ptr(), mapping.len()) }
}

/// BAR0 by single accesses, which the kernel or a server makes for us.
#[derive(Debug, Clone)]
pub struct MessageBus {
    device: Arc<dyn Device>,
}

impl MessageBus {
    /// The registers of a device.
    ///
    /// # Errors
    ///
    /// When BAR0 is too small, or cannot be asked.
    pub fn new(device: Arc<dyn Device>) -> Result<Self, Error> {
        check_size(device.as_ref())?;
        Ok(Self { device })
    }

    fn read<W: Word>(&self, at: Offset<W>, bytes: &mut [u8]) -> Result<(), ErrorKind> {
        self.device.read(region::BAR0, at.bytes().into(), bytes).map_err(|error| kind(&error))
    }

    fn write<W: Word>(&self, at: Offset<W>, bytes: &[u8]) -> Result<(), ErrorKind> {
        self.device.write(region::BAR0, at.bytes().into(), bytes).map_err(|error| kind(&error))
    }
}

/// A transport that gave up on the device says that it is gone, from the first such answer on: a driver is to let go of it.
fn kind(error: &Error) -> ErrorKind {
    nova_core::bus::Error::kind(error)
}

fn check_size(device: &dyn Device) -> Result<(), Error> {
    let size = device.region(region::BAR0)?.size;
    if size < WINDOW_SIZE.into() {
        let why = format!("it has {size:#x} bytes, the registers of a GPU {WINDOW_SIZE:#x}");
        return Err(Error::Nonsense { what: "BAR0", why });
    }
    Ok(())
}

/// BAR0 in the quickest way there is.
#[derive(Debug)]
pub enum AnyBus {
    /// Mapped.
    Mapped(MappedBus),
    /// By messages.
    Message(MessageBus),
}

impl AnyBus {
    /// The registers of a device: mapped if they can be.
    ///
    /// # Errors
    ///
    /// When BAR0 is too small, or the device fails.
    pub fn new(device: Arc<dyn Device>) -> Result<Self, Error> {
        match MappedBus::new(device.clone()) {
            Ok(bus) => Ok(Self::Mapped(bus)),
            Err(Error::Unsupported { .. }) => MessageBus::new(device).map(Self::Message),
            Err(error) => Err(error),
        }
    }

    /// Whether an access is a load or a store.
    pub const fn is_mapped(&self) -> bool {
        matches!(self, Self::Mapped(_))
    }
}

macro_rules! accesses {
    ($($read:ident $write:ident $word:ty;)*) => {
        impl Bus for MessageBus {
            type Error = ErrorKind;
            $(
                #[inline]
                fn $read(&self, at: Offset<$word>) -> Result<$word, ErrorKind> {
                    let mut bytes = [0; size_of::<$word>()];
                    self.read(at, &mut bytes)?;
                    Ok(<$word>::from_le_bytes(bytes))
                }
                #[inline]
                fn $write(&self, at: Offset<$word>, value: $word) -> Result<(), ErrorKind> {
                    self.write(at, &value.to_le_bytes())
                }
            )*
        }

        impl Bus for MappedBus {
            type Error = std::convert::Infallible;
            $(
                #[inline(always)]
                fn $read(&self, at: Offset<$word>) -> Result<$word, Self::Error> {
                    self.mmio.$read(at)
                }
                #[inline(always)]
                fn $write(&self, at: Offset<$word>, value: $word) -> Result<(), Self::Error> {
                    self.mmio.$write(at, value)
                }
            )*
        }

        impl Bus for AnyBus {
            type Error = ErrorKind;
            $(
                #[inline]
                fn $read(&self, at: Offset<$word>) -> Result<$word, ErrorKind> {
                    match self {
                        Self::Mapped(bus) => bus.$read(at).map_err(|never| match never {}),
                        Self::Message(bus) => bus.$read(at),
                    }
                }
                #[inline]
                fn $write(&self, at: Offset<$word>, value: $word) -> Result<(), ErrorKind> {
                    match self {
                        Self::Mapped(bus) => bus.$write(at, value).map_err(|never| match never {}),
                        Self::Message(bus) => bus.$write(at, value),
                    }
                }
            )*
        }
    };
}

accesses! {
    read8 write8 u8;
    read16 write16 u16;
    read32 write32 u32;
}
