//! The device that a client sees: regions, interrupts, memory, resets. No socket.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use nova_backends::vfio_user::{IrqInfo, RegionFlags, SetIrqs, index};
use rustix::io::Errno;

use super::clock;
use super::dma::ClientMemory;
use super::irq::{Change, Irqs};
use super::msix::{MsixTable, Part};
use super::registers::Registers;
use super::shared::Shared;
use super::stats::Counters;
use super::windows::Window;
use crate::gpu::{Gpu, Power};
use crate::pci::{BarKind, CONFIG_SIZE, PciFunction};

/// What a region is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) size: u64,
    pub(super) flags: RegionFlags,
}

/// A GPU and what one client has set up around it.
pub(super) struct Device {
    gpu: Gpu,
    registers: Registers,
    memory: Arc<ClientMemory>,
    shared: Arc<Shared>,
    irqs: Irqs,
    /// BAR1 and BAR3.
    windows: [Window; 2],
    /// Whether a client may map them.
    mappable: bool,
    msix: MsixTable,
}

impl Device {
    /// The device of `shared`.
    ///
    /// # Errors
    ///
    /// When the system has no memory for the windows.
    pub(super) fn new(shared: &Arc<Shared>, registers: Registers, mappable: bool) -> Result<Self, Errno> {
        let gpu = shared.gpu.clone();
        let (irqs, windows, msix) = fresh(&gpu, &shared.counters)?;
        let memory = shared.memory.clone();
        Ok(Self { gpu, registers, memory, shared: shared.clone(), irqs, windows, mappable, msix })
    }

    /// A client has left: its eventfds and memory are given back, the GPU is reset, and what it left in the windows
    /// is not seen by the next one, even if it keeps its mappings.
    ///
    /// # Errors
    ///
    /// When the system has no memory for the windows.
    pub(super) fn renew(&mut self) -> Result<(), Errno> {
        self.memory.clear();
        (self.irqs, self.windows, self.msix) = fresh(&self.gpu, &self.shared.counters)?;
        self.shared.listening.store(0, Relaxed);
        if self.gpu.with(|gpu| gpu.reset(clock::now())) {
            self.was_reset();
        }
        Ok(())
    }

    /// What a region is; `None` for one that PCI devices do not have. One that this device does not have is empty.
    pub(super) fn region(&self, which: u32) -> Option<Region> {
        let none = RegionFlags::from_bits(0)?;
        let both = RegionFlags::READ | RegionFlags::WRITE;
        Some(match which {
            index::region::CONFIG => Region { size: CONFIG_SIZE as u64, flags: both },
            index::region::ROM => {
                Region { size: self.gpu.with(|gpu| gpu.pci().rom_size()), flags: RegionFlags::READ }
            }
            _ if which >= index::region::COUNT => return None,
            _ => match self.bar(which) {
                Some((size, BarKind::Memory)) if self.mappable => {
                    Region { size, flags: both | RegionFlags::MMAP }
                }
                Some((size, _)) => Region { size, flags: both },
                None => Region { size: 0, flags: none },
            },
        })
    }

