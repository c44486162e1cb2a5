//! Proof that an offset is aligned and inside the register window.

use core::fmt;
use core::marker::PhantomData;

use super::Word;

/// Size in bytes of the register window nova maps: the first 16 MiB of BAR0.
///
/// Every GSP-generation GPU has at least this much (GB202 and GB203 have 64 MiB; all registers
/// known today lie in the first 16). A backend refuses to be built on a smaller window, so an
/// [`Offset`] needs no further check at the access.
pub const WINDOW_SIZE: u32 = 0x0100_0000;

/// A byte offset that is aligned to `W` and lies inside the register window.
///
/// This type is the bounds check: it is made once, where the number comes from, and the access
/// itself is bare.
///
/// ```
/// use nova_core::bus::{Offset, OffsetErrorKind, WINDOW_SIZE};
///
/// // Known at compile time, and checked then.
/// const BOOT_0: Offset<u32> = match Offset::new(0) {
///     Ok(offset) => offset,
///     Err(_) => panic!("no such offset"),
/// };
/// assert_eq!(BOOT_0.bytes(), 0);
///
/// // From a person or a file.
/// assert!(Offset::<u8>::new(0x9421).is_ok());
/// let error = Offset::<u32>::new(0x9421).unwrap_err();
/// assert_eq!(error.kind, OffsetErrorKind::Unaligned);
/// let error = Offset::<u32>::new(WINDOW_SIZE).unwrap_err();
/// assert_eq!(error.kind, OffsetErrorKind::Outside);
/// ```
pub struct Offset<W> {
    bytes: u32,
    word: PhantomData<W>,
}

impl<W: Word> Offset<W> {
    /// Checks a byte offset.
    ///
    /// # Errors
    ///
    /// [`OffsetError`] when the offset is not a multiple of the word size, or any byte of the word
    /// lies outside the window.
    pub const fn new(bytes: u32) -> Result<Self, OffsetError> {
        if bytes % W::BYTES != 0 {
            return Err(OffsetError { offset: bytes, width: W::BYTES, kind: OffsetErrorKind::Unaligned });
        }
        if bytes > WINDOW_SIZE - W::BYTES {
            return Err(OffsetError { offset: bytes, width: W::BYTES, kind: OffsetErrorKind::Outside });
        }
        Ok(Self { bytes, word: PhantomData })
    }

    /// The offset in bytes.
    #[inline(always)]
    pub const fn bytes(self) -> u32 {
        self.bytes
    }
}

impl<W> Clone for Offset<W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Offset<W> {}

impl<W> PartialEq for Offset<W> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<W> Eq for Offset<W> {}

impl<W> fmt::Debug for Offset<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offset({:#08x})", self.bytes)
    }
}

/// Why an offset was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OffsetErrorKind {
    /// Not a multiple of the word size.
    Unaligned,
    /// Not wholly inside the register window.
    Outside,
}

/// An offset that no access may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OffsetError {
    /// The byte offset asked for.
    pub offset: u32,
    /// The access width in bytes.
    pub width: u32,
    /// What is wrong with it.
    pub kind: OffsetErrorKind,
}

impl fmt::Display for OffsetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, width, kind } = *self;
        match kind {
            OffsetErrorKind::Unaligned => write!(
                f,
                "offset {offset:#x} is not a multiple of {width}; use {:#x}",
                offset - offset.checked_rem(width).unwrap_or(0)
            ),
            OffsetErrorKind::Outside => write!(
                f,
                "offset {offset:#x} is outside the {WINDOW_SIZE:#x}-byte register window; the last {width}-byte word is at {:#x}",
                WINDOW_SIZE - width
            ),
        }
    }
}

impl core::error::Error for OffsetError {}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::*;

    #[test]
    fn the_window_ends_are_exact() {
        assert!(Offset::<u32>::new(0).is_ok());
        assert!(Offset::<u32>::new(WINDOW_SIZE - 4).is_ok());
        assert!(Offset::<u8>::new(WINDOW_SIZE - 1).is_ok());
        let outside = Offset::<u32>::new(WINDOW_SIZE).unwrap_err();
        assert_eq!(outside.kind, OffsetErrorKind::Outside);
        assert!(Offset::<u32>::new(u32::MAX - 3).is_err());
    }

    #[test]
    fn a_crooked_offset_names_the_straight_one() {
        let error = Offset::<u16>::new(0x1001).unwrap_err();
        assert_eq!(error.kind, OffsetErrorKind::Unaligned);
        assert!(error.to_string().ends_with("use 0x1000"));
    }
}
