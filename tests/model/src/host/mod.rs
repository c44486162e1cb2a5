//! A host made of the checker's primitives: the smallest that keeps a host's promises.

mod bus;
mod event;
mod slot;

pub use bus::ModelBus;
pub use event::{FOREVER, ModelEvent};
pub use slot::{Slot, Timed};

use core::fmt;
use std::sync::Arc;

use embedded_hal::delay::DelayNs;
use nova_core::hal::{
    Callback, Clock, DmaMemory, DmaRangeError, Entrant, Host, HostError, HostErrorKind, Instant, Level, Lock,
    Log, Nanos,
};
use nova_core::lifecycle::CounterGate;

use crate::checker::sync::Mutex;
use crate::driver::Entry;
use crate::world::World;

/// A device, as the host keeps it.
pub type Handle = Arc<dyn Entrant>;

/// The host of one binding.
pub struct ModelHost {
    pub(crate) world: Arc<World>,
    pub(crate) binding: u32,
}

impl Drop for ModelHost {
    fn drop(&mut self) {
        self.world.ledger.host_dropped();
    }
}

impl ModelHost {
    fn register(&self, entry: Entry, callback: Callback<Handle>) -> Timed {
        Timed(self.world.register(entry, callback))
    }
}

impl Host for ModelHost {
    type Bus = ModelBus;
    // The standard `Arc`: it orders less than the checker's, and no model is about reference counts.
    type Handle = Handle;
    type Gate<const N: usize> = CounterGate<N>;
    type Lock<T: Send + 'static> = ModelLock<T>;
    type Event = ModelEvent;
    type Delay = NoDelay;
    type Interrupt = Timed;
    type Work = Timed;
    type DelayedWork = Timed;
    type Timer = Timed;
    type Dma = NoDma;

    fn delay(&self) -> NoDelay {
        NoDelay
    }
    fn interrupt(&self, _: u32, callback: Callback<Handle>) -> Result<Timed, HostError> {
        Ok(self.register(Entry::Irq, callback))
    }
    fn work(&self, callback: Callback<Handle>) -> Result<Timed, HostError> {
        Ok(self.register(Entry::Work, callback))
    }
    fn delayed_work(&self, callback: Callback<Handle>) -> Result<Timed, HostError> {
        Ok(self.register(Entry::Delayed, callback))
    }
    fn timer(&self, callback: Callback<Handle>) -> Result<Timed, HostError> {
        Ok(self.register(Entry::Timer, callback))
    }
    fn dma(&self, _: usize, _: u32) -> Result<NoDma, HostError> {
        Err(HostError::new(HostErrorKind::Unsupported, "DMA memory"))
    }
    fn removal_requested(&self) {
        self.world.ledger.requested();
        self.world.request();
    }
    fn isolate(&self) {
        let book = self.world.ledger.read();
        assert!(book.up.is_empty() && book.inside == 0, "isolated while something is at work: {book:?}");
    }
    const REMOVE_LIMIT: Nanos = Nanos::MAX;
    // For people only, and many steps for loom.
    const KEEP_ROLL: bool = cfg!(nova_model = "shuttle");
}

impl Clock for ModelHost {
    fn now(&self) -> Instant {
        self.world.now()
    }
}

impl Log for ModelHost {
    fn log(&self, _: Level, _: fmt::Arguments<'_>) {}
}

/// The checker's mutex.
#[derive(Debug)]
pub struct ModelLock<T>(Mutex<T>);

impl<T: Send> Lock<T> for ModelLock<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Time does not matter to the models.
#[derive(Debug)]
pub struct NoDelay;

impl DelayNs for NoDelay {
    fn delay_ns(&mut self, _: u32) {}
}

/// There is no DMA memory here.
#[derive(Debug)]
pub enum NoDma {}

impl DmaMemory for NoDma {
    fn bus_address(&self) -> u64 {
        match *self {}
    }
    fn len(&self) -> usize {
        match *self {}
    }
    fn read(&self, _: usize, _: &mut [u8]) -> Result<(), DmaRangeError> {
        match *self {}
    }
    fn write(&self, _: usize, _: &[u8]) -> Result<(), DmaRangeError> {
        match *self {}
    }
}
