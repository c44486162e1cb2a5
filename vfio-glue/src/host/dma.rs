//! Memory that a driver shares with its device.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use nova_core::hal::{DmaMemory, DmaRangeError, HostError, HostErrorKind};

use super::iova::Addresses;
use crate::device::{Device, Kind, Memory};

const NO_MEMORY: HostError = HostError::new(HostErrorKind::NoMemory, "DMA memory");

/// What one device reaches of our memory: for hosts other than [`VfioHost`](super::VfioHost).
#[derive(Debug)]
pub struct DmaSpace(Mutex<Mapped>);

#[derive(Debug)]
struct Mapped {
    addresses: Addresses,
    /// The pieces the device reaches. It is this table that keeps them alive: they go when the device does not reach them.
    pieces: BTreeMap<u64, Arc<Memory>>,
}

impl DmaSpace {
    /// The space of a device, with nothing in it.
    pub fn new(device: &dyn Device) -> Self {
        let addresses = Addresses::new(device.addresses());
        Self(Mutex::new(Mapped { addresses, pieces: BTreeMap::new() }))
    }

    /// Memory for the driver and the device, at a bus address below 2^`bits`.
    ///
    /// # Errors
    ///
    /// When there is no memory or no room for it, or the device takes none.
    pub fn allocate(
        self: &Arc<Self>,
        device: &Arc<dyn Device>,
        len: usize,
        bits: u32,
    ) -> Result<VfioDma, HostError> {
        let memory = Arc::new(Memory::new(len).map_err(|_| NO_MEMORY)?);
        let mut mapped = self.lock();
        if mapped.addresses.are_none() {
            return Err(HostError::new(HostErrorKind::Unsupported, "DMA memory without an IOMMU"));
        }
        let address = mapped.addresses.take(&memory, bits).ok_or(NO_MEMORY)?;
        if let Err(error) = device.map_dma(&memory, address) {
            mapped.addresses.give_back(address);
            let kind = match error.kind() {
                Kind::Unsupported => HostErrorKind::Unsupported,
                Kind::Other => HostErrorKind::NoMemory,
                _ => HostErrorKind::Other,
            };
            return Err(HostError::new(kind, "mapping of DMA memory"));
        }
        mapped.pieces.insert(address, memory.clone());
        Ok(VfioDma { space: self.clone(), device: Arc::downgrade(device), memory, address, len })
    }

    /// Takes all memory away from the device. What cannot be taken away stays alive for ever.
    pub fn isolate(&self, device: &dyn Device) {
        self.lock().pieces.retain(|address, memory| !unmap(device, *address, memory));
    }

    /// Pieces that the device reaches.
    pub(super) fn live(&self) -> usize {
        self.lock().pieces.len()
    }

    fn free(&self, device: Option<&dyn Device>, address: u64) {
        let mut mapped = self.lock();
        if let Some(memory) = mapped.pieces.get(&address) {
            // A device that is closed reaches nothing: the mappings went with its file.
            if device.is_some_and(|device| !unmap(device, address, memory)) {
                // Neither the memory nor its address is used again.
                return;
            }
            mapped.pieces.remove(&address);
        }
        mapped.addresses.give_back(address);
    }

    fn lock(&self) -> MutexGuard<'_, Mapped> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the device does not reach the memory any more.
fn unmap(device: &dyn Device, address: u64, memory: &Memory) -> bool {
    // Of a device that is gone nobody reaches our memory through the IOMMU; a server that was cut off has its own mapping of
    // the memfd, which outlives ours and harms nobody.
    device.unmap_dma(address, memory.size()).is_ok() || device.is_gone()
}

/// Memory shared with a device. The device does not reach it any more when it is freed.
pub struct VfioDma {
    space: Arc<DmaSpace>,
    device: Weak<dyn Device>,
    memory: Arc<Memory>,
    address: u64,
    len: usize,
}

impl DmaMemory for VfioDma {
    fn bus_address(&self) -> u64 {
        self.address
    }

    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), DmaRangeError> {
        DmaRangeError::check(offset, into.len(), self.len)?;
        self.memory.read(offset, into)
    }

    fn write(&self, offset: usize, from: &[u8]) -> Result<(), DmaRangeError> {
        DmaRangeError::check(offset, from.len(), self.len)?;
        self.memory.write(offset, from)
    }
}

impl fmt::Debug for VfioDma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VfioDma({:#x}, {} bytes)", self.address, self.len)
    }
}

impl Drop for VfioDma {
    fn drop(&mut self) {
        let device = self.device.upgrade();
        self.space.free(device.as_deref(), self.address);
    }
}
