//! A device opened through VFIO, by rust-vmm's crates.

use std::{
    fmt, fs,
    io::ErrorKind,
    os::{fd::AsRawFd, unix::fs::symlink},
    path::{Path, PathBuf},
    process,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use vfio_bindings::bindings::vfio::{
    VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX,
};
use vfio_ioctls::{VfioContainer, VfioDevice};
use vm_memory::{Bytes, MmapRegion, VolatileMemory};
use vmm_sys_util::{
    epoll::{ControlOperation, Epoll, EpollEvent, EventSet},
    eventfd::{EFD_NONBLOCK, EventFd},
};

use crate::pci::Function;

/// The interrupts that VFIO tells apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Irq {
    Intx,
    Msi,
    /// Not the device's: the kernel wants the device back.
    Request,
}

impl Irq {
    fn index(self) -> u32 {
        match self {
            Self::Intx => VFIO_PCI_INTX_IRQ_INDEX,
            Self::Msi => VFIO_PCI_MSI_IRQ_INDEX,
            Self::Request => VFIO_PCI_REQ_IRQ_INDEX,
        }
    }
}

/// An open device. Its group and container are closed with it.
pub(crate) struct Device {
    device: VfioDevice,
    container: Arc<VfioContainer>,
}

impl Device {
    pub(crate) fn open(function: &Function) -> Result<Self> {
        let container = Arc::new(VfioContainer::new(None).context("cannot open /dev/vfio/vfio")?);
        let device = VfioDevice::new(&lasting_folder(function)?, container.clone(), false);
        let device = device.with_context(|| format!("cannot open {function:?} through VFIO"))?;
        let opened = Self { device, container };
        opened.enable_memory_and_dma();
        Ok(opened)
    }

    /// Memory decoding and bus mastering in the command register.
    fn enable_memory_and_dma(&self) {
        const CONFIG: u32 = 7;
        const COMMAND: u64 = 4;
        let mut command = [0; 2];
        self.device.region_read(CONFIG, &mut command, COMMAND);
        command[0] |= 0x06;
        self.device.region_write(CONFIG, &command, COMMAND);
    }

    /// Reads 32 bits of BAR0.
    pub(crate) fn read(&self, offset: u64) -> u32 {
        let mut bytes = [0; 4];
        self.device.region_read(0, &mut bytes, offset);
        u32::from_le_bytes(bytes)
    }

    /// Writes 32 bits of BAR0.
    pub(crate) fn write(&self, offset: u64, value: u32) {
        self.device.region_write(0, &value.to_le_bytes(), offset);
    }

    /// Reads 8 bits of BAR0.
    pub(crate) fn read_byte(&self, offset: u64) -> u8 {
        let mut bytes = [0];
        self.device.region_read(0, &mut bytes, offset);
        bytes[0]
    }

    /// Writes 8 bits of BAR0.
    pub(crate) fn write_byte(&self, offset: u64, value: u8) {
        self.device.region_write(0, &[value], offset);
    }

    /// Waits until BAR0 at `offset` has none of the bits of `mask`.
    pub(crate) fn wait_clear(&self, offset: u64, mask: u32, limit: Duration) -> Result<()> {
        let started = Instant::now();
        while self.read(offset) & mask != 0 {
            if started.elapsed() >= limit {
                bail!("bits {mask:#x} of {offset:#x} are still set after {} ms", limit.as_millis());
            }
            thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Has `irq` signal an event.
    pub(crate) fn listen(&self, irq: Irq) -> Result<Event> {
        let event = EventFd::new(EFD_NONBLOCK)?;
        self.device
            .enable_irq(irq.index(), vec![&event])
            .with_context(|| format!("cannot enable {irq:?}"))?;
        Ok(Event(event))
    }

    pub(crate) fn silence(&self, irq: Irq) -> Result<()> {
        Ok(self.device.disable_irq(irq.index())?)
    }

    /// Lets the next level interrupt through.
    pub(crate) fn unmask(&self) -> Result<()> {
        Ok(self.device.unmask_irq(VFIO_PCI_INTX_IRQ_INDEX)?)
    }

    /// Memory of `length` bytes (whole pages) that the device sees at `address`.
    pub(crate) fn map(&self, address: u64, length: usize) -> Result<Dma> {
        let memory = MmapRegion::new(length).context("no memory for DMA")?;
        // SAFETY: the memory is `length` bytes long and stays where it is until `Dma` is dropped, which takes the
        // mapping away first. Until then only volatile accesses of `vm_memory` touch it.
        let mapped = unsafe { self.container.vfio_dma_map(address, length, memory.as_ptr()) };
        mapped.with_context(|| format!("cannot map {length:#x} bytes at {address:#x}"))?;
        Ok(Dma { memory, container: Some(self.container.clone()), address })
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").finish_non_exhaustive()
    }
}

/// A folder that names the device and its group like the one in sysfs, and stays when the device goes: rust-vmm's
/// device looks there once more after it has closed the device, and panics if an unplug was faster.
fn lasting_folder(function: &Function) -> Result<PathBuf> {
    let folder = Path::new("/run/held").join(process::id().to_string()).join(function.address());
    fs::create_dir_all(&folder)?;
    let group =
        fs::read_link(function.folder().join("iommu_group")).context("the device has no IOMMU group")?;
    match symlink(&group, folder.join("iommu_group")) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // Of an earlier time that it was opened; its group may have been another one.
            fs::remove_file(folder.join("iommu_group"))?;
            symlink(group, folder.join("iommu_group"))?;
        }
        linked => linked?,
    }
    Ok(folder)
}

/// An eventfd that the kernel signals.
pub(crate) struct Event(EventFd);

impl Event {
    /// Waits for a signal; how many there were, or `None` after `limit`.
    pub(crate) fn wait(&self, limit: Duration) -> Result<Option<u64>> {
        let epoll = Epoll::new()?;
        epoll.ctl(ControlOperation::Add, self.0.as_raw_fd(), EpollEvent::new(EventSet::IN, 0))?;
        let limit = i32::try_from(limit.as_millis())?;
        if epoll.wait(limit, &mut [EpollEvent::default()])? == 0 {
            return Ok(None);
        }
        Ok(Some(self.0.read()?))
    }
}

/// Memory that the device can reach, until it is unmapped.
pub(crate) struct Dma {
    memory: MmapRegion,
    /// `None` once it is unmapped.
    container: Option<Arc<VfioContainer>>,
    address: u64,
}

impl Dma {
    /// Writes `bytes` at `offset`.
    pub(crate) fn fill(&self, bytes: &[u8], offset: usize) -> Result<()> {
        Ok(self.memory.as_volatile_slice().write_slice(bytes, offset)?)
    }

    /// Reads `length` bytes at `offset`.
    pub(crate) fn bytes(&self, offset: usize, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.memory.as_volatile_slice().read_slice(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// Takes the memory away from the device; it can still be looked at.
    pub(crate) fn unmap(&mut self) -> Result<()> {
        match self.container.take() {
            Some(container) => Ok(container.vfio_dma_unmap(self.address, self.memory.size())?),
            None => bail!("it is unmapped already"),
        }
    }
}

impl Drop for Dma {
    fn drop(&mut self) {
        if self.container.is_some()
            && let Err(error) = self.unmap()
        {
            // The device may still write there: the process must not go on with that memory given back.
            eprintln!("cannot unmap DMA memory: {error:#}");
            process::abort();
        }
    }
}
