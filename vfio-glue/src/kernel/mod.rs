//! Devices through the kernel's VFIO: a group of an IOMMU of type 1, iommufd, or, if somebody insists, no IOMMU at all.
//!
//! The device has to be bound to vfio-pci (or a variant of it). When its file is closed, and so when the process dies, the
//! kernel ends its interrupts, takes all memory away from it, and resets it.

mod group;
mod ioctl;
mod iommufd;
mod kernel_device;

pub use kernel_device::KernelDevice;

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use crate::device::{Device, Error};
use crate::sysfs::{Address, Root};
use group::Group;
use iommufd::AddressSpace;

/// Where a device is looked for, and what is accepted.
#[derive(Debug, Clone)]
pub struct Options {
    /// The sysfs tree.
    pub sysfs: Root,
    /// The folder of device files.
    pub dev: PathBuf,
    /// Which interface of the kernel to use.
    pub interface: Interface,
    /// A device without an IOMMU is accepted: whoever drives it can write to all memory. It has no DMA memory here, since
    /// bus addresses would be physical ones, which a process cannot keep from moving.
    pub no_iommu: bool,
}

impl Default for Options {
    /// The system's own trees, whatever interface there is, and an IOMMU.
    fn default() -> Self {
        Self {
            sysfs: Root::from_env(),
            dev: PathBuf::from("/dev"),
            interface: Interface::Any,
            no_iommu: false,
        }
    }
}

/// An interface of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// iommufd where it is there, groups otherwise.
    Any,
    /// Groups and containers.
    Group,
    /// iommufd.
    Iommufd,
}

/// Opens a device. One device of an IOMMU group at a time: the kernel gives the group to one opener.
///
/// # Errors
///
/// When it is not bound to vfio-pci, its group is in use, or the system does not let us.
pub fn open(address: Address, options: &Options) -> Result<Arc<dyn Device>, Error> {
    KernelDevice::open(address, options).map(|device| Arc::new(device) as Arc<dyn Device>)
}

/// What stands between a device and memory.
#[derive(Debug)]
enum Iommu {
    /// A group in a container.
    Group(Group),
    /// An address space of iommufd.
    Iommufd(AddressSpace),
}

/// Opens the file of a device, and what goes with it.
fn open_file(address: Address, options: &Options) -> Result<(OwnedFd, Iommu), Error> {
    let name = address.to_string();
    let folder = options.sysfs.path().join("bus/pci/devices").join(&name);
    if !folder.is_dir() {
        return Err(Error::NoFunction { address: name });
    }
    check_driver(&folder, &name)?;
    let mut cdev = cdev(&folder, &options.dev);
    if cdev.as_deref().is_some_and(is_without_iommu) {
        if !options.no_iommu {
            return Err(Error::NoIommu { address: name });
        }
        // iommufd would take memory for such a device, and hand out addresses that nothing translates.
        cdev = None;
    }
    match (options.interface, cdev) {
        (Interface::Any, Some(path)) if options.dev.join("iommu").exists() => {
            by_iommufd(&path, options).or_else(|error| match error {
                // The group may be ours where iommufd is not.
                Error::Open { errno: Errno::ACCESS | Errno::PERM, .. } => by_group(&folder, &name, options)
                    .map_err(|other| match other {
                        Error::Open { .. } => error,
                        other => other,
                    }),
                _ => Err(error),
            })
        }
        (Interface::Iommufd, Some(path)) => by_iommufd(&path, options),
        (Interface::Iommufd, None) => Err(Error::Unsupported { what: "a device file for iommufd" }),
        (Interface::Any | Interface::Group, _) => by_group(&folder, &name, options),
    }
}

fn check_driver(folder: &Path, name: &str) -> Result<(), Error> {
    let driver = link(&folder.join("driver"));
    // Variants are named after what they are for: `nvgrace-gpu-vfio-pci`.
    if driver.is_some_and(|driver| driver.replace('_', "-").ends_with("vfio-pci")) {
        return Ok(());
    }
    Err(Error::NotBound { address: name.to_owned() })
}

