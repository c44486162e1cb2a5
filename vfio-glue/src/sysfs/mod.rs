//! NVIDIA's PCI functions through `/sys/bus/pci/devices`.
//!
//! [`Root`] is the place to look, [`Root::list`] finds the GPUs, [`Function`] tells what the system knows of
//! one, and [`Registers`] reads its registers through `resource0`. Nothing here writes to a device
//! unless [`Registers::open_writable`] was asked for.
//!
//! The root can be another folder, such as a fake tree in a test: see [`Root::from_env`].

mod address;
mod error;
mod function;
mod registers;

use std::path::{Path, PathBuf};
use std::{env, fs};

pub use address::Address;
pub use error::Error;
pub use function::{Function, Resource};
pub use registers::{Denied, Registers};

/// PCI vendor id of NVIDIA.
pub const VENDOR: u16 = 0x10de;
/// The variable that names another root than `/sys`.
pub const VARIABLE: &str = "NOVA_SYSFS";

/// Classes of functions that are GPUs, without the programming interface: VGA and 3D controller.
const CLASSES: [u32; 2] = [0x0300, 0x0302];

/// A sysfs tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// The tree at `path`: what `/sys` is on a real machine.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The tree that `NOVA_SYSFS` names, or `/sys`.
    pub fn from_env() -> Self {
        Self::new(env::var_os(VARIABLE).map_or_else(|| PathBuf::from("/sys"), PathBuf::from))
    }

    /// The GPUs of NVIDIA, by address. None on a machine without a PCI bus.
    ///
    /// # Errors
    ///
    /// When the folder of devices cannot be read. A function whose files cannot be read is left out.
    pub fn list(&self) -> Result<Vec<Function>, Error> {
        let folder = self.devices();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::file(&folder, error)),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let addresses = names.filter_map(|name| name.parse::<Address>().ok());
        let mut found: Vec<_> = addresses
            .filter_map(|address| Function::read(&self.folder(address), address).ok())
            .filter(|function| function.vendor == VENDOR && CLASSES.contains(&(function.class >> 8)))
            .collect();
        found.sort_by_key(|function| function.address);
        Ok(found)
    }

    /// The function at `address`.
    ///
    /// # Errors
    ///
    /// When there is none, it is not a GPU of NVIDIA, or its files cannot be read.
    pub fn function(&self, address: Address) -> Result<Function, Error> {
        let folder = self.folder(address);
        if !folder.is_dir() {
            return Err(Error::NoFunction { address });
        }
        let function = Function::read(&folder, address)?;
        if function.vendor != VENDOR || !CLASSES.contains(&(function.class >> 8)) {
            return Err(Error::NotNvidia { address, vendor: function.vendor, class: function.class });
        }
        Ok(function)
    }

    fn devices(&self) -> PathBuf {
        self.0.join("bus/pci/devices")
    }

    fn folder(&self, address: Address) -> PathBuf {
        self.devices().join(address.to_string())
    }

    /// Where the tree is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}
