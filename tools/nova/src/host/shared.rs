//! Memory that a driver shares with its device, of whatever machine.

use nova_core::hal::{DmaMemory, DmaRangeError};

/// Shared memory behind a pointer.
pub(crate) struct Shared(Box<dyn DmaMemory>);

impl Shared {
    pub(crate) fn new(memory: impl DmaMemory) -> Self {
        Self(Box::new(memory))
    }
}

impl DmaMemory for Shared {
    fn bus_address(&self) -> u64 {
        self.0.bus_address()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), DmaRangeError> {
        self.0.read(offset, into)
    }

    fn write(&self, offset: usize, from: &[u8]) -> Result<(), DmaRangeError> {
        self.0.write(offset, from)
    }
}
