//! What can go wrong when a function changes its driver.

use std::io;
use std::path::{Path, PathBuf};

use crate::sysfs::Address;

/// Why a function could not be given to another driver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// There is nothing at this address.
    #[error("there is no PCI function {address}; `nova list` shows the GPUs")]
    NoFunction {
        /// The address.
        address: Address,
    },
    /// The driver is not there.
    #[error("the driver {driver} is not loaded; `sudo modprobe {driver}` loads it")]
    NoModule {
        /// The driver.
        driver: String,
    },
    /// It does not have vfio-pci, so there is nothing to give back.
    #[error("{address} is not bound to vfio-pci but to {}; nothing was done", driver.as_deref().unwrap_or("no driver"))]
    NotOurs {
        /// The address.
        address: Address,
        /// The driver it has.
        driver: Option<String>,
    },
    /// A driver did not let go.
    #[error(
        "{driver} does not let go of {address}: something uses it; `sudo fuser -v /dev/dri/* /dev/nvidia*` names it"
    )]
    Held {
        /// The address.
        address: Address,
        /// The driver.
        driver: String,
    },
    /// A process drives the function through VFIO.
    #[error("process {process} uses {address}, so vfio-pci would not let go of it; end that process first")]
    InUse {
        /// The address.
        address: Address,
        /// Its number.
        process: u32,
    },
    /// A driver did not take the function.
    #[error("{driver} does not take {address}; `sudo dmesg | tail` has its reason")]
    NotTaken {
        /// The address.
        address: Address,
        /// The driver.
        driver: String,
    },
    /// The system does not let us.
    #[error("no permission to write {}; run it with sudo", path.display())]
    Permission {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot access {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl BindError {
    pub(super) fn file(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            _ => Self::File { path, error },
        }
    }
}
