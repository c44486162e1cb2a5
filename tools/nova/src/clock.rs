//! The time of a device, whatever it takes.

use nova_core::bus::Io;
use nova_core::driver::Gpu;
use nova_core::hal::Nanos;
use nova_core::units::pri::Checked;
use nova_core::units::timer::{self, View};

use crate::bench::Bench;
use crate::device::{Access, KernelDevice, Opened};
use crate::error::Result;

/// The clock of a device: through the driver, or bare where none can be bound.
pub(crate) enum Clock<'a> {
    /// Through a driver of ours.
    Bound(Box<Bench>),
    /// Through the kernel's.
    Kernel { opened: &'a Opened, kernel: &'a KernelDevice },
    /// By reading its registers.
    Bare { opened: &'a Opened, boot0: u32 },
}

impl<'a> Clock<'a> {
    /// The clock of this device; binds a driver where that can be done.
    ///
    /// # Errors
    ///
    /// When the device cannot be driven or identified.
    pub(crate) fn of(opened: &'a Opened) -> Result<Self> {
        Ok(match &opened.access {
            Access::Full => Self::Bound(Box::new(Bench::probe(opened)?)),
            Access::Kernel(kernel) => Self::Kernel { opened, kernel },
            Access::ReadOnly | Access::Recorded => Self::Bare { opened, boot0: opened.identify()?.boot0() },
        })
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// When the device has no time or does not tell it.
    pub(crate) fn read(&mut self, view: View) -> Result<u64> {
        match self {
            Self::Bound(bench) => bench.call(|cx| Gpu::timer(cx).now_through(view)),
            Self::Kernel { kernel, .. } => {
                let time = kernel.call(|device| device.time(view == View::Ptimer))?;
                Ok(time.gpu_ns)
            }
            Self::Bare { opened, boot0 } => {
                let io = Checked::new(Io::new(&opened.bus), *boot0);
                timer::time(io, view).map_err(|error| opened.refine(error))
            }
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, span: Nanos) {
        match self {
            Self::Bound(bench) => bench.run_for(span),
            Self::Bare { opened, .. } | Self::Kernel { opened, .. } => {
                let machine = &opened.machine;
                let until = machine.now().saturating_add(span.get());
                while machine.is_real_time() && machine.now() < until && machine.end().is_none() {
                    machine.pass(until);
                }
            }
        }
    }
}
