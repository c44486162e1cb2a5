//! Userspace access to a real GPU for nova-core: sysfs now, VFIO next.
