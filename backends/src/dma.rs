//! DMA memory out of a static pool: [`DmaMemory`] for hosts without an allocator.
//!
//! A [`DmaPool`] is a static of whole pages whose bus address the caller knows: because the linker script says where
//! it lies, because bus and processor addresses are the same, or because it has been mapped. Bytes are atomics, so the
//! device may change them at any time; whether it sees them without cache maintenance is up to the platform, which has
//! to be coherent (x86, or an uncached mapping).
//!
//! ```
//! use nova_backends::dma::DmaPool;
//! use nova_core::hal::DmaMemory as _;
//!
//! static POOL: DmaPool<4> = DmaPool::new(0x8000_0000);
//!
//! let memory = POOL.alloc(5000, 40)?;
//! memory.write(4998, &[1, 2]).unwrap();
//! assert_eq!((memory.bus_address(), POOL.free_pages()), (0x8000_0000, 2));
//! drop(memory);
//! assert_eq!(POOL.free_pages(), 4);
//! # Ok::<(), nova_core::hal::HostError>(())
//! ```

use core::fmt;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering, fence};

use nova_core::hal::{DmaMemory, DmaRangeError, HostError, HostErrorKind};

/// Bytes in a page, and the alignment of every piece.
pub const PAGE_SIZE: usize = 4096;

const NO_MEMORY: HostError = HostError::new(HostErrorKind::NoMemory, "DMA memory");

#[repr(C, align(4096))]
struct Page([AtomicU8; PAGE_SIZE]);

/// `PAGES` pages of memory that a device reaches.
#[repr(C)]
pub struct DmaPool<const PAGES: usize> {
    /// First, so that the pool's own address is that of its first page.
    pages: [Page; PAGES],
    taken: [AtomicBool; PAGES],
    bus_address: u64,
}

impl<const PAGES: usize> DmaPool<PAGES> {
    /// A pool whose first byte the device finds at `bus_address`.
    ///
    /// # Panics
    ///
    /// When `bus_address` is no multiple of [`PAGE_SIZE`], or the pool does not fit above it. For a static that is a
    /// compile error.
    pub const fn new(bus_address: u64) -> Self {
        assert!(bus_address % PAGE_SIZE as u64 == 0, "the bus address is not that of a page");
        assert!(
            bus_address.checked_add(PAGES as u64 * PAGE_SIZE as u64).is_some(),
            "the pool goes beyond the end of the address space"
        );
        Self {
            pages: [const { Page([const { AtomicU8::new(0) }; PAGE_SIZE]) }; PAGES],
            taken: [const { AtomicBool::new(false) }; PAGES],
            bus_address,
        }
    }

