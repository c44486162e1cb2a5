//! A device of the kernel's VFIO.

use std::mem::offset_of;
use std::ops::RangeInclusive;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::io::{Errno, pread, pwrite};
use vfio_bindings::bindings::vfio;

use super::group::refused;
use super::ioctl::{self, IrqSet, MOST_EVENTS, RegionInfo, call};
use super::{Iommu, Options, open_file};
use crate::device::{Area, Device, Error, Info, Irq, Mapping, Memory, Protection, Region, region};
use crate::sysfs::Address;

/// A device of the kernel's VFIO, open.
#[derive(Debug)]
pub struct KernelDevice {
    // Dropped in this order: first the device, then what isolates it.
    file: OwnedFd,
    iommu: Iommu,
    info: Info,
    /// What is known of the regions, and where they are in the file. Asked once: it does not change.
    regions: Vec<(Region, u64)>,
    gone: AtomicBool,
}

impl KernelDevice {
    /// Opens a device; see [`open`](super::open).
    ///
    /// # Errors
    ///
    /// When it is not bound to vfio-pci, its group is in use, or the system does not let us.
    pub fn open(address: Address, options: &Options) -> Result<Self, Error> {
        let (file, iommu) = open_file(address, options)?;
        let mut info = vfio::vfio_device_info {
            argsz: size_of::<vfio::vfio_device_info>() as u32,
            flags: 0,
            num_regions: 0,
            num_irqs: 0,
            cap_offset: 0,
            pad: 0,
        };
        call(&file, &mut info).map_err(refused("what the device is"))?;
        if info.flags & vfio::VFIO_DEVICE_FLAGS_PCI == 0 {
            return Err(Error::Unsupported { what: "a device that is not PCI" });
        }
        let reset = info.flags & vfio::VFIO_DEVICE_FLAGS_RESET != 0;
        // Nine are PCI's; more are a driver's own.
        let regions = (0..info.num_regions.min(64)).map(|index| read_region(&file, index)).collect();
        let info = Info { regions: info.num_regions, irqs: info.num_irqs, reset };
        Ok(Self { file, iommu, info, regions, gone: AtomicBool::new(false) })
    }

    fn at(&self, index: u32, offset: u64, len: usize) -> Result<u64, Error> {
        let (region, start) = self.regions.get(index as usize).ok_or(NO_REGION)?;
        region.check(index, offset, len)?;
        start.checked_add(offset).ok_or(NO_REGION)
    }

    /// The error of an access: a device that has no config space any more is gone, whatever the kernel calls it.
    fn access(&self, what: &'static str, errno: Errno) -> Error {
        let lost = matches!(errno, Errno::NODEV | Errno::NXIO) || errno == Errno::IO && self.is_silent();
        if lost {
            self.set_gone();
            return Error::Gone { what };
        }
        Error::Refused { what, errno }
    }

    /// Whether the vendor id reads as ones, as it does of no device.
    fn is_silent(&self) -> bool {
        let mut vendor = [0; 2];
        let start = self.regions.get(region::CONFIG as usize).map_or(0, |(_, start)| *start);
        !matches!(pread(&self.file, &mut vendor, start), Ok(2) if vendor != [0xff; 2])
    }

    fn alive(&self, what: &'static str) -> Result<(), Error> {
        if self.is_gone() { Err(Error::Gone { what }) } else { Ok(()) }
    }

    /// What the call returns: 0 is success.
    fn set_irqs(&self, what: &'static str, mut set: IrqSet) -> Result<i32, Error> {
        self.alive(what)?;
        call(&self.file, &mut set).map_err(|errno| self.access(what, errno))
    }
}

const NO_REGION: Error = Error::Unsupported { what: "this region" };

