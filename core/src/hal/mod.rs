//! What a host gives to a driver: time, interrupts, work, timers, DMA memory, a lock and a log.
//!
//! A *host* is the world a driver runs in: a kernel, a userspace process, a microcontroller, the
//! simulator. It implements [`Host`] once and every driver on nova-core runs in it.
//!
//! The one rule that carries the lifecycle: a host calls a driver only through a [`Callback`], and
//! after [`Registration::cancel`] has returned it is not inside that callback and never calls it again.
//!
//! Hosts to use or to begin from: `nova_sim_glue::world` (simulated time, from a seed), `nova_sim_glue::threads` (real threads),
//! `nova_vfio_glue::host` (a process with a real GPU), `kernel-glue` (Linux), and one for a microcontroller without an allocator
//! in `docs/bare-metal.md`.

mod callback;
mod dma;
mod error;
mod event;
mod lock;
pub(crate) mod log;
mod register;
mod time;
mod with_bus;

pub use callback::{Callback, Entrant, Irq, Outcome, Rearm, Ticket};
pub use dma::{DmaMemory, DmaRangeError};
pub use error::{HostError, HostErrorKind};
pub use event::Event;
pub use lock::Lock;
pub use log::{Level, Log};
pub use register::{DelayedWork, Interrupt, Registration, Timer, Work};
pub use time::{Clock, Instant, Nanos};
pub use with_bus::WithBus;

use core::ops::Deref;

use embedded_hal::delay::DelayNs;

use crate::bus::Bus;
use crate::lifecycle::Gate;

/// A world a driver can run in.
pub trait Host: Clock + Log + Sized + Send + Sync + 'static {
    /// The register bus of the device. Dropping it releases the mapping.
    type Bus: Bus + Send + Sync + 'static;
    /// A counted or static reference to the device, kept in every callback: `Arc<dyn Entrant>`,
    /// `&'static dyn Entrant`, a kernel `Arc`.
    type Handle: Deref<Target: Entrant> + Clone + Send + Sync + 'static;
    /// The gate of a device with `N` lanes.
    type Gate<const N: usize>: Gate;
    /// Mutual exclusion that is also good against this host's interrupt handlers.
    type Lock<T: Send + 'static>: Lock<T>;
    /// What sessions block on.
    type Event: Event;
    /// A blocking delay.
    type Delay: DelayNs;
    /// A requested interrupt.
    type Interrupt: Interrupt;
    /// A work item.
    type Work: Work;
    /// A work item that can be queued for later.
    type DelayedWork: DelayedWork;
    /// A one-shot timer.
    type Timer: Timer;
    /// Memory the device can reach.
    type Dma: DmaMemory;

    /// A delay provider.
    fn delay(&self) -> Self::Delay;

    /// Requests interrupt vector `vector`, disabled until [`Interrupt::enable`].
    ///
    /// # Errors
    ///
    /// When there is no such vector, or it cannot be had.
    fn interrupt(&self, vector: u32, callback: Callback<Self::Handle>) -> Result<Self::Interrupt, HostError>;

    /// Makes a work item.
    ///
    /// # Errors
    ///
    /// When there is no memory for it.
    fn work(&self, callback: Callback<Self::Handle>) -> Result<Self::Work, HostError>;

    /// Makes a delayed work item.
    ///
    /// # Errors
    ///
    /// When there is no memory for it.
    fn delayed_work(&self, callback: Callback<Self::Handle>) -> Result<Self::DelayedWork, HostError>;

    /// Makes a timer.
    ///
    /// # Errors
    ///
    /// When there is no memory for it.
    fn timer(&self, callback: Callback<Self::Handle>) -> Result<Self::Timer, HostError>;

    /// Allocates `len` bytes of zeroed memory that the device can reach with `address_bits` bits of
    /// bus address, aligned to 4096 bytes.
    ///
    /// # Errors
    ///
    /// When there is no such memory.
    fn dma(&self, len: usize, address_bits: u32) -> Result<Self::Dma, HostError>;

    /// Lets others run; called between two looks of a wait that is not inside any callback. A host with
    /// a scheduler yields or sleeps here: the one that is waited for may need this very CPU.
    fn relax(&self) {
        crate::sync::spin_loop();
    }

    /// The driver asked for removal from inside a callback, or the device was lost. The host calls
    /// [`Device::remove_if_requested`](crate::lifecycle::Device::remove_if_requested) from a context of
    /// its own, soon, and again while that answers `Busy` or `Blocked`. Called inside the gate, from any
    /// context, interrupts included, so it only takes a note.
    fn removal_requested(&self) {}

    /// Keeps the device from reaching memory from now on: bus mastering off, mappings taken away.
    ///
    /// Called on remove between quiescing and freeing, so that a device which did not take its orders,
    /// or cannot be talked to, does not write to memory that is freed next.
    fn isolate(&self) {}

    /// Reads 32 bits of the device's PCI config space at a multiple of four, where there is one and
    /// the host can.
    fn pci_config(&self, _offset: u16) -> Option<u32> {
        None
    }

    /// Whether the device writes down who comes in and when, for
    /// [`Device::inside`](crate::lifecycle::Device::inside) and for a removal that waits. It costs every
    /// entry a look at the clock and a few atomic instructions; without it, nothing.
    const KEEP_ROLL: bool = false;

    /// The time for the roll and the history: any look at the clock that is cheap, though it may be some
    /// milliseconds old.
    fn coarse_now(&self) -> Instant {
        self.now()
    }

    /// How long [`Device::remove`](crate::lifecycle::Device::remove) waits for callbacks to leave
    /// before it gives up and names the one that stays.
    const REMOVE_LIMIT: Nanos = Nanos::from_secs(60);
}
