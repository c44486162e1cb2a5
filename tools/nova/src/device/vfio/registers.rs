//! BAR0 of a device: mapped if it can be, by single accesses otherwise.

use std::sync::Arc;

use nova_core::bus::{Bus, ErrorKind, Offset};
use nova_vfio_glue::bus::MappedBus;
use nova_vfio_glue::device::{Device, Error, region};

use super::super::BusError;

/// The registers.
pub(super) enum Registers {
    /// An access is a load or a store.
    Mapped(MappedBus),
    /// An access is a message, or a system call; an error is told in the words of who answered.
    Asked(Arc<dyn Device>),
}

impl Registers {
    /// # Errors
    ///
    /// When the device has none, or fails.
    pub(super) fn new(device: &Arc<dyn Device>) -> Result<Self, Error> {
        match MappedBus::new(device.clone()) {
            Err(Error::Unsupported { .. }) => Ok(Self::Asked(device.clone())),
            mapped => mapped.map(Self::Mapped),
        }
    }
}

/// An error in the device's words, but for what a program that drives it would do next.
fn told(error: Error) -> BusError {
    match error {
        Error::Gone { what } => BusError::new(ErrorKind::Gone, format!("{what}: the device is gone")),
        other => BusError::of(other),
    }
}

macro_rules! accesses {
    ($($read:ident $write:ident $word:ty;)*) => {$(
        fn $read(&self, at: Offset<$word>) -> Result<$word, BusError> {
            match self {
                Self::Mapped(bus) => bus.$read(at).map_err(|never| match never {}),
                Self::Asked(device) => {
                    let mut bytes = [0; size_of::<$word>()];
                    device.read(region::BAR0, at.bytes().into(), &mut bytes).map_err(told)?;
                    Ok(<$word>::from_le_bytes(bytes))
                }
            }
        }
        fn $write(&self, at: Offset<$word>, value: $word) -> Result<(), BusError> {
            match self {
                Self::Mapped(bus) => bus.$write(at, value).map_err(|never| match never {}),
                Self::Asked(device) => {
                    let bytes = value.to_le_bytes();
                    device.write(region::BAR0, at.bytes().into(), &bytes).map_err(told)
                }
            }
        }
    )*};
}

impl Bus for Registers {
    type Error = BusError;
    accesses! {
        read8 write8 u8;
        read16 write16 u16;
        read32 write32 u32;
    }
}