/// The file of a device for iommufd, where there is one.
fn cdev(folder: &Path, dev: &Path) -> Option<PathBuf> {
    let entry = fs::read_dir(folder.join("vfio-dev")).ok()?.flatten().next()?;
    Some(dev.join("vfio/devices").join(entry.file_name())).filter(|path| path.exists())
}

/// Whether the kernel has made that file for a device without an IOMMU, which it tells by the name only.
fn is_without_iommu(cdev: &Path) -> bool {
    cdev.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"noiommu-"))
}

fn by_iommufd(path: &Path, options: &Options) -> Result<(OwnedFd, Iommu), Error> {
    let device: File = group::open(path)?;
    let space = AddressSpace::bind(&options.dev, &device)?;
    Ok((device.into(), Iommu::Iommufd(space)))
}

fn by_group(folder: &Path, name: &str, options: &Options) -> Result<(OwnedFd, Iommu), Error> {
    let number = link(&folder.join("iommu_group")).and_then(|group| group.parse().ok());
    let number: u32 = number.ok_or_else(|| Error::NoIommu { address: name.to_owned() })?;
    // A group the kernel made up, for a device without an IOMMU.
    let made_up =
        fs::read_to_string(folder.join("iommu_group/name")).is_ok_and(|name| name.trim() == "vfio-noiommu");
    if made_up && !options.no_iommu {
        return Err(Error::NoIommu { address: name.to_owned() });
    }
    let group = Group::open(&options.dev, number, !made_up)?;
    let device = group.device(name)?;
    Ok((device, Iommu::Group(group)))
}

/// The last part of what a symbolic link points to.
fn link(path: &Path) -> Option<String> {
    Some(fs::read_link(path).ok()?.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const GPU: &str = "0000:01:00.0";

    /// A function of group 7 with vfio-pci, and the files of both interfaces, which are no devices.
    fn tree() -> (tempfile::TempDir, Options) {
        let tree = tempfile::tempdir().unwrap();
        let at = |path: &str| tree.path().join(path);
        for folder in ["dev/vfio/devices", "bus/pci/drivers/vfio-pci", "groups/7"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        let function = at("bus/pci/devices").join(GPU);
        fs::create_dir_all(function.join("vfio-dev/vfio0")).unwrap();
        symlink(at("bus/pci/drivers/vfio-pci"), function.join("driver")).unwrap();
        symlink(at("groups/7"), function.join("iommu_group")).unwrap();
        for file in ["dev/iommu", "dev/vfio/vfio", "dev/vfio/7", "dev/vfio/devices/vfio0"] {
            fs::write(at(file), "").unwrap();
        }
        let options =
            Options { sysfs: Root::new(tree.path()), dev: tree.path().join("dev"), ..Options::default() };
        (tree, options)
    }

    #[test]
    fn what_is_not_there_is_not_just_not_bound() {
        let (_tree, options) = tree();
        let error = open("0000:09:00.0".parse().unwrap(), &options).unwrap_err();
        assert!(matches!(&error, Error::NoFunction { address } if address == "0000:09:00.0"), "{error}");
    }

    #[test]
    fn the_group_is_used_where_iommufd_is_not_ours() {
        let (tree, options) = tree();
        let what = || match open(GPU.parse().unwrap(), &options).unwrap_err() {
            Error::Refused { what, .. } => what,
            other => panic!("{other}"),
        };
        assert_eq!(what(), "binding the device to iommufd");
        if rustix::process::geteuid().is_root() {
            // No permission keeps root out.
            return;
        }
        for file in ["dev/iommu", "dev/vfio/devices/vfio0"] {
            let path = tree.path().join(file);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
            assert_eq!(what(), "version of VFIO");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        for file in ["dev/iommu", "dev/vfio/vfio"] {
            fs::set_permissions(tree.path().join(file), fs::Permissions::from_mode(0o000)).unwrap();
        }
        let error = open(GPU.parse().unwrap(), &options).unwrap_err();
        assert!(matches!(&error, Error::Open { path, .. } if path.ends_with("iommu")), "{error}");
    }
}
