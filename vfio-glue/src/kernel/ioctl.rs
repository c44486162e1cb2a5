//! The `ioctl` calls of VFIO and iommufd: the only ones of this crate.
//!
//! Structures and numbers come from `vfio-bindings` and `iommufd-bindings`, the call from `rustix`. The wrapper above them
//! that rust-vmm has, `vfio-ioctls` 0.10, is not used, for what it does not tell: a read of a region that fails leaves the
//! buffer as it was and logs a warning, so a device that is gone cannot be told from one that reads the last value; `reset`
//! drops its result; most errors drop the `errno` a person needs. It has no masking, no no-IOMMU, and fixed paths.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr;

use iommufd_bindings::iommufd as io;
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};
use vfio_bindings::bindings::vfio;

/// The number of a VFIO call, counted from `VFIO_BASE`.
const fn vfio_call(number: u32) -> Opcode {
    opcode::none(vfio::VFIO_TYPE, (vfio::VFIO_BASE + number) as u8)
}

const GET_API_VERSION: Opcode = vfio_call(0);
const CHECK_EXTENSION: Opcode = vfio_call(1);
const SET_IOMMU: Opcode = vfio_call(2);
const GROUP_GET_DEVICE_FD: Opcode = vfio_call(6);
const DEVICE_RESET: Opcode = vfio_call(11);

/// An argument that says how large it is in its first word (`argsz`), or has a fixed size.
///
/// # Safety
///
/// `CALL` is a call that reads and writes only bytes of the argument: those of the type, or fewer.
pub(super) unsafe trait Argument {
    /// The call.
    const CALL: Opcode;
}

macro_rules! arguments {
    ($($type:ty = $call:expr;)*) => {
        $(
            // SAFETY: the structure is the kernel's own for this call, and says its own size where the call has one.
            unsafe impl Argument for $type {
                const CALL: Opcode = $call;
            }
        )*
    };
}

arguments! {
    vfio::vfio_group_status = vfio_call(3);
    Container = vfio_call(4);
    vfio::vfio_device_info = vfio_call(7);
    RegionInfo = vfio_call(8);
    vfio::vfio_irq_info = vfio_call(9);
    IrqSet = vfio_call(10);
    IommuInfo = vfio_call(12);
    vfio::vfio_iommu_type1_dma_unmap = vfio_call(14);
    vfio::vfio_device_bind_iommufd = vfio_call(18);
    vfio::vfio_device_attach_iommufd_pt = vfio_call(19);
    io::iommu_ioas_alloc = opcode::none(io::IOMMUFD_TYPE, io::IOMMUFD_CMD_IOAS_ALLOC as u8);
    io::iommu_ioas_unmap = opcode::none(io::IOMMUFD_TYPE, io::IOMMUFD_CMD_IOAS_UNMAP as u8);
}

/// The container a group is put into: the argument is its file descriptor.
#[repr(transparent)]
pub(super) struct Container(i32);

impl Container {
    pub(super) fn new(container: BorrowedFd<'_>) -> Self {
        Self(container.as_raw_fd())
    }
}

/// Most eventfds in one call.
pub(super) const MOST_EVENTS: usize = 32;

/// `struct vfio_irq_set` with room for its data.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct IrqSet {
    argsz: u32,
    flags: u32,
    index: u32,
    start: u32,
    count: u32,
    events: [i32; MOST_EVENTS],
}

impl IrqSet {
    /// Vectors 0 and up of a kind of interrupt; at most [`MOST_EVENTS`] eventfds are taken.
    pub(super) fn new(index: u32, flags: u32, count: u32, events: &[BorrowedFd<'_>]) -> Self {
        let mut set = Self {
            argsz: size_of::<Self>() as u32,
            flags,
            index,
            start: 0,
            count,
            events: [-1; MOST_EVENTS],
        };
        for (to, from) in set.events.iter_mut().zip(events) {
            *to = from.as_raw_fd();
        }
        set
    }
}

/// A structure with room for a chain of capabilities behind it, as words.
#[repr(C, align(8))]
pub(super) struct Chained<const NUMBER: u32>([u32; 1024]);

/// `struct vfio_region_info`.
pub(super) type RegionInfo = Chained<8>;
/// `struct vfio_iommu_type1_info`.
pub(super) type IommuInfo = Chained<12>;

impl<const NUMBER: u32> Chained<NUMBER> {
    /// Nothing but its own size.
    pub(super) const fn new() -> Self {
        let mut words = [0; 1024];
        words[0] = size_of::<Self>() as u32;
        Self(words)
    }