/// What the kernel knows of a region, and where it is in the file; nothing of one it knows nothing of.
fn read_region(file: &OwnedFd, index: u32) -> (Region, u64) {
    let mut info = RegionInfo::new();
    info.set_word(offset_of!(vfio::vfio_region_info, index), index);
    if call(file, &mut info).is_err() {
        return (Region::default(), 0);
    }
    let flags = info.word(offset_of!(vfio::vfio_region_info, flags));
    let size = info.double(offset_of!(vfio::vfio_region_info, size));
    let region = Region {
        size,
        readable: flags & vfio::VFIO_REGION_INFO_FLAG_READ != 0,
        writable: flags & vfio::VFIO_REGION_INFO_FLAG_WRITE != 0,
        mappable: if flags & vfio::VFIO_REGION_INFO_FLAG_MMAP == 0 { Vec::new() } else { areas(&info, size) },
    };
    (region, info.double(offset_of!(vfio::vfio_region_info, offset)))
}

/// What of a region can be mapped: all of it, unless it says in a capability that it is less.
fn areas(info: &RegionInfo, size: u64) -> Vec<Area> {
    const HEAD: usize = size_of::<vfio::vfio_region_info_cap_sparse_mmap>();
    const AREA: usize = size_of::<vfio::vfio_region_sparse_mmap_area>();
    let flags = info.word(offset_of!(vfio::vfio_region_info, flags));
    let first = info.word(offset_of!(vfio::vfio_region_info, cap_offset)) as usize;
    if flags & vfio::VFIO_REGION_INFO_FLAG_CAPS == 0 {
        return vec![Area { offset: 0, len: size }];
    }
    if first == 0 {
        // There are capabilities, more than there was room for: nothing is known, so nothing is mapped.
        return Vec::new();
    }
    let Some(at) = info.capability(first, vfio::VFIO_REGION_INFO_CAP_SPARSE_MMAP) else {
        return vec![Area { offset: 0, len: size }];
    };
    let count = info.word(at + offset_of!(vfio::vfio_region_info_cap_sparse_mmap, nr_areas)) as usize;
    let area = |index: usize| {
        let at = at + HEAD + index * AREA;
        Area { offset: info.double(at), len: info.double(at + 8) }
    };
    (0..count.min(128)).map(area).filter(|area| area.len > 0).collect()
}

impl Device for KernelDevice {
    fn info(&self) -> Info {
        self.info
    }

    fn region(&self, index: u32) -> Result<Region, Error> {
        self.regions.get(index as usize).map(|(region, _)| region.clone()).ok_or(NO_REGION)
    }

    fn read(&self, region: u32, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        const WHAT: &str = "reading of a region";
        self.alive(WHAT)?;
        let at = self.at(region, offset, into.len())?;
        let mut done = 0;
        while done < into.len() {
            match pread(&self.file, &mut into[done..], at + done as u64) {
                Ok(0) => return Err(self.access(WHAT, Errno::IO)),
                Ok(more) => done += more,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(self.access(WHAT, errno)),
            }
        }
        Ok(())
    }

    fn write(&self, region: u32, offset: u64, from: &[u8]) -> Result<(), Error> {
        const WHAT: &str = "writing of a region";
        self.alive(WHAT)?;
        let at = self.at(region, offset, from.len())?;
        let mut done = 0;
        while done < from.len() {
            match pwrite(&self.file, &from[done..], at + done as u64) {
                Ok(0) => return Err(self.access(WHAT, Errno::IO)),
                Ok(more) => done += more,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(self.access(WHAT, errno)),
            }
        }
        Ok(())
    }

    fn map(&self, index: u32, area: Area) -> Result<Mapping, Error> {
        const WHAT: &str = "mapping of a region";
        let (region, _) = self.regions.get(index as usize).ok_or(NO_REGION)?;
        if !region.maps(area) {
            return Err(Error::Unsupported { what: WHAT });
        }
        let len = usize::try_from(area.len).map_err(|_| Error::Unsupported { what: WHAT })?;
        let at = self.at(index, area.offset, len)?;
        Mapping::new(&self.file, at, len, Protection::ReadWrite).map_err(|errno| self.access(WHAT, errno))
    }

