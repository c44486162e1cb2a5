//! A host that does nothing: what is left is the cost of the lifecycle itself.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use embedded_hal::delay::DelayNs;
use nova_core::bus::Bus;
use nova_core::hal::{
    Callback, Clock, DelayedWork, Host, HostError, Instant, Interrupt, Level, Log, Registration, Timer, Work,
};
use nova_core::lifecycle::CounterGate;
use nova_sim_glue::Handle;
use nova_sim_glue::memory::{AddressSpace, DmaBuffer};
use nova_sim_glue::threads::{ThreadEvent, ThreadLock};

/// A host whose time stands still and that calls nothing by itself. Whoever has it may call.
pub(crate) struct IdleHost<B> {
    callbacks: Arc<Mutex<Vec<Callback<Handle>>>>,
    bus: PhantomData<fn() -> B>,
}

impl<B> IdleHost<B> {
    pub(crate) fn new() -> Self {
        Self { callbacks: Arc::default(), bus: PhantomData }
    }

    /// The last callback that was registered.
    pub(crate) fn last(&self) -> Callback<Handle> {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).last().cloned().expect("registered")
    }

    fn keep(&self, callback: Callback<Handle>) -> Entry {
        let mut callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner);
        callbacks.push(callback);
        Entry(self.callbacks.clone())
    }
}

impl<B> Clone for IdleHost<B> {
    fn clone(&self) -> Self {
        Self { callbacks: self.callbacks.clone(), bus: PhantomData }
    }
}

impl<B> Clock for IdleHost<B> {
    fn now(&self) -> Instant {
        Instant(0)
    }
}

impl<B> Log for IdleHost<B> {
    fn log(&self, _level: Level, _message: fmt::Arguments<'_>) {}
}

impl<B: Bus + Send + Sync + 'static> Host for IdleHost<B> {
    type Bus = B;
    type Handle = Handle;
    type Gate<const N: usize> = CounterGate<N>;
    type Lock<T: Send + 'static> = ThreadLock<T>;
    type Event = ThreadEvent;
    type Delay = NoDelay;
    type Interrupt = Entry;
    type Work = Entry;
    type DelayedWork = Entry;
    type Timer = Entry;
    type Dma = DmaBuffer;

    fn delay(&self) -> NoDelay {
        NoDelay
    }
    fn interrupt(&self, _vector: u32, callback: Callback<Handle>) -> Result<Entry, HostError> {
        Ok(self.keep(callback))
    }
    fn work(&self, callback: Callback<Handle>) -> Result<Entry, HostError> {
        Ok(self.keep(callback))
    }
    fn delayed_work(&self, callback: Callback<Handle>) -> Result<Entry, HostError> {
        Ok(self.keep(callback))
    }
    fn timer(&self, callback: Callback<Handle>) -> Result<Entry, HostError> {
        Ok(self.keep(callback))
    }
    fn dma(&self, len: usize, address_bits: u32) -> Result<DmaBuffer, HostError> {
        AddressSpace::new().allocate(len, address_bits)
    }
}

/// A delay that takes no time.
pub(crate) struct NoDelay;

impl DelayNs for NoDelay {
    fn delay_ns(&mut self, _ns: u32) {}
}

/// A registration.
pub(crate) struct Entry(Arc<Mutex<Vec<Callback<Handle>>>>);

impl Registration for Entry {
    fn cancel(&self) {
        // All at once: they are all of one device, which is being removed.
        let callbacks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        drop(callbacks);
    }
    fn replay(&self) {}
}

impl Interrupt for Entry {
    fn enable(&self) {}
    fn disable(&self) {}
}

impl Work for Entry {
    fn queue(&self) -> bool {
        true
    }
}

impl DelayedWork for Entry {
    fn queue_at(&self, _at: Instant) -> bool {
        true
    }
}

impl Timer for Entry {
    fn arm(&self, _at: Instant) -> bool {
        true
    }
    fn disarm(&self) {}
}
