// SPDX-License-Identifier: GPL-2.0

//! The kernel as a host of the driver core.

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use embedded_hal::delay::DelayNs;
use kernel::prelude::*;
use kernel::sync::{Arc, SetOnce};
use kernel::time::delay::{fsleep, udelay};
use kernel::time::Delta;
use nova_core::hal::{Callback, Clock, Event, Host, HostError, HostErrorKind, Instant, Level, Log};
use nova_core::lifecycle::{Place, ShardedGate};

use crate::card::{Card, Handle};
use crate::entry::{DelayedEntry, IrqEntry, TimerEntry, WorkEntry};
use crate::raw::dma::Coherent;
use crate::raw::lock::IrqLock;
use crate::raw::pci::{Function, Registers};
use crate::raw::task;
use crate::raw::wait::WaitQueue;
use crate::raw::work::WorkQueue;

/// Copies of the gate's counters; processors that are that many apart share one.
const SHARDS: usize = 8;

/// The kernel, for the driver of one device.
pub(crate) struct KernelHost {
    card: Arc<Card>,
    function: Arc<Function>,
}

impl KernelHost {
    /// The host of a card.
    pub(crate) fn new(card: Arc<Card>, function: Arc<Function>) -> Self {
        Self { card, function }
    }

    /// The queue for its work.
    pub(crate) fn queue(&self) -> &Arc<WorkQueue> {
        &self.card.shared.queue
    }
}

impl Clock for KernelHost {
    #[inline]
    fn now(&self) -> Instant {
        Instant(task::monotonic_ns())
    }
}

impl Log for KernelHost {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        let dev = self.card.dev().as_ref();
        match level {
            Level::Debug => dev.pr_dbg(format_args!("{message}\n")),
            Level::Info => dev.pr_info(format_args!("{message}\n")),
            Level::Warn => dev.pr_warn(format_args!("{message}\n")),
            Level::Error => dev.pr_err(format_args!("{message}\n")),
        }
    }
}

/// What the kernel answered, as the driver core takes it.
fn failed(what: &'static str) -> impl Fn(Error) -> HostError {
    move |error| {
        let kind = match error {
            ENOMEM => HostErrorKind::NoMemory,
            EBUSY => HostErrorKind::Busy,
            EINVAL | ENOSPC | ENODEV => HostErrorKind::NoResource,
            _ => HostErrorKind::Other,
        };
        HostError::new(kind, what)
    }
}

impl Host for KernelHost {
    type Bus = Registers;
    type Handle = Handle;
    type Gate<const N: usize> = ShardedGate<Cpu, SHARDS, N>;
    type Lock<T: Send + 'static> = IrqLock<T>;
    type Event = KernelEvent;
    type Delay = KernelDelay;
    type Interrupt = IrqEntry;
    type Work = WorkEntry;
    type DelayedWork = DelayedEntry;
    type Timer = TimerEntry;
    type Dma = Coherent;

    const KEEP_ROLL: bool = cfg!(nova_debug);

    fn delay(&self) -> KernelDelay {
        KernelDelay
    }

    fn interrupt(&self, vector: u32, callback: Callback<Handle>) -> Result<IrqEntry, HostError> {
        IrqEntry::new(&self.card, &self.function, vector, callback).map_err(failed("interrupt vector"))
    }

    fn work(&self, callback: Callback<Handle>) -> Result<WorkEntry, HostError> {
        WorkEntry::new(self.queue(), callback).map_err(failed("work item"))
    }

    fn delayed_work(&self, callback: Callback<Handle>) -> Result<DelayedEntry, HostError> {
        DelayedEntry::new(self.queue(), callback).map_err(failed("delayed work item"))
    }

    fn timer(&self, callback: Callback<Handle>) -> Result<TimerEntry, HostError> {
        TimerEntry::new(callback).map_err(failed("timer"))
    }

    fn dma(&self, len: usize, address_bits: u32) -> Result<Coherent, HostError> {
        Coherent::new(&self.function, len, address_bits)
    }

    fn relax(&self) {
        nap();
    }

    fn removal_requested(&self) {
        self.card.remove_soon();
    }

    fn isolate(&self) {
        self.function.clear_master();
    }

    fn pci_config(&self, offset: u16) -> Option<u32> {
        self.function.config(offset)
    }

    fn coarse_now(&self) -> Instant {
        Instant(task::coarse_ns())
    }
}

/// Lets others run, for about as long as a callback takes.
pub(crate) fn nap() {
    fsleep(Delta::from_micros(50));
}

/// The processor we are on; a hint, so it does not matter when we are moved right after.
pub(crate) struct Cpu;

impl Place for Cpu {
    #[inline]
    fn here() -> usize {
        kernel::cpu::CpuId::current().as_u32() as usize
    }
}

/// A delay in a context that may sleep, which are the ones that get at a host.
pub(crate) struct KernelDelay;

impl DelayNs for KernelDelay {
    fn delay_ns(&mut self, ns: u32) {
        match i64::from(ns.div_ceil(1_000)) {
            us @ 0..=9 => udelay(Delta::from_micros(us)),
            us => fsleep(Delta::from_micros(us)),
        }
    }
    fn delay_us(&mut self, us: u32) {
        fsleep(Delta::from_micros(us.into()));
    }
    fn delay_ms(&mut self, ms: u32) {
        fsleep(Delta::from_millis(ms.into()));
    }
}

/// Signals counted, and a queue of who waits for one.
pub(crate) struct KernelEvent {
    epoch: AtomicU32,
    queue: SetOnce<Arc<WaitQueue>>,
}

impl KernelEvent {
    /// Wakes this queue from now on. Called before anybody can wait.
    pub(crate) fn wake_with(&self, queue: Arc<WaitQueue>) {
        self.queue.populate(queue);
    }
}

impl Event for KernelEvent {
    const NEW: Self = Self { epoch: AtomicU32::new(0), queue: SetOnce::new() };

    fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    fn signal(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
        // Its lock orders the count before the look at who waits.
        if let Some(queue) = self.queue.as_ref() {
            queue.wake();
        }
    }

    fn wait(&self, seen: u32, until: Instant) {
        if let Some(queue) = self.queue.as_ref() {
            queue.sleep(until.nanos(), || self.epoch() != seen);
        }
    }
}
