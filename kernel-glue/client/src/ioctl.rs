//! The `ioctl` itself: the only `unsafe` of this crate.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::os::fd::BorrowedFd;

use nova_abi::IOCTL_TYPE;
use rustix::io::{self, Errno};
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};

/// One call with its struct, as bytes that begin with their own size.
struct Exchange<'a> {
    number: u8,
    bytes: &'a mut [u8],
}

// SAFETY: the module reads and writes at most as many bytes of the struct as its first word says, which `exchange` has
// seen to be no more than there are. Any bytes are a value of `u8`, so whatever it writes is one.
unsafe impl Ioctl for Exchange<'_> {
    type Output = ();

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::none(IOCTL_TYPE, self.number)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.bytes.as_mut_ptr().cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> io::Result<()> {
        Ok(())
    }
}

/// Makes call `number` on `file` with `bytes` as its struct.
///
/// # Errors
///
/// `EINVAL` without a call when the first word, the struct's size, is more than there is; else what the module answers.
pub(crate) fn exchange(file: BorrowedFd<'_>, number: u8, bytes: &mut [u8]) -> io::Result<()> {
    let size = bytes.first_chunk().map(|size| u32::from_ne_bytes(*size) as usize).ok_or(Errno::INVAL)?;
    if size > bytes.len() {
        return Err(Errno::INVAL);
    }
    let call = Exchange { number, bytes };
    // SAFETY: a file that is not nova's answers ENOTTY to numbers of this type, and calls of nova's keep to the size that
    // was checked above.
    unsafe { ioctl(file, call) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_size_beyond_the_bytes_is_not_passed_on() {
        let file = File::open("/dev/null").unwrap();
        let mut bytes = [0_u8; 16];
        bytes[..4].copy_from_slice(&17_u32.to_ne_bytes());
        assert_eq!(exchange(file.as_fd(), 0, &mut bytes), Err(Errno::INVAL));
        assert_eq!(exchange(file.as_fd(), 0, &mut bytes[..3]), Err(Errno::INVAL));
        bytes[..4].copy_from_slice(&16_u32.to_ne_bytes());
        assert_eq!(exchange(file.as_fd(), 0, &mut bytes), Err(Errno::NOTTY), "the kernel was asked");
    }
}
