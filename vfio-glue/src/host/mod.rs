//! A host for nova-core's drivers over devices in userspace.
//!
//! A [`Runtime`] is the threads: those that every host in userspace has ([`nova_backends::threads`]), and one that waits, in
//! one epoll, for the interrupts of all devices and calls the handlers. [`Runtime::plug`] takes a [`Device`] in, and
//! [`Plug::attach`] gives a host and a bus to probe a driver with:
//!
//! ```no_run
//! use std::sync::Arc;
//! use nova_core::driver::GpuDevice;
//! use nova_core::lifecycle::Outside;
//! use nova_vfio_glue::host::{Runtime, VfioHost};
//! use nova_vfio_glue::kernel::{self, Options};
//!
//! let runtime = Runtime::start(1)?;
//! let plug = runtime.plug(&kernel::open("0000:01:00.0".parse()?, &Options::default())?)?;
//! let gpu = Arc::new(GpuDevice::<VfioHost>::new());
//! plug.tend(&gpu);
//! let (host, bus) = plug.attach()?;
//! gpu.probe(&mut Outside::new(), gpu.clone(), host, bus).map_err(|error| format!("{error:?}"))?;
//! // ...
//! gpu.remove(&mut Outside::new())?;
//! plug.close();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How a device leaves
//!
//! * The driver asks ([`Event::Removal`]), the system wants the device back ([`Event::Request`]), or the device is found gone
//!   ([`Event::Lost`]): the owner is told on a thread that may wait, and [`Plug::tend`] is what most owners do then.
//! * [`Plug::close`], or dropping the last plug and host, leaves the device quiet: interrupts off, bus mastering off, no
//!   memory mapped, closed. Through the kernel's VFIO the same follows from the death of the process: the kernel resets
//!   the device when its file is closed.

mod dma;
mod interrupts;
mod iova;
mod plug;
mod reactor;
mod tend;
mod vfio_host;

pub use dma::{DmaSpace, VfioDma};
pub use interrupts::VfioInterrupt;
pub use plug::{Event, Plug};
pub use vfio_host::VfioHost;

use std::sync::Arc;

use nova_backends::threads::{self, Books, Config, Interrupts};
use nova_core::hal::Level;
use rustix::io::Errno;

use crate::device::{Device, Error, irq};
use reactor::Reactor;

/// Threads that devices run on. Clones are the same; they end with the last clone, plug and host.
#[derive(Debug, Clone)]
pub struct Runtime {
    threads: threads::Runtime,
    reactor: Arc<Reactor>,
}

impl Runtime {
    /// Starts the threads, `workers` of them for work items (at least one).
    ///
    /// # Errors
    ///
    /// When the operating system has no threads or file descriptors left.
    pub fn start(workers: usize) -> Result<Self, Error> {
        let reactor = Arc::new(Reactor::new()?);
        let bell = reactor.clone();
        let interrupts = Interrupts::Own(Box::new(move || bell.ring()));
        let config = Config { name: "vfio", workers, log_level: Level::Info, interrupts };
        let started = threads::Runtime::start(config).and_then(|threads| {
            let reactor = reactor.clone();
            threads.spawn("vfio-irq".to_owned(), move |books| reactor.run(books))?;
            Ok(threads)
        });
        let fail = |error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN);
        let threads = started.map_err(|error| Error::System { what: "threads", errno: fail(error) })?;
        Ok(Self { threads, reactor })
    }

    /// Takes a device in. It interrupts by MSI, MSI-X, or the pin, the first it has: GPUs re-arm the message at its source,
    /// which is there for MSI and MSI-X alike, and the pin needs two system calls for each interrupt.
    ///
    /// # Errors
    ///
    /// When the device cannot be asked for its interrupts, or there are no file descriptors left.
    pub fn plug(&self, device: &Arc<dyn Device>) -> Result<Plug, Error> {
        self.plug_with(device, &irq::KINDS)
    }

    /// Takes a device in that shall interrupt by one of these kinds ([`irq`]): the first it has.
    ///
    /// # Errors
    ///
    /// See [`plug`](Self::plug).
    pub fn plug_with(&self, device: &Arc<dyn Device>, kinds: &[u32]) -> Result<Plug, Error> {
        Plug::new(self, device, kinds)
    }

    /// What happened so far: calls, registrations, and what drivers logged at `Info` and above.
    pub fn books(&self) -> Books {
        self.threads.books()
    }
}
