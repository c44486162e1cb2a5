//! A PCI device in userspace: regions, interrupts, memory for DMA, reset.
//!
//! [`Device`] is what `crate::kernel` and `crate::user` give, in the terms of VFIO: regions and interrupts have the indices of
//! `linux/vfio.h`, and interrupts come as eventfds. [`crate::host`] makes a host for nova-core of it.

mod error;
mod event;
mod mapping;
mod memory;

pub use error::{Error, Kind};
pub use event::Event;
pub use mapping::{Mapping, Protection};
pub use memory::Memory;

use std::fmt;
use std::ops::RangeInclusive;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Indices of the regions of a PCI device.
pub mod region {
    /// BAR0, the registers of a GPU.
    pub const BAR0: u32 = vfio_bindings::bindings::vfio::VFIO_PCI_BAR0_REGION_INDEX;
    /// BAR1.
    pub const BAR1: u32 = vfio_bindings::bindings::vfio::VFIO_PCI_BAR1_REGION_INDEX;
    /// The expansion ROM.
    pub const ROM: u32 = vfio_bindings::bindings::vfio::VFIO_PCI_ROM_REGION_INDEX;
    /// Config space.
    pub const CONFIG: u32 = vfio_bindings::bindings::vfio::VFIO_PCI_CONFIG_REGION_INDEX;
}

/// Indices of the interrupts of a PCI device.
pub mod irq {
    /// The interrupt pin.
    pub const INTX: u32 = vfio_bindings::bindings::vfio::VFIO_PCI_INTX_IRQ_INDEX;
    /// MSI.
    pub const MSI: u32 = vfio_bindings::bindings::vfio::VFIO_PCI_MSI_IRQ_INDEX;
    /// MSI-X.
    pub const MSIX: u32 = vfio_bindings::bindings::vfio::VFIO_PCI_MSIX_IRQ_INDEX;
    /// Signalled when the bus has found an error that cannot be recovered from.
    pub const ERROR: u32 = vfio_bindings::bindings::vfio::VFIO_PCI_ERR_IRQ_INDEX;
    /// Signalled when the system wants the device back: close it soon.
    pub const REQUEST: u32 = vfio_bindings::bindings::vfio::VFIO_PCI_REQ_IRQ_INDEX;
    /// The kinds that a driver's handlers can be called by, the best first: those by message need no unmasking.
    pub const KINDS: [u32; 3] = [MSI, MSIX, INTX];
}

/// What a device says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// How many regions it has.
    pub regions: u32,
    /// How many kinds of interrupt.
    pub irqs: u32,
    /// Whether it can be reset.
    pub reset: bool,
}

/// A region.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Region {
    /// Size in bytes; 0 when it is not there.
    pub size: u64,
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
    /// What of it can be mapped, by offset; empty when nothing can.
    pub mappable: Vec<Area>,
}

/// A part of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

impl Region {
    /// Whether all of `area` lies in one part that can be mapped.
    pub fn maps(&self, area: Area) -> bool {
        let inside = |part: &Area| {
            let after = area.offset.checked_sub(part.offset)?.checked_add(area.len)?;
            (after <= part.len).then_some(())
        };
        self.mappable.iter().any(|part| inside(part).is_some())
    }

    /// Checks that `len` bytes at `offset` lie inside.
    ///
    /// # Errors
    ///
    /// When they do not.
    pub fn check(&self, index: u32, offset: u64, len: usize) -> Result<(), Error> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.size => Ok(()),
            _ => Err(Error::Range { region: index, offset, len: len as u64, size: self.size }),
        }
    }
}

/// A kind of interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Irq {
    /// How many vectors; 0 when it is not there.
    pub count: u32,
    /// It can be signalled through an eventfd.
    pub eventfd: bool,
    /// It can be masked and unmasked.
    pub maskable: bool,
    /// It masks itself when it fires, and has to be unmasked.
    pub masks_itself: bool,
}

impl Irq {
    /// Whether it is there, and can signal an eventfd.
    pub const fn is_usable(&self) -> bool {
        self.count > 0 && self.eventfd
    }
}

/// A PCI device in userspace.
///
/// All calls may be made from any thread. One that finds the device gone says so with [`Kind::Gone`], and every later one
/// does the same.
pub trait Device: fmt::Debug + Send + Sync {
    /// What the device says of itself.
    fn info(&self) -> Info;

    /// What is known of a region.
    ///
    /// # Errors
    ///
    /// When there is no such region, or it cannot be asked.
    fn region(&self, index: u32) -> Result<Region, Error>;

