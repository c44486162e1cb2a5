//! Memory that a driver and a device share: one address space of bus addresses.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_core::hal::{DmaMemory, DmaRangeError, HostError, HostErrorKind};

/// Alignment of every piece, in bytes.
const PAGE: u64 = 4096;
/// First bus address given out. Nothing is ever at 0.
const FIRST: u64 = 0x10_0000;

/// An address space of bus addresses, shared by handle.
///
/// Addresses are given out in rising order and come round only when the space is used up, so that a stale address
/// finds nothing behind it for as long as possible.
#[derive(Debug, Clone, Default)]
pub struct AddressSpace(Arc<Mutex<Space>>);

#[derive(Debug, Default)]
struct Space {
    /// Sorted by address.
    pieces: Vec<Piece>,
    next: u64,
    live_bytes: usize,
    faults: u64,
    isolated: bool,
}

/// The bytes of a piece; a device that is in the middle of an access keeps them a moment longer than the driver.
type Data = Arc<Mutex<Box<[u8]>>>;

#[derive(Debug)]
struct Piece {
    address: u64,
    data: Data,
    len: u64,
}

impl AddressSpace {
    /// An empty space.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allocates `len` zeroed bytes below bus address 2^`address_bits`, page-aligned.
    ///
    /// # Errors
    ///
    /// When `len` is 0 or there is no gap that is large enough.
    pub fn allocate(&self, len: usize, address_bits: u32) -> Result<DmaBuffer, HostError> {
        const FAILED: HostError = HostError::new(HostErrorKind::NoMemory, "DMA memory");
        let limit = 1_u64.checked_shl(address_bits).unwrap_or(u64::MAX);
        let size = (len as u64).checked_next_multiple_of(PAGE).filter(|size| *size > 0).ok_or(FAILED)?;
        let data = Arc::new(Mutex::new(vec![0; len].into_boxed_slice()));
        let mut space = self.lock();
        let address = space.gap(size, limit).ok_or(FAILED)?;
        let at = space.pieces.partition_point(|piece| piece.address < address);
        space.pieces.insert(at, Piece { address, data: data.clone(), len: len as u64 });
        space.next = address + size;
        space.live_bytes += len;
        drop(space);
        Ok(DmaBuffer { space: self.clone(), address, len, data })
    }

    /// Bytes allocated at present.
    pub fn live_bytes(&self) -> usize {
        self.lock().live_bytes
    }

    /// Accesses of devices that met no memory.
    pub fn faults(&self) -> u64 {
        self.lock().faults
    }

    /// Takes memory away from the device, or gives it back: bus mastering. The driver's side goes on.
    pub fn isolate(&self, isolated: bool) {
        self.lock().isolated = isolated;
    }

    /// A device reads memory.
    ///
    /// # Errors
    ///
    /// When not all of the range is one live piece; what an IOMMU would report.
    pub fn device_read(&self, address: u64, into: &mut [u8]) -> Result<(), DeviceFault> {
        let (data, offset) = self.find(address, into.len())?;
        into.copy_from_slice(&lock_bytes(&data)[offset..offset + into.len()]);
        Ok(())
    }

    /// A device writes memory.
    ///
    /// # Errors
    ///
    /// When not all of the range is one live piece; what an IOMMU would report.
    pub fn device_write(&self, address: u64, from: &[u8]) -> Result<(), DeviceFault> {
        let (data, offset) = self.find(address, from.len())?;
        lock_bytes(&data)[offset..offset + from.len()].copy_from_slice(from);
        Ok(())
    }

    fn find(&self, address: u64, len: usize) -> Result<(Data, usize), DeviceFault> {
        let mut space = self.lock();
        let after = space.pieces.partition_point(|piece| piece.address <= address);
        let after = if space.isolated { 0 } else { after };
        let found = after.checked_sub(1).and_then(|at| space.pieces.get(at)).and_then(|piece| {
            let offset = address - piece.address;
            let end = offset.checked_add(len as u64)?;
            (end <= piece.len).then(|| (piece.data.clone(), offset as usize))
        });
        space.faults += u64::from(found.is_none());
        found.ok_or(DeviceFault { address, len })
    }