    /// Allocates `len` zeroed bytes, contiguous, from the lowest free pages, all below bus address 2^`address_bits`.
    ///
    /// # Errors
    ///
    /// [`HostErrorKind::NoMemory`] when `len` is 0 or no run of free pages there is long enough. Another thread that
    /// allocates at the same moment holds the pages it tries for, which may be found missing.
    pub fn alloc(&'static self, len: usize, address_bits: u32) -> Result<PoolMemory<PAGES>, HostError> {
        let pages = len.div_ceil(PAGE_SIZE);
        if pages == 0 {
            return Err(NO_MEMORY);
        }
        let first = self.claim(pages, address_bits).ok_or(NO_MEMORY)?;
        for byte in self.pages[first..first + pages].iter().flat_map(|page| &page.0) {
            byte.store(0, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
        Ok(PoolMemory { pool: self, first, len })
    }

    /// Pages that are not allocated.
    pub fn free_pages(&self) -> usize {
        self.taken.iter().filter(|taken| !taken.load(Ordering::Relaxed)).count()
    }

    /// Takes a run of pages, and gives the number of the first.
    fn claim(&self, pages: usize, address_bits: u32) -> Option<usize> {
        let limit = 1_u64.checked_shl(address_bits).unwrap_or(u64::MAX);
        let mut first = 0;
        loop {
            let end = pages.checked_add(first).filter(|end| *end <= PAGES)?;
            if self.address_of(end) > limit {
                return None;
            }
            let Some(taken) = (first..end).find(|page| self.taken[*page].swap(true, Ordering::Acquire))
            else {
                return Some(first);
            };
            self.give_back(first..taken);
            first = taken + 1;
        }
    }

    fn give_back(&self, pages: Range<usize>) {
        for taken in &self.taken[pages] {
            taken.store(false, Ordering::Release);
        }
    }

    /// Cannot overflow: `new` has looked.
    const fn address_of(&self, page: usize) -> u64 {
        self.bus_address + page as u64 * PAGE_SIZE as u64
    }
}

impl<const PAGES: usize> fmt::Debug for DmaPool<PAGES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DmaPool({:#x}, {} of {PAGES} pages free)", self.bus_address, self.free_pages())
    }
}

/// A piece of a [`DmaPool`]; its pages are free again when it is dropped.
///
/// The pool cannot take the device's access away: whoever drops a piece has stopped the device before, or lets
/// [`Host::isolate`](nova_core::hal::Host::isolate) do it. One that is forgotten keeps its pages for ever.
pub struct PoolMemory<const PAGES: usize> {
    pool: &'static DmaPool<PAGES>,
    first: usize,
    len: usize,
}

impl<const PAGES: usize> PoolMemory<PAGES> {
    /// The bytes from `offset` on; `offset` has been checked.
    fn bytes(&self, offset: usize, len: usize) -> impl Iterator<Item = &AtomicU8> {
        let byte = move |at: usize| &self.pool.pages[self.first + at / PAGE_SIZE].0[at % PAGE_SIZE];
        (offset..offset + len).map(byte)
    }
}

impl<const PAGES: usize> DmaMemory for PoolMemory<PAGES> {
    fn bus_address(&self) -> u64 {
        self.pool.address_of(self.first)
    }

    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), DmaRangeError> {
        DmaRangeError::check(offset, into.len(), self.len)?;
        // Not before whatever told that the bytes are there.
        fence(Ordering::SeqCst);
        let len = into.len();
        for (to, byte) in into.iter_mut().zip(self.bytes(offset, len)) {
            *to = byte.load(Ordering::Relaxed);
        }
        Ok(())
    }

    fn write(&self, offset: usize, from: &[u8]) -> Result<(), DmaRangeError> {
        DmaRangeError::check(offset, from.len(), self.len)?;
        for (byte, new) in self.bytes(offset, from.len()).zip(from) {
            byte.store(*new, Ordering::Relaxed);
        }
        // Not after whatever tells the device.
        fence(Ordering::SeqCst);
        Ok(())
    }
}

impl<const PAGES: usize> Drop for PoolMemory<PAGES> {
    fn drop(&mut self) {
        self.pool.give_back(self.first..self.first + self.len.div_ceil(PAGE_SIZE));
    }
}

impl<const PAGES: usize> fmt::Debug for PoolMemory<PAGES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolMemory({:#x}, {} bytes)", self.bus_address(), self.len)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    /// A pool of the calling test's own.
    macro_rules! pool {
        ($pages:literal) => {{
            static POOL: DmaPool<$pages> = DmaPool::new(0x10_0000);
            &POOL
        }};
    }

    #[test]
    fn bytes_are_kept_across_pages_and_ranges_are_checked() {
        let memory = pool!(3).alloc(10_000, 32).unwrap();
        assert_eq!((memory.len(), memory.bus_address(), memory.is_empty()), (10_000, 0x10_0000, false));
        memory.write(4094, &[1, 2, 3, 4]).unwrap();
        let mut seen = [9; 6];
        memory.read(4093, &mut seen).unwrap();
        assert_eq!(seen, [0, 1, 2, 3, 4, 0]);
        memory.write(9_999, &[5]).unwrap();
        let outside = DmaRangeError { offset: 9_999, len: 2, size: 10_000 };
        assert_eq!(memory.write(9_999, &[6, 6]), Err(outside));
        assert_eq!(memory.read(9_999, &mut seen[..2]), Err(outside));
        assert!(memory.write(usize::MAX, &[6, 6]).is_err());
        memory.read(9_999, &mut seen[..1]).unwrap();
        assert_eq!(seen[0], 5);
        memory.read(10_000, &mut []).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused_and_takes_nothing() {
        let pool = pool!(4);
        let used_up = pool.alloc(1, 32).unwrap();
        for len in [0, 3 * PAGE_SIZE + 1, usize::MAX] {
            assert_eq!(pool.alloc(len, 32).unwrap_err(), NO_MEMORY, "{len}");
        }
        assert_eq!(pool.free_pages(), 3);
        let rest = pool.alloc(3 * PAGE_SIZE, 32).unwrap();
        assert_eq!((rest.bus_address(), pool.free_pages()), (0x10_1000, 0));
        assert!(pool.alloc(1, 32).is_err());
        drop((used_up, rest));
        assert_eq!(pool.free_pages(), 4);
    }

    #[test]
    fn freed_pages_are_given_out_again_zeroed_and_only_as_a_run() {
        let pool = pool!(4);
        let pieces = [(); 4].map(|()| pool.alloc(PAGE_SIZE, 32).unwrap());
        for piece in &pieces {
            piece.write(0, &[0xaa; PAGE_SIZE]).unwrap();
        }
        let [first, second, third, fourth] = pieces;
        drop((first, third));
        assert!(pool.alloc(PAGE_SIZE + 1, 32).is_err(), "two pages are free, but not side by side");
        drop(second);
        let again = pool.alloc(3 * PAGE_SIZE, 32).unwrap();
        let mut seen = [1; 3 * PAGE_SIZE];
        again.read(0, &mut seen).unwrap();
        assert_eq!((again.bus_address(), seen), (0x10_0000, [0; 3 * PAGE_SIZE]));
        fourth.read(0, &mut seen[..1]).unwrap();
        assert_eq!(seen[0], 0xaa, "a neighbour is left alone");
    }

    #[test]
    fn a_narrow_device_gets_low_pages_or_nothing() {
        static LOW: DmaPool<2> = DmaPool::new(0xf_f000);
        let pool = pool!(2);
        assert!(pool.alloc(1, 20).is_err() && pool.alloc(1, 0).is_err());
        assert!(LOW.alloc(PAGE_SIZE + 1, 20).is_err(), "the second page is beyond 1 MiB");
        let low = LOW.alloc(1, 20).unwrap();
        assert_eq!((low.bus_address(), LOW.alloc(1, 20).is_err()), (0xf_f000, true));
        assert_eq!(LOW.alloc(1, 64).unwrap().bus_address(), 0x10_0000);
    }

    #[test]
    fn a_forgotten_piece_costs_its_pages_and_nothing_else() {
        let pool = pool!(3);
        core::mem::forget(pool.alloc(PAGE_SIZE, 32).unwrap());
        assert_eq!(pool.free_pages(), 2);
        for _ in 0..10 {
            let rest = pool.alloc(2 * PAGE_SIZE, 32).unwrap();
            assert_eq!(rest.bus_address(), 0x10_1000);
        }
        assert!(pool.alloc(3 * PAGE_SIZE, 32).is_err());
    }

    #[test]
    fn threads_never_share_a_page() {
        let pool = pool!(4);
        std::thread::scope(|scope| {
            for mark in 1..=4_u8 {
                scope.spawn(move || {
                    for round in 0..200_usize {
                        // Another thread may hold what is asked for.
                        let Ok(piece) = pool.alloc((round % 2 + 1) * PAGE_SIZE, 32) else { continue };
                        piece.write(PAGE_SIZE - 1, &[mark]).unwrap();
                        std::thread::yield_now();
                        let mut seen = [0; 2];
                        piece.read(PAGE_SIZE - 2, &mut seen).unwrap();
                        assert_eq!(seen, [0, mark]);
                    }
                });
            }
        });
        assert_eq!(pool.free_pages(), 4);
    }

    #[test]
    fn the_pool_is_aligned_and_says_what_is_free() {
        let pool = pool!(2);
        assert_eq!(core::ptr::from_ref(pool).addr() % PAGE_SIZE, 0);
        let piece = pool.alloc(5, 32).unwrap();
        assert_eq!(std::format!("{pool:?}"), "DmaPool(0x100000, 1 of 2 pages free)");
        assert_eq!(std::format!("{piece:?}"), "PoolMemory(0x100000, 5 bytes)");
    }
}
