//! BAR0 as a module built for tests reads and writes it for root, as a bus.

use std::sync::Arc;

use nova_abi::Debug;
use nova_core::bus::{Bus, Offset, Word};
use nova_kernel_client::{Device, Error};

/// Every access is a call on `/dev/novaN`, which makes the same access inside the driver's gate.
#[derive(Debug)]
pub(crate) struct DebugBus(Arc<Device>);

impl DebugBus {
    /// The registers of `device`.
    pub(crate) const fn new(device: Arc<Device>) -> Self {
        Self(device)
    }

    fn read<W: Word>(&self, at: Offset<W>) -> Result<W, Error> {
        let made = self.0.debug(Debug::READ, at.bytes() | W::BYTES << 24)?;
        let [value, _] = made.out;
        Ok(W::truncate(value as u32))
    }

    fn write<W: Word>(&self, at: Offset<W>, value: W) -> Result<(), Error> {
        let value: u32 = value.into();
        self.0.debug_with(Debug::WRITE, at.bytes() | W::BYTES << 24, value.into()).map(drop)
    }
}

impl Bus for DebugBus {
    type Error = Error;

    fn read8(&self, at: Offset<u8>) -> Result<u8, Error> {
        self.read(at)
    }
    fn read16(&self, at: Offset<u16>) -> Result<u16, Error> {
        self.read(at)
    }
    fn read32(&self, at: Offset<u32>) -> Result<u32, Error> {
        self.read(at)
    }
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Error> {
        self.write(at, value)
    }
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Error> {
        self.write(at, value)
    }
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Error> {
        self.write(at, value)
    }
}