    /// The file to map a region through.
    pub(super) fn file(&self, which: u32) -> Option<BorrowedFd<'_>> {
        self.window(which).filter(|_| self.mappable).map(Window::file)
    }

    /// Reads from a region.
    ///
    /// # Errors
    ///
    /// `EINVAL` outside of the region, `EIO` when a fault says so.
    pub(super) fn read(&self, region: u32, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        self.check(region, offset, into.len())?;
        match region {
            index::region::CONFIG => {
                self.gpu.with(|gpu| gpu.config_read(offset, into)).map_err(|_| Errno::INVAL)
            }
            index::region::ROM => {
                let there = self.gpu.with(|gpu| {
                    gpu.pci().read_rom(offset, into);
                    gpu.power() == Power::Present
                });
                if !there {
                    into.fill(0xff);
                }
                Ok(())
            }
            _ if !self.decodes(region) => {
                into.fill(0xff);
                Ok(())
            }
            index::region::BAR0 => self.read_registers(offset, into),
            _ => {
                // No port is known: nothing answers.
                into.fill(0xff);
                self.window(region).map_or(Ok(()), |window| window.read(offset, into))
            }
        }
    }

    /// Writes to a region.
    ///
    /// # Errors
    ///
    /// `EINVAL` outside of the region or where it is read-only, `EIO` when a fault says so.
    pub(super) fn write(&mut self, region: u32, offset: u64, from: &[u8]) -> Result<(), Errno> {
        self.check(region, offset, from.len())?;
        match region {
            index::region::CONFIG => self.write_config(offset, from),
            index::region::ROM => Err(Errno::INVAL),
            _ if !self.decodes(region) => Ok(()),
            index::region::BAR0 => self.write_registers(offset, from),
            _ => self.window(region).map_or(Ok(()), |window| window.write(offset, from)),
        }
    }

    /// What there is of a type of interrupts.
    pub(super) fn irq_info(&self, which: u32) -> Option<IrqInfo> {
        self.gpu.with(|gpu| Irqs::info(gpu.pci(), which))
    }

    /// Does what a client asks with its interrupts; whether what unmasks the wire has changed.
    ///
    /// # Errors
    ///
    /// As [`Irqs::set`].
    pub(super) fn set_irqs(&mut self, set: &SetIrqs<'_>, fds: Vec<OwnedFd>) -> Result<bool, Errno> {
        let change = self.irqs.set(set, fds)?;
        self.shared.listening.store(self.irqs.listening(), Relaxed);
        if let Change::Messages { kind, on } = change {
            self.gpu.with(|gpu| gpu.pci_mut().enable_messages(kind, on));
        }
        Ok(change == Change::Unmask)
    }

    /// The client's eventfds.
    pub(super) const fn irqs(&mut self) -> &mut Irqs {
        &mut self.irqs
    }

    /// The client's memory.
    pub(super) fn memory(&self) -> &ClientMemory {
        &self.memory
    }

    /// A client has come: it finds the windows decoded, as a user of VFIO does.
    pub(super) fn welcome(&self) {
        self.gpu.with(|gpu| gpu.pci_mut().enable_decode());
    }

    /// Signals an interrupt that the GPU knows nothing of.
    pub(super) fn spurious(&mut self) {
        match self.gpu.with(|gpu| gpu.pci().messages_by()) {
            Some(kind) => self.irqs.message(kind, 0),
            None => {
                self.irqs.signal(index::irq::INTX, 0);
            }
        }
    }

    /// Resets the GPU as VFIO does for its users: everything starts over but config space, which is put back as it was.
    /// The client's eventfds and memory stay.
    pub(super) fn reset(&mut self) {
        if self.gpu.with(|gpu| gpu.reset_keeping_config(clock::now())) {
            self.was_reset();
        }
    }

    /// Lets everything happen that is due, and tells the client of interrupts. Gives the time of the next event.
    pub(super) fn settle(&mut self) -> Option<u64> {
        let now = clock::now();
        let (message, intx, next, master) = self.gpu.with(|gpu| {
            gpu.advance(now);
            let message = gpu.next_message();
            let master = gpu.power() == Power::Present && gpu.pci().is_bus_master();
            (message, gpu.intx(), gpu.next_event(), master)
        });
        self.memory.set_master(master);
        if let Some(message) = message {
            self.irqs.message(message.kind, message.vector);
        }
        self.irqs.set_intx(intx);
        next
    }

    /// Time that faults of the registers ask to let pass, in ns.
    pub(super) fn take_delay(&self) -> u64 {
        self.registers.take_delay()
    }

    fn was_reset(&self) {
        Counters::add(&self.shared.counters.resets);
        self.shared.refreeze();
    }

    fn check(&self, region: u32, offset: u64, len: usize) -> Result<(), Errno> {
        let size = self.region(region).map_or(0, |region| region.size);
        match offset.checked_add(len as u64) {
            Some(end) if end <= size => Ok(()),
            _ => Err(Errno::INVAL),
        }
    }

    fn bar(&self, which: u32) -> Option<(u64, BarKind)> {
        self.gpu.with(|gpu| {
            let found = gpu.pci().bars().iter().find(|bar| u32::from(bar.index) == which);
            found.map(|bar| (bar.size, bar.kind))
        })
    }

    fn window(&self, which: u32) -> Option<&Window> {
        match which {
            index::region::BAR1 => Some(&self.windows[0]),
            index::region::BAR3 => Some(&self.windows[1]),
            _ => None,
        }
    }

    fn decodes(&self, region: u32) -> bool {
        let decodes = self.gpu.with(|gpu| {
            let function = gpu.pci();
            let on = match region {
                index::region::BAR5 => function.decodes_io(),
                _ => function.decodes_memory(),
            };
            // The registers tell themselves that the GPU is gone, and count the access.
            on && (region == index::region::BAR0 || gpu.power() == Power::Present)
        });
        if !decodes {
            Counters::add(&self.shared.counters.undecoded);
        }
        decodes
    }

    fn write_config(&mut self, offset: u64, from: &[u8]) -> Result<(), Errno> {
        let reset = self.gpu.with(|gpu| gpu.config_write(offset, from, clock::now()));
        if reset.map_err(|_| Errno::INVAL)?.is_some() {
            self.was_reset();
        }
        Ok(())
    }

    fn read_registers(&self, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        match self.msix_part(offset, into.len()) {
            Some(part) => self.msix.read(part, into),
            None => return self.registers.read(offset, into),
        }
        Ok(())
    }

    fn write_registers(&mut self, offset: u64, from: &[u8]) -> Result<(), Errno> {
        match self.msix_part(offset, from.len()) {
            Some(part) => self.msix.write(part, from),
            None => return self.registers.write(offset, from),
        }
        Ok(())
    }

    /// What of the MSI-X table an access is to. A GPU that is gone has none.
    fn msix_part(&self, offset: u64, len: usize) -> Option<Part> {
        self.msix.part(offset, len).filter(|_| self.gpu.with(|gpu| gpu.power()) == Power::Present)
    }
}

type Fresh = (Irqs, [Window; 2], MsixTable);

/// What every client begins with.
fn fresh(gpu: &Gpu, counters: &Arc<Counters>) -> Result<Fresh, Errno> {
    gpu.with(|gpu| {
        let function: &PciFunction = gpu.pci();
        let size = |which| function.bars().iter().find(|bar| bar.index == which).map_or(0, |bar| bar.size);
        let windows = [Window::new("nova-sim BAR1", size(1))?, Window::new("nova-sim BAR3", size(3))?];
        Ok((Irqs::new(function, counters), windows, MsixTable::new(function)))
    })
}