    fn irq(&self, index: u32) -> Result<Irq, Error> {
        const WHAT: &str = "what is known of an interrupt";
        self.alive(WHAT)?;
        let argsz = size_of::<vfio::vfio_irq_info>() as u32;
        let mut info = vfio::vfio_irq_info { argsz, flags: 0, index, count: 0 };
        call(&self.file, &mut info).map_err(|errno| match errno {
            // Kinds that the device does not have.
            Errno::INVAL => Error::Unsupported { what: WHAT },
            errno => self.access(WHAT, errno),
        })?;
        Ok(Irq {
            count: info.count,
            eventfd: info.flags & vfio::VFIO_IRQ_INFO_EVENTFD != 0,
            maskable: info.flags & vfio::VFIO_IRQ_INFO_MASKABLE != 0,
            masks_itself: info.flags & vfio::VFIO_IRQ_INFO_AUTOMASKED != 0,
        })
    }

    fn enable_irq(&self, index: u32, events: &[BorrowedFd<'_>]) -> Result<(), Error> {
        const WHAT: &str = "switching interrupts on";
        if events.is_empty() || events.len() > MOST_EVENTS {
            return Err(Error::Unsupported { what: "so many vectors" });
        }
        let flags = vfio::VFIO_IRQ_SET_DATA_EVENTFD | vfio::VFIO_IRQ_SET_ACTION_TRIGGER;
        match self.set_irqs(WHAT, IrqSet::new(index, flags, events.len() as u32, events))? {
            0 => Ok(()),
            // So many could be had, and none were switched on.
            _ => Err(Error::Unsupported { what: "so many vectors" }),
        }
    }

    fn disable_irq(&self, index: u32) -> Result<(), Error> {
        let flags = vfio::VFIO_IRQ_SET_DATA_NONE | vfio::VFIO_IRQ_SET_ACTION_TRIGGER;
        self.set_irqs("switching interrupts off", IrqSet::new(index, flags, 0, &[])).map(drop)
    }

    fn mask_irq(&self, index: u32) -> Result<(), Error> {
        let flags = vfio::VFIO_IRQ_SET_DATA_NONE | vfio::VFIO_IRQ_SET_ACTION_MASK;
        self.set_irqs("masking an interrupt", IrqSet::new(index, flags, 1, &[])).map(drop)
    }

    fn unmask_irq(&self, index: u32) -> Result<(), Error> {
        let flags = vfio::VFIO_IRQ_SET_DATA_NONE | vfio::VFIO_IRQ_SET_ACTION_UNMASK;
        self.set_irqs("unmasking an interrupt", IrqSet::new(index, flags, 1, &[])).map(drop)
    }

    fn addresses(&self) -> Vec<RangeInclusive<u64>> {
        match &self.iommu {
            Iommu::Group(group) => group.addresses(),
            Iommu::Iommufd(space) => space.addresses(),
        }
    }

    fn map_dma(&self, memory: &Arc<Memory>, address: u64) -> Result<(), Error> {
        match &self.iommu {
            Iommu::Group(group) => group.map(memory, address),
            Iommu::Iommufd(space) => space.map(memory, address),
        }
    }

    fn unmap_dma(&self, address: u64, len: u64) -> Result<(), Error> {
        match &self.iommu {
            Iommu::Group(group) => group.unmap(address, len),
            Iommu::Iommufd(space) => space.unmap(address, len),
        }
    }

    fn reset(&self) -> Result<(), Error> {
        const WHAT: &str = "reset of the device";
        self.alive(WHAT)?;
        if !self.info.reset {
            return Err(Error::Unsupported { what: WHAT });
        }
        ioctl::reset(&self.file).map_err(|errno| self.access(WHAT, errno))
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }

    fn set_gone(&self) {
        self.gone.store(true, Relaxed);
    }
}
