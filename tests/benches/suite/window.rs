//! 16 MiB of memory in place of a register window.

use nova_backends::mmio::Mmio;
use nova_core::bus::WINDOW_SIZE;

/// Zeroed memory that is never given back.
pub(crate) fn memory() -> *mut u8 {
    vec![0_u32; WINDOW_SIZE as usize / size_of::<u32>()].leak().as_mut_ptr().cast()
}

/// A window of its own.
pub(crate) fn mapped() -> Mmio {
    // SAFETY: this memory is new, so nothing else refers to it.
    unsafe { mapped_at(memory()) }
}

/// The window at `base`.
///
/// # Safety
///
/// `base` is from [`memory`], and nothing else refers to that memory while the window exists.
pub(crate) unsafe fn mapped_at(base: *mut u8) -> Mmio {
    // SAFETY: the memory has this length and lives for ever; the rest is the caller's promise.
    unsafe { Mmio::new(base, WINDOW_SIZE as usize) }.expect("an aligned window")
}
