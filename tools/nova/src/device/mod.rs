//! Devices: what `-d` opens.

mod bus;
mod dev;
mod pci;
mod replay;
mod sim;
mod spec;
mod trace_file;
mod vfio;

pub(crate) use bus::{AnyBus, BusError};
pub(crate) use dev::KernelDevice;
pub(crate) use pci::functions;
pub(crate) use replay::{Cursor, INTERRUPT_MARK, Script};
pub(crate) use sim::{Injector, SimMachine, plug};
pub(crate) use spec::{Spec, address, quoted};
pub(crate) use trace_file::TraceFile;

use std::sync::Arc;

use nova_core::Error as CoreError;
use nova_core::bus::{Io, Place as _};
use nova_core::chip::{Chip, firewall};
use nova_core::regs::pmc::NV_PMC_BOOT_0;

use crate::error::{Code, Error, Result};
use crate::host::Machine;

/// What kind of device was opened, and with it what can be done.
#[derive(Clone)]
pub(crate) enum Access {
    /// A driver can be bound to it.
    Full,
    /// A real GPU, for reading only.
    ReadOnly,
    /// What a trace says its registers read.
    Recorded,
    /// A real GPU that the kernel drives, and the calls that the kernel takes for it.
    Kernel(KernelDevice),
}

/// What is known of a device apart from its registers.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    /// PCI vendor, device, class and revision.
    pub(crate) pci: Option<PciId>,
    /// Size of BAR0 in bytes.
    pub(crate) bar0_size: Option<u64>,
    /// Identification registers whose values are made up by rule, for want of an observed one.
    pub(crate) derived: Vec<&'static str>,
    /// The kernel driver that has it.
    pub(crate) kernel_driver: Option<String>,
}

/// How a device shows itself on PCI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PciId {
    /// Vendor.
    pub(crate) vendor: u16,
    /// Device.
    pub(crate) device: u16,
    /// Class code, 24 bits, where it is known.
    pub(crate) class: Option<u32>,
    /// Revision, where it is known.
    pub(crate) revision: Option<u8>,
}

/// An opened device.
pub(crate) struct Opened {
    /// What was asked for.
    pub(crate) spec: Spec,
    /// Its registers.
    pub(crate) bus: AnyBus,
    /// Its time and its interrupts.
    pub(crate) machine: Arc<dyn Machine>,
    /// What else is known.
    pub(crate) about: About,
    /// What can be done with it.
    pub(crate) access: Access,
}

impl Opened {
    /// Opens the device that `text` describes.
    ///
    /// # Errors
    ///
    /// When it makes no sense, or there is no such device.
    pub(crate) fn open(text: &str) -> Result<Self> {
        let spec: Spec = text.parse()?;
        match &spec {
            Spec::Sim(sim) => sim::open(spec.clone(), &sim.spec),
            Spec::Replay(path) => replay::open(spec.clone(), path),
            Spec::Pci(address) => pci::open(spec.clone(), *address),
            Spec::Dev(path) => dev::open(spec.clone(), path),
            Spec::VfioUser(path) => vfio::connect(spec.clone(), path),
            Spec::Vfio { address, no_iommu } => vfio::open(spec.clone(), *address, *no_iommu),
        }
    }

    /// Opens the device that `text` describes, to write its registers. One that a kernel driver has only with `force`.
    ///
    /// # Errors
    ///
    /// As [`Opened::open`], and for a device that cannot be written or is somebody else's.
    pub(crate) fn open_to_write(text: &str, force: bool) -> Result<Self> {
        let spec: Spec = text.parse()?;
        if let Spec::Pci(address) = &spec {
            return pci::open_writable(spec.clone(), *address, force);
        }
        let opened = Self::open(text)?;
        opened.need_driver("writing registers")?;
        Ok(opened)
    }

    /// Which chip it is, looked at without binding a driver.
    ///
    /// # Errors
    ///
    /// When it is none that nova can drive.
    pub(crate) fn identify(&self) -> Result<Chip> {
        use nova_core::chip::Unsupported;
        Chip::identify(Io::new(&self.bus)).map_err(|error| match error {
            CoreError::Unsupported(Unsupported::Gone)
                if firewall::is_up(|at| self.machine.pci_config(at)) =>
            {
                self.refine(CoreError::Unsupported(Unsupported::Firewall))
            }
            other => self.refine(other),
        })
    }

    /// Fails if the device is gone: a register that reads all ones may also just have that value.
    ///
    /// # Errors
    ///
    /// When `BOOT_0` too reads all ones, which it does of no GPU.
    pub(crate) fn check_alive(&self) -> Result<()> {
        // Of a recording without BOOT_0 nothing can be told.
        if self.bus.read(NV_PMC_BOOT_0.offset().bytes(), 4) != Ok(u32::MAX) {
            return Ok(());
        }
        let gone = Error::new(Code::NoDevice, "the GPU is gone: all registers read 0xffffffff");
        Err(self.identify().err().unwrap_or(gone))
    }

    /// The error of an access, with what the bus itself had to say.
    pub(crate) fn refine(&self, error: CoreError) -> Error {
        let why = matches!(error, CoreError::Bus { .. }).then(|| self.bus.take_failure()).flatten();
        why.map_or_else(|| Error::from(error), Error::from)
            .or_next(format!("nova -d {} reg read NV_PMC_BOOT_0", self.spec.quoted()))
    }

    /// Fails unless a driver can be bound to the device.
    ///
    /// # Errors
    ///
    /// For a device that can only be read.
    pub(crate) fn need_driver(&self, what: &str) -> Result<()> {
        let why = match &self.access {
            Access::Full => return Ok(()),
            Access::ReadOnly => "is opened read-only",
            Access::Recorded => "is a recording",
            Access::Kernel(kernel) => return Err(kernel.refuse(what)),
        };
        Err(Error::new(
            Code::Refused,
            format!("{what} needs a device that can be driven, and {} {why}", self.spec),
        )
        .next("nova -d sim:ga102 ..."))
    }
}