    /// The word at a byte offset, which is a multiple of 4; 0 outside.
    pub(super) fn word(&self, offset: usize) -> u32 {
        self.0.get(offset / 4).copied().unwrap_or(0)
    }

    /// The double word at a byte offset, which is a multiple of 4.
    pub(super) fn double(&self, offset: usize) -> u64 {
        u64::from(self.word(offset)) | u64::from(self.word(offset + 4)) << 32
    }

    pub(super) fn set_word(&mut self, offset: usize, value: u32) {
        if let Some(word) = self.0.get_mut(offset / 4) {
            *word = value;
        }
    }

    /// The byte offset of a capability, in a chain that begins at `first`.
    pub(super) fn capability(&self, first: usize, id: u32) -> Option<usize> {
        let mut at = first;
        // A chain that goes back would never end.
        while at != 0 && at.is_multiple_of(4) && at < size_of::<Self>() {
            if self.word(at) & 0xffff == id {
                return Some(at);
            }
            let next = self.word(at + 4) as usize;
            at = if next > at { next } else { 0 };
        }
        None
    }
}

/// Makes a call.
///
/// # Errors
///
/// The kernel's.
pub(super) fn call<A: Argument>(file: impl AsFd, argument: &mut A) -> Result<i32, Errno> {
    // SAFETY: `Argument` says that the call stays inside its argument.
    unsafe { ioctl(file, Update(argument)) }
}

/// The version of the container's interface.
pub(super) fn api_version(container: impl AsFd) -> Result<i32, Errno> {
    // SAFETY: the call has no argument.
    unsafe { ioctl(container, Number(GET_API_VERSION, 0)) }
}

/// Whether a container can have this kind of IOMMU.
pub(super) fn check_extension(container: impl AsFd, iommu: u32) -> Result<bool, Errno> {
    // SAFETY: the argument is a number.
    unsafe { ioctl(container, Number(CHECK_EXTENSION, iommu)) }.map(|answer| answer > 0)
}

/// Gives a container this kind of IOMMU.
pub(super) fn set_iommu(container: impl AsFd, iommu: u32) -> Result<(), Errno> {
    // SAFETY: the argument is a number.
    unsafe { ioctl(container, Number(SET_IOMMU, iommu)) }.map(drop)
}

/// Opens a device of a group.
pub(super) fn device_of_group(group: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    // SAFETY: the argument is a string that ends, of which the kernel only reads.
    let file = unsafe { ioctl(group, Name(name)) }?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
}

/// Resets a device.
pub(super) fn reset(device: impl AsFd) -> Result<(), Errno> {
    // SAFETY: the call has no argument.
    unsafe { ioctl(device, Number(DEVICE_RESET, 0)) }.map(drop)
}

/// Lets devices of a container reach memory of the process.
///
/// The kernel pins the pages until they are unmapped, so that the process ending its own mapping leaves the device with
/// pages nobody else has: that is why this is no unsafe function.
pub(super) fn map_dma(container: impl AsFd, map: &mut vfio::vfio_iommu_type1_dma_map) -> Result<(), Errno> {
    // SAFETY: see above; the structure is the kernel's own for this call.
    unsafe { ioctl(container, Raw(vfio_call(13), ptr::from_mut(map).cast())) }.map(drop)
}

/// The same through iommufd.
pub(super) fn map_ioas(iommufd: impl AsFd, map: &mut io::iommu_ioas_map) -> Result<(), Errno> {
    let call = opcode::none(io::IOMMUFD_TYPE, io::IOMMUFD_CMD_IOAS_MAP as u8);
    // SAFETY: see above; the structure is the kernel's own for this call.
    unsafe { ioctl(iommufd, Raw(call, ptr::from_mut(map).cast())) }.map(drop)
}

/// The bus addresses an address space of iommufd allows, at most as many as there is room for; gives how many there are.
pub(super) fn ioas_ranges(
    iommufd: impl AsFd,
    ioas: u32,
    into: &mut [io::iommu_iova_range],
) -> Result<usize, Errno> {
    let call = opcode::none(io::IOMMUFD_TYPE, io::IOMMUFD_CMD_IOAS_IOVA_RANGES as u8);
    let mut ranges = io::iommu_ioas_iova_ranges {
        size: size_of::<io::iommu_ioas_iova_ranges>() as u32,
        ioas_id: ioas,
        num_iovas: u32::try_from(into.len()).unwrap_or(u32::MAX),
        __reserved: 0,
        allowed_iovas: into.as_mut_ptr().expose_provenance() as u64,
        out_iova_alignment: 0,
    };
    // SAFETY: the kernel writes the structure, and at most `num_iovas` ranges to where it points, which is room for as many.
    unsafe { ioctl(iommufd, Raw(call, ptr::from_mut(&mut ranges).cast())) }?;
    Ok(ranges.num_iovas as usize)
}

/// A call that reads and writes its argument.
struct Update<'a, A>(&'a mut A);

