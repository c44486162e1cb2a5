//! What can go wrong with a device in userspace.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nova_core::bus;
use rustix::io::Errno;

/// Why something could not be done with a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device is gone.
    #[error("{what}: the device is gone; remove the driver, then look for the device with `nova list`")]
    Gone {
        /// What was tried.
        what: &'static str,
    },
    /// The other side of a connection did not answer in time; the device counts as gone.
    #[error("{what}: no answer within {after:?}; the device is given up, restart what serves it")]
    Timeout {
        /// What was tried.
        what: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The other side of a connection does not keep the protocol; the device counts as gone.
    #[error("{what}: the server breaks the vfio-user protocol: {why}; the device is given up")]
    Protocol {
        /// What was tried.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The device, or the kernel on its behalf, said no.
    #[error("{what}: refused ({errno})")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// With what error.
        errno: Errno,
    },
    /// A file that stands for a device or a container cannot be opened.
    #[error("cannot open {}: {errno}; `nova doctor` tells what is missing", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        errno: Errno,
    },
    /// There is nothing at this address.
    #[error("there is no PCI function {address}")]
    NoFunction {
        /// The PCI address.
        address: String,
    },
    /// The device is not bound to vfio-pci.
    #[error("{address} is not bound to vfio-pci; `nova bind {address}` does that")]
    NotBound {
        /// Its PCI address.
        address: String,
    },
    /// Another device of the IOMMU group has a driver that is not for userspace.
    #[error(
        "IOMMU group {group} is not viable: another device of it has a kernel driver; `nova doctor` names it"
    )]
    NotViable {
        /// The group.
        group: u32,
    },
    /// There is no IOMMU, and nobody said that this is fine.
    #[error(
        "{address} has no IOMMU, so a driver's mistake could let it write to all memory; if that is fine, say so \
         with the no-IOMMU option"
    )]
    NoIommu {
        /// Its PCI address.
        address: String,
    },
    /// Bytes outside of a region.
    #[error("{len} bytes at {offset:#x} are not inside the {size:#x} bytes of region {region}")]
    Range {
        /// The region.
        region: u32,
        /// First byte.
        offset: u64,
        /// Bytes.
        len: u64,
        /// Size of the region.
        size: u64,
    },
    /// The device, or this way to it, does not offer that.
    #[error("{what}: not offered by this device")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// A number from outside makes no sense.
    #[error("{what} makes no sense: {why}")]
    Nonsense {
        /// What.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The operating system refused something that has nothing to do with the device.
    #[error("{what}: {errno}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why.
        errno: Errno,
    },
}

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The device is gone.
    Gone,
    /// No answer in time.
    Timeout,
    /// An answer that is none.
    Protocol,
    /// Not allowed.
    Denied,
    /// Not offered.
    Unsupported,
    /// An argument is outside its range.
    Argument,
    /// Anything else.
    Other,
}

impl Error {
    /// What kind of error it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Gone { .. } | Self::NoFunction { .. } => Kind::Gone,
            Self::Timeout { .. } => Kind::Timeout,
            Self::Protocol { .. } => Kind::Protocol,
            Self::Refused { errno, .. } | Self::System { errno, .. } | Self::Open { errno, .. } => of(*errno),
            Self::NotBound { .. } | Self::NotViable { .. } | Self::NoIommu { .. } => Kind::Denied,
            Self::Range { .. } => Kind::Argument,
            Self::Unsupported { .. } => Kind::Unsupported,
            Self::Nonsense { .. } => Kind::Other,
        }
    }

    /// A file that cannot be opened.
    pub(crate) fn open(path: &Path, error: &std::io::Error) -> Self {
        Self::Open { path: path.to_owned(), errno: Errno::from_io_error(error).unwrap_or(Errno::IO) }
    }
}

fn of(errno: Errno) -> Kind {
    match errno {
        Errno::NODEV | Errno::NXIO => Kind::Gone,
        Errno::PERM | Errno::ACCESS => Kind::Denied,
        Errno::TIMEDOUT => Kind::Timeout,
        Errno::OPNOTSUPP | Errno::NOTTY | Errno::NOSYS => Kind::Unsupported,
        Errno::RANGE => Kind::Argument,
        _ => Kind::Other,
    }
}

impl bus::Error for Error {
    fn kind(&self) -> bus::ErrorKind {
        match self.kind() {
            Kind::Gone => bus::ErrorKind::Gone,
            Kind::Timeout => bus::ErrorKind::Timeout,
            Kind::Protocol => bus::ErrorKind::Protocol,
            Kind::Denied => bus::ErrorKind::Denied,
            _ => bus::ErrorKind::Other,
        }
    }
}