    fn free(&self, address: u64) {
        let mut space = self.lock();
        if let Ok(at) = space.pieces.binary_search_by_key(&address, |piece| piece.address) {
            let piece = space.pieces.remove(at);
            space.live_bytes -= piece.len as usize;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Space> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Space {
    /// A gap of `size` bytes below `limit`, from `next` on if there is one.
    fn gap(&self, size: u64, limit: u64) -> Option<u64> {
        self.gap_from(self.next.max(FIRST), size, limit).or_else(|| self.gap_from(FIRST, size, limit))
    }

    fn gap_from(&self, mut from: u64, size: u64, limit: u64) -> Option<u64> {
        for piece in &self.pieces {
            let end = piece.address + piece.len.next_multiple_of(PAGE);
            if end <= from {
                continue;
            }
            if piece.address >= from.checked_add(size)? {
                break;
            }
            from = end;
        }
        (from.checked_add(size)? <= limit).then_some(from)
    }
}

/// System memory as a device reaches it, by bus address.
pub trait SystemMemory: Send + Sync {
    /// The device reads.
    ///
    /// # Errors
    ///
    /// When not all of the range is mapped for the device; what an IOMMU would report. Nothing is copied then.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), DeviceFault>;
    /// The device writes.
    ///
    /// # Errors
    ///
    /// When not all of the range is mapped for the device; what an IOMMU would report. Nothing is copied then.
    fn write(&self, address: u64, from: &[u8]) -> Result<(), DeviceFault>;
}

impl SystemMemory for AddressSpace {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), DeviceFault> {
        self.device_read(address, into)
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), DeviceFault> {
        self.device_write(address, from)
    }
}

/// A device accessed memory that is not, or no longer, its.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the device accessed {len} bytes at bus address {address:#x}, where no memory is mapped for it")]
pub struct DeviceFault {
    /// First byte.
    pub address: u64,
    /// Bytes.
    pub len: usize,
}

/// A piece of shared memory; gone from the address space when dropped.
#[derive(Debug)]
pub struct DmaBuffer {
    space: AddressSpace,
    address: u64,
    len: usize,
    data: Data,
}

impl DmaMemory for DmaBuffer {
    fn bus_address(&self) -> u64 {
        self.address
    }

    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), DmaRangeError> {
        DmaRangeError::check(offset, into.len(), self.len)?;
        into.copy_from_slice(&lock_bytes(&self.data)[offset..offset + into.len()]);
        Ok(())
    }

    fn write(&self, offset: usize, from: &[u8]) -> Result<(), DmaRangeError> {
        DmaRangeError::check(offset, from.len(), self.len)?;
        lock_bytes(&self.data)[offset..offset + from.len()].copy_from_slice(from);
        Ok(())
    }
}

impl Drop for DmaBuffer {
    fn drop(&mut self) {
        self.space.free(self.address);
    }
}

fn lock_bytes(data: &Mutex<Box<[u8]>>) -> MutexGuard<'_, Box<[u8]>> {
    data.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_the_same_bytes_until_it_is_freed() {
        let space = AddressSpace::new();
        let buffer = space.allocate(5000, 32).unwrap();
        assert_eq!(buffer.bus_address() % PAGE, 0);
        space.device_write(buffer.bus_address() + 4998, &[7, 8]).unwrap();
        let mut seen = [0; 2];
        buffer.read(4998, &mut seen).unwrap();
        assert_eq!(seen, [7, 8]);
        assert!(buffer.write(4999, &[0; 2]).is_err());
        let address = buffer.bus_address();
        space.isolate(true);
        assert!(space.device_read(address, &mut seen).is_err());
        space.isolate(false);
        assert!(space.device_read(address + 4999, &mut seen).is_err());
        drop(buffer);
        assert!(space.device_read(address, &mut seen).is_err());
        assert_eq!((space.live_bytes(), space.faults()), (0, 3));
    }

    #[test]
    fn an_address_is_not_given_out_again_at_once() {
        let space = AddressSpace::new();
        let first = space.allocate(1, 47).unwrap().bus_address();
        assert_ne!(space.allocate(1, 47).unwrap().bus_address(), first);
    }

    #[test]
    fn a_narrow_device_gets_low_addresses_again_and_again_or_an_error() {
        let space = AddressSpace::new();
        let _high = space.allocate(1 << 20, 47).unwrap();
        for _ in 0..100 {
            let low = space.allocate(0x8_0000, 22).unwrap();
            assert!(low.bus_address() + 0x8_0000 <= 1 << 22);
        }
        assert!(space.allocate(1 << 22, 22).is_err());
        assert!(space.allocate(0, 47).is_err());
    }
}
