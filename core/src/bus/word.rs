//! The three access widths.

use super::{Bus, Offset};
use tock_registers::UIntLike;

/// An access width of the bus: 8, 16 or 32 bits.
pub trait Word: UIntLike + Into<u32> + Send + Sync + 'static + sealed::Sealed {
    /// Size in bytes.
    const BYTES: u32;

    /// Reads one word.
    ///
    /// # Errors
    ///
    /// Whatever the bus reports.
    fn read<B: Bus + ?Sized>(bus: &B, at: Offset<Self>) -> Result<Self, B::Error>;

    /// Writes one word.
    ///
    /// # Errors
    ///
    /// Whatever the bus reports.
    fn write<B: Bus + ?Sized>(bus: &B, at: Offset<Self>, value: Self) -> Result<(), B::Error>;

    /// The low bits of `value`.
    fn truncate(value: u32) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! word {
    ($($word:ty, $bytes:literal, $read:ident, $write:ident;)*) => {$(
        impl sealed::Sealed for $word {}
        impl Word for $word {
            const BYTES: u32 = $bytes;
            #[inline(always)]
            fn read<B: Bus + ?Sized>(bus: &B, at: Offset<Self>) -> Result<Self, B::Error> {
                bus.$read(at)
            }
            #[inline(always)]
            fn write<B: Bus + ?Sized>(bus: &B, at: Offset<Self>, value: Self) -> Result<(), B::Error> {
                bus.$write(at, value)
            }
            #[inline(always)]
            fn truncate(value: u32) -> Self {
                value as $word
            }
        }
    )*};
}

word! {
    u8, 1, read8, write8;
    u16, 2, read16, write16;
    u32, 4, read32, write32;
}
