//! The calls on `/dev/novaN`: the Rust twin of `kernel-glue/include/uapi/nova.h`.
//!
//! What each call means, and its errors, is told in the header. This crate has the same structs with the same
//! layout, and moves them between bytes and values without `unsafe`, for the module and for programs alike.
//!
//! ```
//! use nova_abi::{Call, Time};
//! let bytes = Time { flags: Time::PTIMER, ..Time::NEW }.to_bytes();
//! assert_eq!((bytes.len(), Time::from_bytes(&bytes).flags), (32, Time::PTIMER));
//! assert_eq!(Time::COMMAND, 0xdf01);
//! ```

#![no_std]
#![forbid(unsafe_code)]

mod calls;
mod wire;

pub use calls::{
    ABI_VERSION, Alarm, Debug, FOREVER, Info, IrqCounts, IrqSource, MAX_IRQ_SOURCES, ReadReg, Time, WaitIrq,
};
pub use wire::{Bytes, Field, Layout, SizeError};

/// The type of all ioctl numbers of nova.
pub const IOCTL_TYPE: u8 = 0xdf;

/// The largest struct of any call, in bytes: a buffer of this size takes each of them.
pub const LARGEST: usize = IrqCounts::SIZE;

/// One call: its number and its struct.
pub trait Call: Sized {
    /// The ioctl number, `_IO(IOCTL_TYPE, nr)`.
    const COMMAND: u32;
    /// Size of the struct in bytes, as this side knows it.
    const SIZE: usize;
    /// Its size in ABI version 1. Less than that is no call.
    const OLDEST: usize;

    /// The value of `bytes`. What is missing at the end is zero, what is too much is left out.
    fn from_bytes(bytes: &[u8]) -> Self;

    /// Writes the value to the front of `bytes`, as far as there is room, with `size` as given.
    ///
    /// Gives how many bytes were written.
    fn write_bytes(&self, bytes: &mut [u8]) -> usize;
}

/// How many bytes the kernel takes of a program's struct.
///
/// `size` is what the program says, `rest` tells whether a part of it that this side does not know holds something:
/// it is called only where there is one, with its offset and length.
///
/// # Errors
///
/// [`SizeError::TooSmall`] is EINVAL, [`SizeError::Unknown`] E2BIG; what `rest` fails with is passed on.
pub fn accept<C: Call, E: From<SizeError>>(
    size: u32,
    rest: impl FnOnce(usize, usize) -> Result<bool, E>,
) -> Result<usize, E> {
    let size = size as usize;
    if size < C::OLDEST {
        return Err(SizeError::TooSmall.into());
    }
    // More than a page is no struct of any version, and would let a program have the kernel read for long.
    match size.checked_sub(C::SIZE) {
        None | Some(0) => Ok(size),
        Some(_) if size > 4096 => Err(SizeError::Unknown.into()),
        Some(more) if rest(C::SIZE, more)? => Err(SizeError::Unknown.into()),
        Some(_) => Ok(C::SIZE),
    }
}
