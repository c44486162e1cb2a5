// SPDX-License-Identifier: GPL-2.0

//! Coherent memory that a driver shares with its device.

use core::ptr::NonNull;

use kernel::prelude::*;
use kernel::sync::Arc;
use kernel::{bindings, page};
use nova_core::hal::{DmaMemory, DmaRangeError, HostError, HostErrorKind};

use super::pci::{raw_device, Function};

const NO_MEMORY: HostError = HostError::new(HostErrorKind::NoMemory, "DMA memory");

/// A piece of coherent memory. It goes when it is dropped; by then the device must not use it any more, which is what the
/// driver core's `Host::isolate` is for.
pub(crate) struct Coherent {
    function: Arc<Function>,
    memory: NonNull<u8>,
    bus: bindings::dma_addr_t,
    len: usize,
    /// `len` in whole pages: what was allocated.
    size: usize,
}

// SAFETY: the memory belongs to no thread.
unsafe impl Send for Coherent {}
// SAFETY: every access is volatile and byte by byte; that two threads, or the device, may be at the same bytes is what
// this memory is for, and no reference to it is ever formed.
unsafe impl Sync for Coherent {}

impl Coherent {
    /// Zeroed memory whose bus addresses have at most `bits` bits.
    pub(crate) fn new(function: &Arc<Function>, len: usize, bits: u32) -> Result<Self, HostError> {
        let found = Self::allocate(function, len)?;
        if found.is_below(bits) {
            return Ok(found);
        }
        drop(found);
        let mask = 1_u64.checked_shl(bits).map_or(u64::MAX, |end| end - 1);
        // Narrower for the device as a whole: what it has stays reachable, and nothing needs it wider.
        // SAFETY: the device is bound, and has a mask.
        let status = unsafe { bindings::dma_set_coherent_mask(raw_device(function.dev()), mask) };
        if status != 0 {
            return Err(NO_MEMORY);
        }
        Self::allocate(function, len)
            .and_then(|found| if found.is_below(bits) { Ok(found) } else { Err(NO_MEMORY) })
    }

    fn is_below(&self, bits: u32) -> bool {
        let last = self.bus.saturating_add(self.size as u64 - 1);
        last.checked_shr(bits).unwrap_or(0) == 0
    }

    fn allocate(function: &Arc<Function>, len: usize) -> Result<Self, HostError> {
        let size = len.max(1).checked_next_multiple_of(page::PAGE_SIZE).ok_or(NO_MEMORY)?;
        let mut bus = 0;
        let dev = raw_device(function.dev());
        let flags = bindings::GFP_KERNEL | bindings::__GFP_ZERO;
        // SAFETY: the device is bound. Whole pages are aligned to a page.
        let memory = unsafe { bindings::dma_alloc_attrs(dev, size, &mut bus, flags, 0) };
        let memory = NonNull::new(memory.cast()).ok_or(NO_MEMORY)?;
        Ok(Self { function: function.clone(), memory, bus, len, size })
    }

    /// The byte at `at`, which is inside.
    fn byte(&self, at: usize) -> NonNull<u8> {
        // SAFETY: the callers have checked that `at` is below the length.
        unsafe { self.memory.add(at) }
    }
}

impl DmaMemory for Coherent {
    fn bus_address(&self) -> u64 {
        self.bus
    }

    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), DmaRangeError> {
        DmaRangeError::check(offset, into.len(), self.len)?;
        for (at, byte) in (offset..).zip(into) {
            // SAFETY: checked to be inside; volatile, because the device may write it at any time.
            *byte = unsafe { self.byte(at).read_volatile() };
        }
        Ok(())
    }

    fn write(&self, offset: usize, from: &[u8]) -> Result<(), DmaRangeError> {
        DmaRangeError::check(offset, from.len(), self.len)?;
        for (at, byte) in (offset..).zip(from) {
            // SAFETY: as `read`.
            unsafe { self.byte(at).write_volatile(*byte) };
        }
        Ok(())
    }
}

impl Drop for Coherent {
    fn drop(&mut self) {
        let dev = raw_device(self.function.dev());
        // SAFETY: allocated with these very values, and freed once.
        unsafe { bindings::dma_free_attrs(dev, self.size, self.memory.as_ptr().cast(), self.bus, 0) };
    }
}
