//! iommufd: a device by its own file, and its memory by `/dev/iommu`.

use std::fs::File;
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use iommufd_bindings::iommufd as io;
use vfio_bindings::bindings::vfio;

use super::group::{open, refused};
use super::ioctl::{self, call};
use crate::device::{Error, Memory};

/// Most ranges of addresses that are asked for.
const RANGES: usize = 128;

/// An address space of its own for one device.
#[derive(Debug)]
pub(super) struct AddressSpace {
    iommufd: File,
    ioas: u32,
}

impl AddressSpace {
    /// Binds the device of `device` to a new address space: from here on it is ours.
    pub(super) fn bind(dev: &Path, device: &File) -> Result<Self, Error> {
        let iommufd = open(&dev.join("iommu"))?;
        let mut bind = vfio::vfio_device_bind_iommufd {
            argsz: size_of::<vfio::vfio_device_bind_iommufd>() as u32,
            flags: 0,
            iommufd: iommufd.as_raw_fd(),
            out_devid: 0,
            token_uuid_ptr: 0,
        };
        call(device, &mut bind).map_err(refused("binding the device to iommufd"))?;
        let mut alloc =
            io::iommu_ioas_alloc { size: size_of::<io::iommu_ioas_alloc>() as u32, flags: 0, out_ioas_id: 0 };
        call(&iommufd, &mut alloc).map_err(refused("an address space of iommufd"))?;
        let mut attach = vfio::vfio_device_attach_iommufd_pt {
            argsz: size_of::<vfio::vfio_device_attach_iommufd_pt>() as u32,
            flags: 0,
            pt_id: alloc.out_ioas_id,
            pasid: 0,
        };
        call(device, &mut attach).map_err(refused("attaching the device to its address space"))?;
        Ok(Self { iommufd, ioas: alloc.out_ioas_id })
    }

    /// The bus addresses that can be mapped.
    pub(super) fn addresses(&self) -> Vec<RangeInclusive<u64>> {
        let mut ranges = vec![io::iommu_iova_range { start: 0, last: 0 }; RANGES];
        let Ok(count) = ioctl::ioas_ranges(&self.iommufd, self.ioas, &mut ranges) else {
            return Vec::new();
        };
        ranges.iter().take(count).map(|range| range.start..=range.last).collect()
    }

    pub(super) fn map(&self, memory: &Memory, address: u64) -> Result<(), Error> {
        let mut map = io::iommu_ioas_map {
            size: size_of::<io::iommu_ioas_map>() as u32,
            flags: io::iommufd_ioas_map_flags_IOMMU_IOAS_MAP_FIXED_IOVA
                | io::iommufd_ioas_map_flags_IOMMU_IOAS_MAP_READABLE
                | io::iommufd_ioas_map_flags_IOMMU_IOAS_MAP_WRITEABLE,
            ioas_id: self.ioas,
            __reserved: 0,
            user_va: memory.address(),
            length: memory.size(),
            iova: address,
        };
        ioctl::map_ioas(&self.iommufd, &mut map).map_err(refused("mapping memory for the device"))
    }

    pub(super) fn unmap(&self, address: u64, len: u64) -> Result<(), Error> {
        let mut unmap = io::iommu_ioas_unmap {
            size: size_of::<io::iommu_ioas_unmap>() as u32,
            ioas_id: self.ioas,
            iova: address,
            length: len,
        };
        call(&self.iommufd, &mut unmap).map_err(refused("taking memory away from the device")).map(drop)
    }
}
