//! Groups and containers: VFIO with the IOMMU of type 1, or with none.

use std::fs::{File, OpenOptions};
use std::mem::offset_of;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use vfio_bindings::bindings::vfio;

use super::ioctl::{self, call};
use crate::device::{Error, Memory};

/// Reading and writing.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new().read(true).write(true).open(path).map_err(|error| Error::open(path, &error))
}

/// A group in a container of its own.
#[derive(Debug)]
pub(super) struct Group {
    // Dropped in this order: a container with a group in it cannot lose its IOMMU.
    file: File,
    container: File,
    iommu: bool,
}

impl Group {
    /// Opens group `number`, and gives its container an IOMMU; with `iommu` false, none.
    pub(super) fn open(dev: &Path, number: u32, iommu: bool) -> Result<Self, Error> {
        let container = open(&dev.join("vfio/vfio"))?;
        let version = ioctl::api_version(&container).map_err(refused("version of VFIO"))?;
        if version != vfio::VFIO_API_VERSION.cast_signed() {
            return Err(Error::Nonsense { what: "the version of VFIO", why: format!("it is {version}") });
        }
        let name = if iommu { number.to_string() } else { format!("noiommu-{number}") };
        let group = open(&dev.join("vfio").join(name))?;
        let mut status =
            vfio::vfio_group_status { argsz: size_of::<vfio::vfio_group_status>() as u32, flags: 0 };
        call(&group, &mut status).map_err(refused("status of the IOMMU group"))?;
        if status.flags & vfio::VFIO_GROUP_FLAGS_VIABLE == 0 {
            return Err(Error::NotViable { group: number });
        }
        let kind = if iommu { vfio::VFIO_TYPE1v2_IOMMU } else { vfio::VFIO_NOIOMMU_IOMMU };
        if !ioctl::check_extension(&container, kind).map_err(refused("kinds of IOMMU"))? {
            return Err(Error::Unsupported { what: "this kind of IOMMU" });
        }
        call(&group, &mut ioctl::Container::new(container.as_fd()))
            .map_err(refused("putting the IOMMU group into a container"))?;
        ioctl::set_iommu(&container, kind).map_err(refused("giving the container its IOMMU"))?;
        Ok(Self { file: group, container, iommu })
    }

    /// Opens a device of the group.
    pub(super) fn device(&self, name: &str) -> Result<OwnedFd, Error> {
        let name = std::ffi::CString::new(name)
            .map_err(|error| Error::Nonsense { what: "a PCI address", why: error.to_string() })?;
        ioctl::device_of_group(&self.file, &name).map_err(refused("opening the device"))
    }

    /// The bus addresses that can be mapped.
    pub(super) fn addresses(&self) -> Vec<RangeInclusive<u64>> {
        /// Bytes before the first range of the capability, and of one range.
        const HEAD: usize = size_of::<vfio::vfio_iommu_type1_info_cap_iova_range>();
        const RANGE: usize = size_of::<vfio::vfio_iova_range>();
        if !self.iommu {
            return Vec::new();
        }
        let mut info = ioctl::IommuInfo::new();
        // Older kernels tell no ranges; then it is all that an IOMMU of 39 bits has, which is the least there is, without
        // the window of interrupt messages.
        let old = vec![0..=0xfedf_ffff, 0xfef0_0000..=(1 << 39) - 1];
        if call(&self.container, &mut info).is_err() {
            return old;
        }
        let flags = info.word(offset_of!(vfio::vfio_iommu_type1_info, flags));
        let first = info.word(offset_of!(vfio::vfio_iommu_type1_info, cap_offset)) as usize;
        let id = vfio::VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
        let Some(at) = Some(first)
            .filter(|_| flags & vfio::VFIO_IOMMU_INFO_CAPS != 0)
            .and_then(|first| info.capability(first, id))
        else {
            return old;
        };
        let count = info.word(at + offset_of!(vfio::vfio_iommu_type1_info_cap_iova_range, nr_iovas)) as usize;
        let range = |index: usize| {
            let at = at + HEAD + index * RANGE;
            info.double(at)..=info.double(at + 8)
        };
        // As many as fit; what is outside reads as 0..=0 and is no room.
        (0..count.min(128)).map(range).filter(|range| range.end() > range.start()).collect()
    }

    pub(super) fn map(&self, memory: &Memory, address: u64) -> Result<(), Error> {
        let mut map = vfio::vfio_iommu_type1_dma_map {
            argsz: size_of::<vfio::vfio_iommu_type1_dma_map>() as u32,
            flags: vfio::VFIO_DMA_MAP_FLAG_READ | vfio::VFIO_DMA_MAP_FLAG_WRITE,
            vaddr: memory.address(),
            iova: address,
            size: memory.size(),
        };
        ioctl::map_dma(&self.container, &mut map).map_err(refused("mapping memory for the device"))
    }

    pub(super) fn unmap(&self, address: u64, len: u64) -> Result<(), Error> {
        const WHAT: &str = "taking memory away from the device";
        let mut unmap = vfio::vfio_iommu_type1_dma_unmap {
            argsz: size_of::<vfio::vfio_iommu_type1_dma_unmap>() as u32,
            flags: 0,
            iova: address,
            size: len,
            data: vfio::__IncompleteArrayField::new(),
        };
        call(&self.container, &mut unmap).map_err(refused(WHAT))?;
        // The kernel says how much it was.
        if unmap.size != len {
            return Err(Error::Nonsense {
                what: WHAT,
                why: format!("{:#x} bytes, not {len:#x}", unmap.size),
            });
        }
        Ok(())
    }
}

/// An error of a call.
pub(super) fn refused(what: &'static str) -> impl Fn(rustix::io::Errno) -> Error {
    move |errno| Error::Refused { what, errno }
}
