//! A mapped register window: the only pointer code of nova.
//!
//! # Why the accessor is sound
//!
//! An access goes through [`volatile_register::RW`], whose methods take `&self`, so a `&RW<W>`
//! exists for the length of one load or store. A `&u32` in its place would be wrong: it tells LLVM
//! `noalias readonly dereferenceable`, which allows it to read a register once more, or when the
//! program does not read it at all. `RW` is an `UnsafeCell`, and for a shared reference to one rustc
//! emits none of the three (not even `dereferenceable`, since rust-lang/rust#98017, Rust 1.64). What
//! is left is `nonnull` and `align`, which are true of the mapping. The access itself is
//! `read_volatile` or `write_volatile`: it is made exactly once, at its width, and is not reordered
//! with other volatile accesses.
//!
//! No other reference to the mapping is ever formed; the base stays a pointer.
#![allow(unsafe_code)]

use core::convert::Infallible;
use core::fmt;
use core::ptr::NonNull;

use nova_core::bus::{Bus, Offset, WINDOW_SIZE, Word};
use volatile_register::RW;

/// The register window of one device, mapped into the address space.
///
/// Reads and writes are one load or store each and cannot fail. The device is little endian.
#[derive(Debug)]
pub struct Mmio {
    base: NonNull<u8>,
}

// SAFETY: the mapping belongs to no thread; `Mmio::new` has its caller promise that any may use it.
unsafe impl Send for Mmio {}
// SAFETY: the device serialises the accesses; volatile accesses to a mapping are no accesses to
// Rust memory, so two of them at the same time are no data race. The registers' own order is the
// business of the driver's locks.
unsafe impl Sync for Mmio {}

impl Mmio {
    /// The register window at `base`.
    ///
    /// # Safety
    ///
    /// * `len` bytes from `base` are mapped, readable and writable, and stay so until the `Mmio`
    ///   is dropped, for every thread it is used in.
    /// * They are registers of a device, or memory that is accessed in no other way while the
    ///   `Mmio` exists.
    ///
    /// # Errors
    ///
    /// When `base` is null or not a multiple of 4, or when `len` is less than [`WINDOW_SIZE`].
    pub unsafe fn new(base: *mut u8, len: usize) -> Result<Self, MmioError> {
        let Some(base) = NonNull::new(base) else {
            return Err(MmioError::Null);
        };
        let by = base.addr().get() % u32::BYTES as usize;
        if by != 0 {
            return Err(MmioError::Unaligned { by });
        }
        if len < WINDOW_SIZE as usize {
            return Err(MmioError::Small { len });
        }
        Ok(Self { base })
    }

    /// The word at `at`.
    #[inline(always)]
    fn word<W: Word>(&self, at: Offset<W>) -> &RW<W> {
        // SAFETY: `Offset` lies inside the window, and `new` was promised that all of it is mapped.
        let word = unsafe { self.base.add(at.bytes() as usize) }.cast::<RW<W>>();
        // SAFETY: the mapping outlives `self`. The word is aligned: the base is to 4 bytes, the
        // offset to its own size. Being an `UnsafeCell`, `RW` may change behind the reference.
        unsafe { word.as_ref() }
    }

    #[inline(always)]
    fn store<W: Word>(&self, at: Offset<W>, value: W) {
        // SAFETY: the word is mapped for writing. That writing has effects is what a driver wants.
        unsafe { self.word(at).write(value) }
    }
}

impl Bus for Mmio {
    type Error = Infallible;

    #[inline(always)]
    fn read8(&self, at: Offset<u8>) -> Result<u8, Infallible> {
        Ok(self.word(at).read())
    }
    #[inline(always)]
    fn read16(&self, at: Offset<u16>) -> Result<u16, Infallible> {
        Ok(u16::from_le(self.word(at).read()))
    }
    #[inline(always)]
    fn read32(&self, at: Offset<u32>) -> Result<u32, Infallible> {
        Ok(u32::from_le(self.word(at).read()))
    }
    #[inline(always)]
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Infallible> {
        self.store(at, value);
        Ok(())
    }
    #[inline(always)]
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Infallible> {
        self.store(at, value.to_le());
        Ok(())
    }
    #[inline(always)]
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Infallible> {
        self.store(at, value.to_le());
        Ok(())
    }
}

/// Why a mapping cannot be a register window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MmioError {
    /// The base is null.
    Null,
    /// The base is not a multiple of 4.
    Unaligned {
        /// The base modulo 4.
        by: usize,
    },
    /// The mapping is smaller than the window.
    Small {
        /// Its length in bytes.
        len: usize,
    },
}

