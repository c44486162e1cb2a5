//! BAR0 as the kernel reads it, as a bus.

use std::sync::Arc;

use nova_core::bus::{self, Bus, ErrorKind, Offset, Word as _};
use rustix::io::Errno;

use crate::device::Device;
use crate::error::{Error, Kind};

/// The registers of a device, for reading: the kernel writes none for others. A narrow read is a part of a word that is
/// read as a whole.
#[derive(Debug, Clone)]
pub struct Registers(Arc<Device>);

impl Registers {
    /// The registers of `device`.
    pub const fn new(device: Arc<Device>) -> Self {
        Self(device)
    }

    /// The word that what stands at `at` is a part of, with it in front.
    fn part(&self, at: u32) -> Result<u32, Error> {
        Ok(self.0.read(at & !3)? >> (at % 4 * 8))
    }
}

impl bus::Error for Error {
    fn kind(&self) -> ErrorKind {
        match Self::kind(self) {
            Kind::Gone => ErrorKind::Gone,
            Kind::Permission | Kind::Refused => ErrorKind::Denied,
            Kind::Timeout => ErrorKind::Timeout,
            _ => ErrorKind::Other,
        }
    }
}

const NO_WRITES: Error = Error::Call { call: "register write", errno: Errno::ROFS };

impl Bus for Registers {
    type Error = Error;

    fn read8(&self, at: Offset<u8>) -> Result<u8, Error> {
        self.part(at.bytes()).map(u8::truncate)
    }
    fn read16(&self, at: Offset<u16>) -> Result<u16, Error> {
        self.part(at.bytes()).map(u16::truncate)
    }
    fn read32(&self, at: Offset<u32>) -> Result<u32, Error> {
        self.0.read(at.bytes())
    }
    fn write8(&self, _: Offset<u8>, _: u8) -> Result<(), Error> {
        Err(NO_WRITES)
    }
    fn write16(&self, _: Offset<u16>, _: u16) -> Result<(), Error> {
        Err(NO_WRITES)
    }
    fn write32(&self, _: Offset<u32>, _: u32) -> Result<(), Error> {
        Err(NO_WRITES)
    }
}
