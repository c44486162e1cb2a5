//! Userspace access to a GPU for nova-core.
//!
//! | module | what it is |
//! |---|---|
//! | [`device`] | a PCI device in userspace: regions, interrupts, DMA, reset |
//! | [`bus`] | the registers of such a device: mapped, or by messages |
//! | [`host`] | a host for nova-core's drivers over such devices |
//! | [`kernel`] | devices through the kernel's VFIO: groups, iommufd, no-IOMMU |
//! | [`user`] | devices of other processes, by the vfio-user protocol |
//! | [`bind`] | giving a device to vfio-pci, and back |
//! | [`doctor`] | what keeps a device from being driven, and the command that changes it |
//! | [`sysfs`] | NVIDIA's PCI functions as `/sys/bus/pci` shows them, and their registers read-only |
#![deny(unsafe_code)]

pub mod bind;
pub mod bus;
pub mod device;
pub mod doctor;
pub mod host;
pub mod kernel;
pub mod sysfs;
pub mod user;
