//! Memory that a device can be given.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU8, Ordering};

use nova_core::hal::DmaRangeError;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use super::{Error, Mapping, Protection};

/// Bytes in a page.
pub(crate) const PAGE: usize = 4096;

/// Zeroed pages in a memfd that cannot change its size, mapped into the process.
///
/// The bytes are atomics: the device may change them at any time.
#[derive(Debug)]
pub struct Memory {
    file: OwnedFd,
    mapping: Mapping,
}

impl Memory {
    /// As many pages as `len` bytes need.
    ///
    /// # Errors
    ///
    /// When `len` is 0, or there is no memory.
    pub fn new(len: usize) -> Result<Self, Error> {
        const WHAT: &str = "memory for the device";
        let fail = |errno| Error::System { what: WHAT, errno };
        let size = len.checked_next_multiple_of(PAGE).filter(|size| *size > 0);
        let size = size.ok_or(Error::Nonsense { what: WHAT, why: format!("{len} bytes") })?;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = memfd_create("nova-dma", flags).map_err(fail)?;
        ftruncate(&file, size as u64).map_err(fail)?;
        // Whoever it is passed to cannot pull the pages from under the mapping.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).map_err(fail)?;
        let mapping = Mapping::new(&file, 0, size, Protection::ReadWrite).map_err(fail)?;
        Ok(Self { file, mapping })
    }

    /// Size in bytes, a multiple of the page size.
    pub fn size(&self) -> u64 {
        self.mapping.len() as u64
    }

    /// Where it is mapped.
    pub(crate) fn address(&self) -> u64 {
        self.mapping.as_ptr().addr() as u64
    }

    /// Copies bytes out.
    ///
    /// # Errors
    ///
    /// When the range is not inside; nothing is copied.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), DmaRangeError> {
        let bytes = self.bytes(offset, into.len())?;
        for (to, from) in into.iter_mut().zip(bytes) {
            *to = from.load(Ordering::Relaxed);
        }
        Ok(())
    }

    /// Copies bytes in.
    ///
    /// # Errors
    ///
    /// When the range is not inside; nothing is copied.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result<(), DmaRangeError> {
        for (to, from) in self.bytes(offset, from.len())?.iter().zip(from) {
            to.store(*from, Ordering::Relaxed);
        }
        Ok(())
    }

    fn bytes(&self, offset: usize, len: usize) -> Result<&[AtomicU8], DmaRangeError> {
        DmaRangeError::check(offset, len, self.mapping.len())?;
        // SAFETY: the offset lies inside the mapping.
        let first = unsafe { self.mapping.as_ptr().add(offset) }.cast::<AtomicU8>();
        // SAFETY: so do the bytes from there on, which live as long as `self`, are initialised (the system zeroes them), and
        // are only ever accessed as atomics here; who else changes them is another process or a device.
        Ok(unsafe { std::slice::from_raw_parts(first, len) })
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_whole_zeroed_pages_and_bounded() {
        let memory = Memory::new(5000).unwrap();
        assert_eq!((memory.size(), memory.address() % 4096), (8192, 0));
        let mut bytes = [1; 4];
        memory.read(8188, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 4]);
        memory.write(8188, &[1, 2, 3, 4]).unwrap();
        memory.read(8188, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 2, 3, 4]);
        assert!(memory.read(8189, &mut bytes).is_err() && memory.write(usize::MAX, &[0; 2]).is_err());
        assert!(Memory::new(0).is_err());
    }

    #[test]
    fn nobody_can_change_its_size() {
        let memory = Memory::new(4096).unwrap();
        assert!(ftruncate(&memory, 0).is_err() && ftruncate(&memory, 8192).is_err());
    }

    #[test]
    fn another_mapping_of_the_file_sees_the_same_bytes() {
        let memory = Memory::new(4096).unwrap();
        let other = Mapping::new(&memory, 0, 4096, Protection::Read).unwrap();
        memory.write(7, &[42]).unwrap();
        // SAFETY: the byte lies inside the mapping.
        let byte = unsafe { other.as_ptr().add(7) };
        // SAFETY: it is mapped, initialised, and nobody writes to it at this time.
        assert_eq!(unsafe { byte.read_volatile() }, 42);
    }
}