    /// Reads bytes of a region; 1, 2, 4 or 8 at a multiple of their number are one access.
    ///
    /// # Errors
    ///
    /// When they are not all inside, or the access failed; what `into` holds then is of no meaning.
    fn read(&self, region: u32, offset: u64, into: &mut [u8]) -> Result<(), Error>;

    /// Writes bytes of a region; 1, 2, 4 or 8 at a multiple of their number are one access.
    ///
    /// # Errors
    ///
    /// When they are not all inside, or the access failed.
    fn write(&self, region: u32, offset: u64, from: &[u8]) -> Result<(), Error>;

    /// Maps a part of a region for reading and writing.
    ///
    /// # Errors
    ///
    /// When it is not inside a part that can be mapped, or the system refuses.
    fn map(&self, region: u32, area: Area) -> Result<Mapping, Error>;

    /// What is known of a kind of interrupt.
    ///
    /// # Errors
    ///
    /// When there is no such kind, or it cannot be asked.
    fn irq(&self, index: u32) -> Result<Irq, Error>;

    /// Lets vectors 0 and up of a kind of interrupt signal these eventfds.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsupported`] when so many cannot be had at this time, though there may be; or the device refuses.
    fn enable_irq(&self, index: u32, events: &[BorrowedFd<'_>]) -> Result<(), Error>;

    /// Ends a kind of interrupt.
    ///
    /// # Errors
    ///
    /// When the device refuses.
    fn disable_irq(&self, index: u32) -> Result<(), Error>;

    /// Masks vector 0 of a kind of interrupt.
    ///
    /// # Errors
    ///
    /// When the device refuses.
    fn mask_irq(&self, index: u32) -> Result<(), Error>;

    /// Unmasks vector 0 of a kind of interrupt.
    ///
    /// # Errors
    ///
    /// When the device refuses.
    fn unmask_irq(&self, index: u32) -> Result<(), Error>;

    /// The bus addresses at which memory can be mapped; empty when none can be.
    fn addresses(&self) -> Vec<RangeInclusive<u64>>;

    /// Lets the device reach all of `memory` at a bus address, a multiple of the page size.
    ///
    /// # Errors
    ///
    /// When the address cannot be had, or a limit is reached.
    fn map_dma(&self, memory: &Arc<Memory>, address: u64) -> Result<(), Error>;

    /// Takes the memory at a bus address away from the device again: when this returns `Ok`, the device does not reach it.
    ///
    /// # Errors
    ///
    /// When the device may still reach it.
    fn unmap_dma(&self, address: u64, len: u64) -> Result<(), Error>;

    /// Resets the device.
    ///
    /// # Errors
    ///
    /// When it cannot be reset, or did not come back.
    fn reset(&self) -> Result<(), Error>;

    /// Whether the device was found gone.
    fn is_gone(&self) -> bool;

    /// A connection to wait on: when the other side hangs up, the device is gone.
    fn connection(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Where the other side of a connection asks for something by itself: when it can be read, [`attend`](Self::attend) is
    /// called.
    fn requests(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Does what was asked for at [`requests`](Self::requests), without waiting for more, and not without end: what is left
    /// keeps the file readable.
    ///
    /// # Errors
    ///
    /// When the other side does not keep the protocol, or has gone.
    fn attend(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Somebody knows that the device is gone: every later call says so.
    fn set_gone(&self);
}

/// Reads 32 bits of config space at a multiple of 4.
///
/// # Errors
///
/// See [`Device::read`].
pub fn read_config(device: &dyn Device, offset: u16) -> Result<u32, Error> {
    let mut bytes = [0; 4];
    device.read(region::CONFIG, offset.into(), &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// Changes the PCI command register: clears some bits, then sets some.
///
/// # Errors
///
/// See [`Device::read`] and [`Device::write`].
pub fn change_command(device: &dyn Device, clear: u16, set: u16) -> Result<(), Error> {
    const COMMAND: u64 = 4;
    let mut bytes = [0; 2];
    device.read(region::CONFIG, COMMAND, &mut bytes)?;
    let command = u16::from_le_bytes(bytes) & !clear | set;
    device.write(region::CONFIG, COMMAND, &command.to_le_bytes())
}

/// Bits of the PCI command register.
pub mod command {
    /// The device answers memory accesses.
    pub const MEMORY: u16 = 1 << 1;
    /// The device may access memory, and send interrupt messages.
    pub const MASTER: u16 = 1 << 2;
    /// The interrupt pin is off.
    pub const INTX_DISABLE: u16 = 1 << 10;
}
