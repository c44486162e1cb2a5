//! GPUs that nova's kernel module drives: `/dev/novaN`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_core::bus::{Bus, Offset, Place as _};
use nova_core::regs::pmc::{NV_PMC_BOOT_0, NV_PMC_BOOT_1, NV_PMC_BOOT_42};
use nova_kernel_client::{Device, Error as CallError, Kind, Registers};
use nova_vfio_glue::sysfs::{Address, Root};

use super::{About, Access, AnyBus, Opened, PciId, Spec};
use crate::error::{Code, Error, Result};
use crate::host::{End, Machine};

/// The open file of a GPU that the kernel drives.
#[derive(Clone)]
pub(crate) struct KernelDevice {
    device: Arc<Device>,
    path: String,
    /// Its PCI address.
    address: String,
}

/// Opens the device.
pub(super) fn open(spec: Spec, path: &Path) -> Result<Opened> {
    let path_text = path.display().to_string();
    let device = Device::open(path).map_err(|error| explain(&error, &path_text))?;
    let info = device.info().map_err(|error| explain(&error, &path_text))?;
    let address =
        format!("{:04x}:{:02x}:{:02x}.{}", info.pci_domain, info.pci_bus, info.pci_slot, info.pci_function);
    let about = About {
        pci: Some(PciId {
            vendor: info.pci_vendor,
            device: info.pci_device,
            class: Some(info.pci_class),
            revision: Some(info.pci_revision),
        }),
        bar0_size: Some(info.bar0_size),
        derived: Vec::new(),
        kernel_driver: driver(&address),
    };
    let kernel = KernelDevice { device: Arc::new(device), path: path_text, address };
    let known = [
        (NV_PMC_BOOT_0.offset().bytes(), info.boot0),
        (NV_PMC_BOOT_1.offset().bytes(), info.boot1),
        (NV_PMC_BOOT_42.offset().bytes(), info.boot42),
    ];
    let bus = AnyBus::new(Identified { registers: Registers::new(kernel.device.clone()), known });
    let machine = Arc::new(RealTime { kernel: kernel.clone(), start: Instant::now() });
    Ok(Opened { spec, bus, machine, about, access: Access::Kernel(kernel) })
}

/// The driver at that address as the kernel names it, where there is a sysfs that tells.
fn driver(address: &str) -> Option<String> {
    let address: Address = address.parse().ok()?;
    Root::from_env().function(address).ok()?.driver
}

impl KernelDevice {
    /// Makes calls on the device; an error comes with what to do next.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub(crate) fn call<R>(&self, f: impl FnOnce(&Device) -> Result<R, CallError>) -> Result<R> {
        f(&self.device).map_err(|error| explain(&error, &self.path))
    }

    /// The error for what cannot be had while the kernel drives the device.
    pub(crate) fn refuse(&self, what: &str) -> Error {
        let Self { path, address, .. } = self;
        let what = format!("{what} is not offered by {path}: the kernel's driver has the device to itself");
        Error::new(Code::Refused, what)
            .next(format!("sudo nova bind {address} && nova -d vfio:{address} ..."))
    }
}

/// An error of the device, with what to do about it.
fn explain(error: &CallError, path: &str) -> Error {
    let code = match error.kind() {
        Kind::Gone => Code::NoDevice,
        Kind::Permission => Code::Permission,
        Kind::Timeout | Kind::Interrupted => Code::Timeout,
        Kind::Hardware => Code::Hardware,
        Kind::Argument => Code::Usage,
        _ => Code::Refused,
    };
    let next = match (error, error.kind()) {
        (_, Kind::Permission) => format!("sudo nova -d dev:{path} info"),
        (CallError::NotNova { .. }, _) => "ls -l /dev/nova*".to_owned(),
        (_, Kind::Gone) => "nova list".to_owned(),
        _ => format!("nova -d dev:{path} info"),
    };
    Error::new(code, error.to_string()).next(next)
}

/// BAR0 as the kernel reads it for root, and what identifies the GPU for everybody.
struct Identified {
    registers: Registers,
    known: [(u32, u32); 3],
}

impl Bus for Identified {
    type Error = CallError;

    fn read8(&self, at: Offset<u8>) -> Result<u8, CallError> {
        self.registers.read8(at)
    }
    fn read16(&self, at: Offset<u16>) -> Result<u16, CallError> {
        self.registers.read16(at)
    }
    fn read32(&self, at: Offset<u32>) -> Result<u32, CallError> {
        let known = self.known.iter().find(|(known, _)| *known == at.bytes());
        match (self.registers.read32(at), known) {
            (Err(error), Some((_, value))) if error.kind() == Kind::Permission => Ok(*value),
            (read, _) => read,
        }
    }
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), CallError> {
        self.registers.write8(at, value)
    }
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), CallError> {
        self.registers.write16(at, value)
    }
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), CallError> {
        self.registers.write32(at, value)
    }
}

/// A machine whose time is ours, and whose interrupts are the kernel's.
struct RealTime {
    kernel: KernelDevice,
    start: Instant,
}

/// How often a sleep looks whether the device is still there: what is polled for also comes with interrupts.
const LOOK: Duration = Duration::from_millis(50);

impl Machine for RealTime {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn pass(&self, until: u64) {
        let left = Duration::from_nanos(until.saturating_sub(self.now()));
        match self.kernel.device.poll(left) {
            // Interrupts go on coming, and are not what was waited for.
            Ok(Some(ready)) if !ready.gone => std::thread::sleep(left.min(LOOK)),
            _ => {}
        }
    }

    fn take_interrupt(&self) -> bool {
        false
    }

    fn is_real_time(&self) -> bool {
        true
    }

    fn end(&self) -> Option<End> {
        let gone =
            self.kernel.device.poll(Duration::ZERO).is_ok_and(|ready| ready.is_some_and(|now| now.gone));
        gone.then_some(End::Gone)
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn errors_of_the_kernel_come_with_an_exit_code_and_a_next_step() {
        let call = |errno| explain(&CallError::Call { call: "time", errno }, "/dev/nova0");
        for (errno, code, next) in [
            (Errno::NODEV, Code::NoDevice, "nova list"),
            (Errno::PERM, Code::Permission, "sudo nova -d dev:/dev/nova0 info"),
            (Errno::TIMEDOUT, Code::Timeout, "nova -d dev:/dev/nova0 info"),
            (Errno::IO, Code::Hardware, "nova -d dev:/dev/nova0 info"),
            (Errno::AGAIN, Code::Refused, "nova -d dev:/dev/nova0 info"),
            (Errno::NOTTY, Code::Refused, "nova -d dev:/dev/nova0 info"),
        ] {
            let error = call(errno);
            assert_eq!(error.code(), code, "{error}");
            assert!(error.to_string().ends_with(&format!("; try: {next}")), "{error}");
        }
    }
}
