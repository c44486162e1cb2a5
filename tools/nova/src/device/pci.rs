//! Real GPUs, read-only through sysfs.

use std::sync::Arc;
use std::time::Instant;

use nova_vfio_glue::sysfs::{self, Address, Function, Registers, Root};

use super::{About, Access, AnyBus, Opened, PciId, Spec};
use crate::error::{Code, Error, Result};
use crate::host::Machine;

/// The GPUs of this machine.
///
/// # Errors
///
/// When the PCI bus cannot be looked at.
pub(crate) fn functions() -> Result<Vec<Function>> {
    Root::from_env().list().map_err(|error| explain(&error, None))
}

/// Maps a GPU's registers for reading.
pub(super) fn open(spec: Spec, address: Address) -> Result<Opened> {
    map(spec, address, Registers::open)
}

/// Maps a GPU's registers for writing too, unless a kernel driver has it; that only with `force`.
pub(super) fn open_writable(spec: Spec, address: Address, force: bool) -> Result<Opened> {
    let function = Root::from_env().function(address).map_err(|error| explain(&error, Some(address)))?;
    if let (Some(driver), false) = (&function.driver, force) {
        let what =
            format!("{spec} is bound to {driver}, which knows nothing of what is written behind its back");
        return Err(Error::new(Code::Refused, what).next(format!("sudo nova bind {address}, or --force")));
    }
    map(spec, address, Registers::open_writable)
}

fn map(
    spec: Spec,
    address: Address,
    open: impl FnOnce(&Function) -> Result<Registers, sysfs::Error>,
) -> Result<Opened> {
    let fail = |error| explain(&error, Some(address));
    let function = Root::from_env().function(address).map_err(fail)?;
    let registers = open(&function).map_err(fail)?;
    let about = About {
        pci: Some(PciId {
            vendor: function.vendor,
            device: function.device,
            class: Some(function.class),
            revision: Some(function.revision),
        }),
        bar0_size: Some(function.bar0_size()),
        derived: Vec::new(),
        kernel_driver: function.driver.clone(),
    };
    let machine = Arc::new(RealTime { function, start: Instant::now() });
    Ok(Opened { spec, bus: AnyBus::new(registers), machine, about, access: Access::ReadOnly })
}

/// An error of sysfs, with what to do about it.
fn explain(error: &sysfs::Error, address: Option<Address>) -> Error {
    let code = match error {
        sysfs::Error::NoFunction { .. } | sysfs::Error::NotNvidia { .. } => Code::NoDevice,
        sysfs::Error::Permission { .. } => Code::Permission,
        sysfs::Error::NotDecoding { .. } => Code::Refused,
        _ => Code::Hardware,
    };
    let next = match (error, address) {
        (sysfs::Error::Permission { .. }, Some(address)) => format!("sudo nova -d pci:{address} info"),
        (sysfs::Error::NotDecoding { .. }, Some(address)) => {
            format!("sudo setpci -s {address} COMMAND=0002:0002")
        }
        _ => "nova list".to_owned(),
    };
    Error::new(code, error.to_string()).next(next)
}

/// A machine whose time is ours, and whose interrupts are the kernel's.
struct RealTime {
    function: Function,
    start: Instant,
}

impl Machine for RealTime {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn pass(&self, until: u64) {
        std::thread::sleep(std::time::Duration::from_nanos(until.saturating_sub(self.now())));
    }

    fn take_interrupt(&self) -> bool {
        false
    }

    fn is_real_time(&self) -> bool {
        true
    }

    fn pci_config(&self, offset: u16) -> Option<u32> {
        self.function.config(offset)
    }
}
