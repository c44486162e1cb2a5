//! Userspace access to a real GPU for nova-core: read-only sysfs now, VFIO next.
//!
//! | module | what it is |
//! |---|---|
//! | [`sysfs`] | NVIDIA's PCI functions as `/sys/bus/pci` shows them, and their registers read-only |
#![deny(unsafe_code)]

pub mod sysfs;
