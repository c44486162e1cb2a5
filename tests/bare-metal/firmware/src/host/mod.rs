//! A host without an operating system, on one processor: interrupts, a main loop, and statics.
//!
//! | the driver asks for | it gets |
//! |---|---|
//! | a handle | `&'static dyn Entrant`: the device cell is a static |
//! | a lock | a critical section |
//! | time and timers | the machine's timer |
//! | an interrupt | one that the machine lets software raise; a real GPU's would be the PCIe bridge's |
//! | work | the main loop |
//! | DMA memory | pages of a static |
//! | an event to wait on | a counter, and the main loop again |
//!
//! It knows one bus, that of the model in [`gpu`]. With another bus it is a host for another device.

mod event;
mod lock;
mod queue;
mod slots;

pub(crate) use lock::CsLock;
pub(crate) use queue::turn;
pub(crate) use slots::{calls, registered};

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use defmt::Display2Format;
use embedded_hal::delay::DelayNs;
use nova_backends::dma::{DmaPool, PoolMemory};
use nova_core::hal::{Callback, Clock, Entrant, Host, HostError, HostErrorKind, Instant, Level, Log, Nanos};
use nova_core::lifecycle::CounterGate;

use crate::{gpu, platform};
use event::Signal;
use slots::{Kind, Registered};

/// How drivers' callbacks refer to their device.
pub(crate) type Handle = &'static dyn Entrant;

/// The longest time between two interrupts of the machine's timer.
const LONGEST_SLEEP: Nanos = Nanos::from_millis(1);

/// Pages for DMA. The model reads none of them, so the address is one of the model's world.
static POOL: DmaPool<1> = DmaPool::new(0x1000_0000);

static REMOVALS: AtomicU32 = AtomicU32::new(0);
static ISOLATIONS: AtomicU32 = AtomicU32::new(0);

/// The host. All its state is in statics: there is one machine.
pub(crate) struct BareHost;

/// How often removal was asked for.
pub(crate) fn removals() -> u32 {
    REMOVALS.load(Ordering::Relaxed)
}

/// How often the device was kept from reaching memory.
pub(crate) fn isolations() -> u32 {
    ISOLATIONS.load(Ordering::Relaxed)
}

/// Pages of DMA memory that are free.
pub(crate) fn free_pages() -> usize {
    POOL.free_pages()
}

/// The machine's timer has interrupted.
pub(crate) fn on_timer() {
    let now = platform::now();
    gpu::advance();
    slots::expire(now);
    reprogram();
}

/// The GPU has sent a message.
pub(crate) fn on_gpu_interrupt() {
    slots::interrupt();
}

/// Sets the machine's timer to what is due next.
pub(crate) fn reprogram() {
    wake_by(Instant(u64::MAX));
}

/// The same, and not later than `until`.
fn wake_by(until: Instant) {
    critical_section::with(|_| {
        let latest = until.min(platform::now() + LONGEST_SLEEP);
        let due = [slots::due(), gpu::due()].into_iter().flatten().fold(latest, Ord::min);
        platform::set_alarm(due);
    });
}

impl Clock for BareHost {
    fn now(&self) -> Instant {
        platform::now()
    }
}

impl Log for BareHost {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        // What is less important comes from core itself, which logs through defmt as well.
        match level {
            Level::Error => defmt::error!("{}", Display2Format(&message)),
            Level::Warn => defmt::warn!("{}", Display2Format(&message)),
            Level::Info | Level::Debug => (),
        }
    }
}

impl Host for BareHost {
    type Bus = gpu::Bus;
    type Handle = Handle;
    type Gate<const N: usize> = CounterGate<N>;
    type Lock<T: Send + 'static> = CsLock<T>;
    type Event = Signal;
    type Delay = Delay;
    type Interrupt = Registered;
    type Work = Registered;
    type DelayedWork = Registered;
    type Timer = Registered;
    type Dma = PoolMemory<1>;

    const KEEP_ROLL: bool = true;
    const REMOVE_LIMIT: Nanos = Nanos::from_millis(100);

    fn delay(&self) -> Delay {
        Delay
    }

    fn interrupt(&self, vector: u32, callback: Callback<Handle>) -> Result<Registered, HostError> {
        if vector != 0 {
            return Err(HostError::new(HostErrorKind::NoResource, "interrupt vector"));
        }
        slots::register(Kind::Interrupt, callback)
    }

    fn work(&self, callback: Callback<Handle>) -> Result<Registered, HostError> {
        slots::register(Kind::Work, callback)
    }

    fn delayed_work(&self, callback: Callback<Handle>) -> Result<Registered, HostError> {
        slots::register(Kind::DelayedWork, callback)
    }

    fn timer(&self, callback: Callback<Handle>) -> Result<Registered, HostError> {
        slots::register(Kind::Timer, callback)
    }

    fn dma(&self, len: usize, address_bits: u32) -> Result<PoolMemory<1>, HostError> {
        POOL.alloc(len, address_bits)
    }

    fn relax(&self) {
        // Whoever is waited for may be in the queue.
        queue::run();
    }

    fn removal_requested(&self) {
        REMOVALS.fetch_add(1, Ordering::Relaxed);
    }

    fn isolate(&self) {
        ISOLATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

/// A delay on the machine's clock.
pub(crate) struct Delay;

impl DelayNs for Delay {
    fn delay_ns(&mut self, ns: u32) {
        let end = platform::now() + Nanos(ns.into());
        while platform::now() < end {
            core::hint::spin_loop();
        }
    }
}
