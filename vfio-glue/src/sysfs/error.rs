//! What can go wrong with a GPU in sysfs.

use std::io;
use std::path::{Path, PathBuf};

use nova_backends::mmio::MmioError;
use rustix::io::Errno;

use super::Address;

/// Why a GPU cannot be read through sysfs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing at this address.
    #[error("there is no PCI function {address}")]
    NoFunction {
        /// The address.
        address: Address,
    },
    /// It is something else.
    #[error("PCI function {address} is not a GPU of NVIDIA (vendor {vendor:04x}, class {class:06x})")]
    NotNvidia {
        /// The address.
        address: Address,
        /// Its vendor.
        vendor: u16,
        /// Its class code.
        class: u32,
    },
    /// Memory decoding is off: every register would read as ones.
    #[error(
        "memory decoding of {address} is off (PCI command register bit 1), so its registers cannot be read"
    )]
    NotDecoding {
        /// The address.
        address: Address,
    },
    /// BAR0 is smaller than the register window.
    #[error("BAR0 of {address} has {size:#x} bytes, too few for a GSP-generation GPU")]
    SmallBar {
        /// The address.
        address: Address,
        /// Its size in bytes.
        size: u64,
    },
    /// The system does not let us.
    #[error("no permission for {}", path.display())]
    Permission {
        /// The file.
        path: PathBuf,
    },
    /// A file says something that makes no sense.
    #[error("{} makes no sense: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The registers cannot be mapped.
    #[error("cannot map {}: {error}", path.display())]
    Map {
        /// The file.
        path: PathBuf,
        /// Why.
        error: Errno,
    },
    /// The mapping is no register window.
    #[error("{0}")]
    Window(#[from] MmioError),
}

impl Error {
    /// A file that could not be opened or read.
    pub(super) fn file(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            _ => Self::File { path, error },
        }
    }

    /// A file that could not be mapped.
    pub(super) fn map(path: &Path, error: Errno) -> Self {
        let path = path.to_owned();
        match error {
            Errno::PERM | Errno::ACCESS => Self::Permission { path },
            _ => Self::Map { path, error },
        }
    }
}
