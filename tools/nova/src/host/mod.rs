//! The host of the single-device commands: one thread, an event loop, any machine.
//!
//! A driver runs on it exactly as on any other host. Nothing happens by itself: [`Local::step`] runs the
//! next callback that is due, or lets time pass until one is. So what a command prints depends only on
//! the device, and a recorded run can be replayed access by access.

mod entry;
mod jobs;
mod shared;
mod sync;

pub(crate) use entry::Entry;
pub(crate) use shared::Shared;
pub(crate) use sync::{Delay, Mutual, Signals};

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_core::hal::{
    Callback, Clock, Entrant, Host, HostError, HostErrorKind, Instant, Level, Log, Outcome,
};
use nova_core::lifecycle::CounterGate;
use nova_sim_glue::memory::AddressSpace;

use crate::device::AnyBus;
use crate::output;
use jobs::{Jobs, Kind};

/// Why a device is to be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The system wants it back.
    Asked,
    /// It is gone.
    Gone,
}

/// What a device is plugged into: its time and its interrupt messages.
pub(crate) trait Machine: Send + Sync {
    /// The time, in ns.
    fn now(&self) -> u64;
    /// Lets time pass until `until`, or until the device does something.
    fn pass(&self, until: u64);
    /// Whether an interrupt message has arrived; tells once.
    fn take_interrupt(&self) -> bool;
    /// Reads 32 bits of PCI config space, where there is one.
    fn pci_config(&self, _offset: u16) -> Option<u32> {
        None
    }
    /// Whether its time passes by itself.
    fn is_real_time(&self) -> bool {
        false
    }
    /// Whether, and why, whoever drives the device has to stop.
    fn end(&self) -> Option<End> {
        None
    }
    /// A driver wants interrupts from now on, or no longer.
    ///
    /// # Errors
    ///
    /// When the device has none.
    fn listen(&self, _on: bool) -> Result<(), HostError> {
        Ok(())
    }
    /// The interrupt has been handled: the next one may come.
    fn handled(&self) {}
    /// Memory that the device reaches; `None` where any will do, because no device looks at it.
    fn dma(&self, _len: usize, _address_bits: u32) -> Option<Result<Shared, HostError>> {
        None
    }
    /// Keeps the device from all memory.
    fn isolate(&self) {}
}

/// A reference to a device, as callbacks keep it.
pub(crate) type Handle = Arc<dyn Entrant>;

/// The host. Clones are the same host.
#[derive(Clone)]
pub(crate) struct Local(Arc<Inner>);

struct Inner {
    machine: Arc<dyn Machine>,
    memory: AddressSpace,
    /// Whether what the driver says is for nobody.
    silent: bool,
    jobs: Mutex<Jobs>,
    /// Told when an interrupt message is about to be handled.
    observer: Mutex<Option<Observer>>,
}

/// Told the time at which an interrupt message is handled.
pub(crate) type Observer = Box<dyn FnMut(u64) + Send>;

impl Local {
    /// A host on this machine.
    pub(crate) fn new(machine: Arc<dyn Machine>) -> Self {
        Self::make(machine, false)
    }

    /// A host that shows nothing of what the driver logs.
    pub(crate) fn silent(machine: Arc<dyn Machine>) -> Self {
        Self::make(machine, true)
    }

    fn make(machine: Arc<dyn Machine>, silent: bool) -> Self {
        Self(Arc::new(Inner {
            machine,
            silent,
            memory: AddressSpace::new(),
            jobs: Mutex::default(),
            observer: Mutex::default(),
        }))
    }

    /// Has `observer` told of every interrupt message, before it is handled.
    pub(crate) fn observe_interrupts(&self, observer: Observer) {
        *lock(&self.0.observer) = Some(observer);
    }

    /// Whether, and why, whoever drives the device has to stop.
    pub(crate) fn end(&self) -> Option<End> {
        self.0.machine.end()
    }

    /// Runs one callback that is due, or lets time pass until `until` at the latest. False when that
    /// is reached and nothing is left to do, or the device is to be left alone.
    pub(crate) fn step(&self, until: Instant) -> bool {
        self.poll();
        let now = self.0.machine.now();
        let job = self.jobs().start(now);
        if let Some((id, kind, callback)) = job {
            if let (Kind::Interrupt, Some(observer)) = (kind, lock(&self.0.observer).as_mut()) {
                observer(now);
            }
            let outcome = callback.call();
            // Of a refused one the source is still up: it is told when the driver enables the interrupt again.
            if kind == Kind::Interrupt && !matches!(outcome, Outcome::Refused(_)) {
                self.0.machine.handled();
            }
            self.jobs().finish(id, outcome);
            return true;
        }
        if now >= until.nanos() || self.end().is_some() {
            return false;
        }
        let next = self.jobs().next_due().unwrap_or(u64::MAX).min(until.nanos());
        self.0.machine.pass(next);
        true
    }

    /// Runs everything that is due before `until`. Work that queues itself again does not keep it from ending.
    pub(crate) fn run_until(&self, until: Instant) {
        while self.now() < until && self.step(until) {}
    }

    /// Fetches a message that has arrived.
    fn poll(&self) {
        if self.0.machine.take_interrupt() {
            self.jobs().message(self.0.machine.now());
        }
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        lock(&self.0.jobs)
    }

    fn register(&self, kind: Kind, callback: Callback<Handle>) -> Entry {
        let id = self.jobs().insert(kind, callback);
        Entry::new(self.clone(), id)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clock for Local {
    fn now(&self) -> Instant {
        Instant(self.0.machine.now())
    }
}

impl Log for Local {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        // For people: what the driver has to say of failures. That it is bound is what the command says.
        if level >= Level::Warn && !self.0.silent {
            output::note(message);
        }
    }
}

impl Host for Local {
    type Bus = AnyBus;
    type Handle = Handle;
    type Gate<const N: usize> = CounterGate<N>;
    type Lock<T: Send + 'static> = Mutual<T>;
    type Event = Signals;
    type Delay = Delay;
    type Interrupt = Entry;
    type Work = Entry;
    type DelayedWork = Entry;
    type Timer = Entry;
    type Dma = Shared;

    const KEEP_ROLL: bool = true;

    fn delay(&self) -> Delay {
        Delay::new(self.0.machine.clone())
    }

    fn interrupt(&self, vector: u32, callback: Callback<Handle>) -> Result<Entry, HostError> {
        match vector {
            0 => {
                self.0.machine.listen(true)?;
                Ok(self.register(Kind::Interrupt, callback))
            }
            _ => Err(HostError::new(HostErrorKind::NoResource, "interrupt vector")),
        }
    }

    fn work(&self, callback: Callback<Handle>) -> Result<Entry, HostError> {
        Ok(self.register(Kind::Work, callback))
    }

    fn delayed_work(&self, callback: Callback<Handle>) -> Result<Entry, HostError> {
        Ok(self.register(Kind::DelayedWork, callback))
    }

    fn timer(&self, callback: Callback<Handle>) -> Result<Entry, HostError> {
        Ok(self.register(Kind::Timer, callback))
    }

    fn dma(&self, len: usize, address_bits: u32) -> Result<Shared, HostError> {
        let of_machine = self.0.machine.dma(len, address_bits);
        of_machine.unwrap_or_else(|| self.0.memory.allocate(len, address_bits).map(Shared::new))
    }

    fn isolate(&self) {
        self.0.memory.isolate(true);
        self.0.machine.isolate();
    }

    fn pci_config(&self, offset: u16) -> Option<u32> {
        self.0.machine.pci_config(offset)
    }
}
