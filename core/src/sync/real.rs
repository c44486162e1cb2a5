//! The processor's atomics.

pub use core::hint::spin_loop;
pub use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, compiler_fence, fence};

/// Tells a model checker when plain memory is read and written. Outside of one it is nothing.
#[derive(Debug)]
pub struct Watch;

/// Somebody who reads.
#[derive(Debug)]
pub struct Reading;

impl Watch {
    /// Memory nobody has touched.
    #[allow(clippy::new_without_default, reason = "made in constants only")]
    pub const fn new() -> Self {
        Self
    }
    /// Reads, until the result is dropped.
    #[inline(always)]
    pub fn read(&self) -> Reading {
        Reading
    }
    /// Writes, now.
    #[inline(always)]
    pub fn write(&self) {}
}
