//! The registers of a GPU through `resource0`, mapped for reading only unless writing is asked for.
#![allow(unsafe_code)]

use std::fs::File;
use std::ptr::{self, NonNull};

use nova_backends::mmio::Mmio;
use nova_core::bus::{self, Bus, ErrorKind, Offset, WINDOW_SIZE};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::{Error, Function};

const WINDOW: usize = WINDOW_SIZE as usize;

/// The register window of a GPU. Reads are loads from the device; writes answer [`Denied`], unless it was opened with
/// [`Registers::open_writable`].
///
/// A kernel driver may be bound at the same time: reading registers that have no side effects does it
/// no harm. Which ones those are is the catalogue's to tell.
#[derive(Debug)]
pub struct Registers {
    mmio: Mmio,
    /// Whether the mapping can be written.
    writable: bool,
    /// Dropped after the last access through `mmio`: both go with this value.
    _mapping: Mapping,
}

impl Registers {
    /// Maps the registers of `function`.
    ///
    /// # Errors
    ///
    /// When memory decoding is off, BAR0 is too small, or `resource0` cannot be opened or mapped.
    pub fn open(function: &Function) -> Result<Self, Error> {
        Self::map(function, false)
    }

    /// Maps the registers of `function` for writing too. A kernel driver that is bound knows nothing of what is written:
    /// whether there may be one is the caller's to decide.
    ///
    /// # Errors
    ///
    /// As [`Registers::open`].
    pub fn open_writable(function: &Function) -> Result<Self, Error> {
        Self::map(function, true)
    }

    fn map(function: &Function, writable: bool) -> Result<Self, Error> {
        let (address, size) = (function.address, function.bar0_size());
        if !function.decodes_memory() {
            return Err(Error::NotDecoding { address });
        }
        if !function.resources[0].memory || size < WINDOW as u64 {
            return Err(Error::SmallBar { address, size });
        }
        let path = function.folder().join("resource0");
        let file = File::options()
            .read(true)
            .write(writable)
            .open(&path)
            .map_err(|error| Error::file(&path, error))?;
        // A regular file in place of a BAR must have the bytes: a read past its end would be fatal.
        let len = file.metadata().map_err(|error| Error::file(&path, error))?.len();
        if len < WINDOW as u64 {
            return Err(Error::SmallBar { address, size: len });
        }
        let mapping = Mapping::new(&file, writable).map_err(|error| Error::map(&path, error))?;
        // SAFETY: the mapping has `WINDOW` bytes and lives as long as the `Mmio`, since both are fields of one
        // value. This type hands the `Mmio` to nobody, and makes writes only where `writable` says that it was mapped for
        // writing.
        let mmio = unsafe { Mmio::new(mapping.0.as_ptr(), WINDOW) }?;
        Ok(Self { mmio, writable, _mapping: mapping })
    }
}

/// Writes are not possible through this view of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this view of the device is read-only")]
pub struct Denied;

impl bus::Error for Denied {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Denied
    }
}

impl Bus for Registers {
    type Error = Denied;

    fn read8(&self, at: Offset<u8>) -> Result<u8, Denied> {
        self.mmio.read8(at).map_err(|never| match never {})
    }
    fn read16(&self, at: Offset<u16>) -> Result<u16, Denied> {
        self.mmio.read16(at).map_err(|never| match never {})
    }
    fn read32(&self, at: Offset<u32>) -> Result<u32, Denied> {
        self.mmio.read32(at).map_err(|never| match never {})
    }
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Denied> {
        if !self.writable {
            return Err(Denied);
        }
        self.mmio.write8(at, value).map_err(|never| match never {})
    }
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Denied> {
        if !self.writable {
            return Err(Denied);
        }
        self.mmio.write16(at, value).map_err(|never| match never {})
    }
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Denied> {
        if !self.writable {
            return Err(Denied);
        }
        self.mmio.write32(at, value).map_err(|never| match never {})
    }
}

/// The first 16 MiB of a file, mapped until dropped.
#[derive(Debug)]
struct Mapping(NonNull<u8>);

// SAFETY: a mapping belongs to the process, not to a thread; any thread may unmap it.
unsafe impl Send for Mapping {}
// SAFETY: nothing is done through a shared reference to it.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: &File, writable: bool) -> rustix::io::Result<Self> {
        let protection = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: no address is asked for, so no mapping of anybody else is replaced.
        let base = unsafe { mmap(ptr::null_mut(), WINDOW, protection, MapFlags::SHARED, file, 0) }?;
        NonNull::new(base.cast()).map(Self).ok_or(rustix::io::Errno::FAULT)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: made by `new` with this length, and whoever used it is gone before this.
        // A failure would leave the mapping in place, which harms nobody.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), WINDOW) };
    }
}