impl fmt::Display for MmioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => {
                f.write_str("the register window is mapped at null; check the result of the mapping")
            }
            Self::Unaligned { by } => {
                write!(f, "the register window is mapped {by} bytes past a multiple of 4; map whole pages")
            }
            Self::Small { len } => write!(
                f,
                "the mapping has {len:#x} bytes, the register window {WINDOW_SIZE:#x}; \
                 map all of BAR0, and check that it is a GSP-generation GPU's"
            ),
        }
    }
}

impl core::error::Error for MmioError {}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
    use std::string::ToString;

    use super::*;

    const LAYOUT: Layout = match Layout::from_size_align(WINDOW_SIZE as usize, 4096) {
        Ok(layout) => layout,
        Err(_) => panic!(),
    };

    /// 16 MiB of memory in place of a device, only ever accessed through pointers.
    struct Memory(*mut u8);

    impl Memory {
        fn new() -> Self {
            // SAFETY: the layout has a size.
            let memory = unsafe { alloc_zeroed(LAYOUT) };
            if memory.is_null() {
                handle_alloc_error(LAYOUT);
            }
            Self(memory)
        }

        fn mmio(&self) -> Mmio {
            // SAFETY: the tests drop the `Mmio` before the memory, which has the length given.
            unsafe { Mmio::new(self.0, LAYOUT.size()) }.unwrap()
        }

        fn byte(&self, offset: usize) -> u8 {
            assert!(offset < LAYOUT.size());
            // SAFETY: the offset lies inside the allocation.
            let byte = unsafe { self.0.add(offset) };
            // SAFETY: the byte is initialised, and no reference to it exists.
            unsafe { byte.read_volatile() }
        }
    }

    impl Drop for Memory {
        fn drop(&mut self) {
            // SAFETY: allocated by `new` with this layout.
            unsafe { dealloc(self.0, LAYOUT) }
        }
    }

    fn at<W: Word>(bytes: u32) -> Offset<W> {
        Offset::new(bytes).unwrap()
    }

    #[test]
    fn every_width_is_little_endian_and_touches_its_own_bytes() {
        let memory = Memory::new();
        let bus = memory.mmio();
        let Ok(()) = bus.write32(at(0x9400), 0x4433_2211);
        assert_eq!([0, 1, 2, 3].map(|i| memory.byte(0x9400 + i)), [0x11, 0x22, 0x33, 0x44]);
        let Ok(()) = bus.write16(at(0x9402), 0xBBAA);
        let Ok(()) = bus.write8(at(0x9401), 0xFF);
        assert_eq!(bus.read32(at(0x9400)), Ok(0xBBAA_FF11));
        assert_eq!(bus.read16(at(0x9402)), Ok(0xBBAA));
        assert_eq!(bus.read8(at(0x9403)), Ok(0xBB));
        assert_eq!([memory.byte(0x93FF), memory.byte(0x9404)], [0, 0]);
    }

    #[test]
    fn the_window_is_reached_to_its_last_byte() {
        let memory = Memory::new();
        let bus = memory.mmio();
        let Ok(()) = bus.write32(at(WINDOW_SIZE - 4), 0x0102_0304);
        let Ok(()) = bus.write8(at(0), 9);
        assert_eq!(memory.byte(LAYOUT.size() - 1), 1);
        assert_eq!(bus.read8(at(WINDOW_SIZE - 1)), Ok(1));
        assert_eq!(memory.byte(0), 9);
    }

    #[test]
    fn what_is_no_window_is_refused() {
        let memory = Memory::new();
        // SAFETY: nothing is accessed, since every one of these is refused.
        let new = |base, len| unsafe { Mmio::new(base, len) }.map(drop);
        assert_eq!(new(core::ptr::null_mut(), LAYOUT.size()), Err(MmioError::Null));
        assert_eq!(new(memory.0.wrapping_add(2), LAYOUT.size()), Err(MmioError::Unaligned { by: 2 }));
        let small = new(memory.0, LAYOUT.size() - 1).unwrap_err();
        assert_eq!(small, MmioError::Small { len: 0xFF_FFFF });
        assert!(small.to_string().contains("map all of BAR0"));
    }

    #[test]
    fn threads_may_share_it() {
        let memory = Memory::new();
        let bus = memory.mmio();
        std::thread::scope(|scope| {
            for thread in 0..4_u32 {
                let bus = &bus;
                scope.spawn(move || {
                    for i in 0..1000 {
                        let Ok(()) = bus.write32(at(thread * 4), i);
                        assert_eq!(bus.read32(at(thread * 4)), Ok(i));
                    }
                });
            }
        });
    }
}