// SAFETY: opcode and argument belong together, by `Argument`; the output is the call's own result.
unsafe impl<A: Argument> Ioctl for Update<'_, A> {
    type Output = i32;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        A::CALL
    }
    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut(self.0).cast()
    }
    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(output)
    }
}

/// A call whose argument is a number.
struct Number(Opcode, u32);

// SAFETY: the calls it is made for take a number, or nothing, and touch no memory of ours.
unsafe impl Ioctl for Number {
    type Output = i32;
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        self.0
    }
    fn as_ptr(&mut self) -> *mut c_void {
        ptr::without_provenance_mut(self.1 as usize)
    }
    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(output)
    }
}

/// The call whose argument is a name.
struct Name<'a>(&'a CStr);

// SAFETY: the call reads a string that ends, and makes a file.
unsafe impl Ioctl for Name<'_> {
    type Output = i32;
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        GROUP_GET_DEVICE_FD
    }
    fn as_ptr(&mut self) -> *mut c_void {
        self.0.as_ptr().cast_mut().cast()
    }
    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(output)
    }
}

/// A call whose argument points further.
struct Raw(Opcode, *mut c_void);

// SAFETY: whoever makes one answers for what the argument points to.
unsafe impl Ioctl for Raw {
    type Output = i32;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.0
    }
    fn as_ptr(&mut self) -> *mut c_void {
        self.1
    }
    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_header() {
        // _IO(';', 100 + n) of linux/vfio.h, and _IO(';', 0x80 + n) of linux/iommufd.h.
        assert_eq!(GET_API_VERSION, 0x3b64);
        assert_eq!(<RegionInfo as Argument>::CALL, 0x3b6c);
        assert_eq!(<IrqSet as Argument>::CALL, 0x3b6e);
        assert_eq!(DEVICE_RESET, 0x3b6f);
        assert_eq!(<io::iommu_ioas_alloc as Argument>::CALL, 0x3b81);
    }

    #[test]
    fn a_file_that_is_no_device_is_refused() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(api_version(&file), Err(Errno::NOTTY));
        assert_eq!(check_extension(&file, 3), Err(Errno::NOTTY));
        assert_eq!(call(&file, &mut RegionInfo::new()), Err(Errno::NOTTY));
        assert_eq!(call(&file, &mut IrqSet::new(0, 0, 0, &[file.as_fd()])), Err(Errno::NOTTY));
        assert_eq!(device_of_group(&file, c"0000:01:00.0").map(drop), Err(Errno::NOTTY));
        assert_eq!(reset(&file), Err(Errno::NOTTY));
        assert_eq!(ioas_ranges(&file, 0, &mut []), Err(Errno::NOTTY));
    }

    #[test]
    fn a_chain_is_followed_to_its_end_and_never_back() {
        let mut info = RegionInfo::new();
        assert_eq!(info.word(0), 4096);
        info.set_word(32, 7);
        info.set_word(36, 64);
        info.set_word(64, 1);
        info.set_word(68, 32);
        assert_eq!(info.capability(32, 1), Some(64));
        assert_eq!(info.capability(32, 3), None);
        assert_eq!(info.capability(0, 0), None);
        assert_eq!(info.capability(4094, 7), None);
        info.set_word(68, 4092);
        assert_eq!(info.capability(32, 3), None);
    }
}
