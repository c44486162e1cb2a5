//! The memory behind BAR1 and BAR3: files in memory that the client may map, sealed against being cut short.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use super::dma::transfer;

/// One window's memory, all zero at first.
#[derive(Debug)]
pub(super) struct Window {
    file: OwnedFd,
    size: u64,
}

impl Window {
    /// Memory of `size` bytes, of which nothing is used until something is written.
    ///
    /// # Errors
    ///
    /// When the system has no file for it.
    pub(super) fn new(name: &str, size: u64) -> Result<Self, Errno> {
        let file = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&file, size)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Self { file, size })
    }

    pub(super) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Reads; the caller has checked the range against the window.
    ///
    /// # Errors
    ///
    /// `EIO` when the file fails.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        debug_assert!(offset + into.len() as u64 <= self.size);
        let whole = transfer(into.len(), |done| {
            rustix::io::pread(&self.file, &mut into[done..], offset + done as u64)
        });
        if whole { Ok(()) } else { Err(Errno::IO) }
    }

    /// Writes; the caller has checked the range against the window.
    ///
    /// # Errors
    ///
    /// `EIO` when the file fails.
    pub(super) fn write(&self, offset: u64, from: &[u8]) -> Result<(), Errno> {
        debug_assert!(offset + from.len() as u64 <= self.size);
        let whole =
            transfer(from.len(), |done| rustix::io::pwrite(&self.file, &from[done..], offset + done as u64));
        if whole { Ok(()) } else { Err(Errno::IO) }
    }
}
