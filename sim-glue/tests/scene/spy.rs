//! A host that keeps copies of the callbacks it is given, and brings a test's counts to the driver.

use std::fmt;
use std::sync::{Arc, Mutex};

use nova_core::hal::{Callback, Clock, Host, HostError, Instant, Level, Log};
use nova_sim_glue::Handle;

use super::Counts;

/// Copies of the callbacks a device has registered.
#[derive(Clone, Default)]
pub(crate) struct Callbacks(Arc<Mutex<Vec<Callback<Handle>>>>);

impl Callbacks {
    fn keep(&self, callback: &Callback<Handle>) {
        self.0.lock().unwrap().push(callback.clone());
    }
    pub(crate) fn get(&self, index: usize) -> Callback<Handle> {
        self.0.lock().unwrap()[index].clone()
    }
}

/// A host that keeps copies of callbacks, and is the host below in everything else.
pub(crate) struct Spy<H>(pub(crate) H, pub(crate) Callbacks, pub(crate) Arc<Counts>);

impl<H: Clock> Clock for Spy<H> {
    fn now(&self) -> Instant {
        self.0.now()
    }
}
impl<H: Log> Log for Spy<H> {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.0.log(level, message);
    }
}
impl<H: Host<Handle = Handle>> Host for Spy<H> {
    type Bus = H::Bus;
    type Handle = Handle;
    type Gate<const N: usize> = H::Gate<N>;
    type Lock<T: Send + 'static> = H::Lock<T>;
    type Event = H::Event;
    type Delay = H::Delay;
    type Interrupt = H::Interrupt;
    type Work = H::Work;
    type DelayedWork = H::DelayedWork;
    type Timer = H::Timer;
    type Dma = H::Dma;
    fn delay(&self) -> H::Delay {
        self.0.delay()
    }
    fn interrupt(&self, vector: u32, callback: Callback<Handle>) -> Result<H::Interrupt, HostError> {
        self.1.keep(&callback);
        self.0.interrupt(vector, callback)
    }
    fn work(&self, callback: Callback<Handle>) -> Result<H::Work, HostError> {
        self.1.keep(&callback);
        self.0.work(callback)
    }
    fn delayed_work(&self, callback: Callback<Handle>) -> Result<H::DelayedWork, HostError> {
        self.1.keep(&callback);
        self.0.delayed_work(callback)
    }
    fn timer(&self, callback: Callback<Handle>) -> Result<H::Timer, HostError> {
        self.1.keep(&callback);
        self.0.timer(callback)
    }
    fn dma(&self, len: usize, address_bits: u32) -> Result<H::Dma, HostError> {
        self.0.dma(len, address_bits)
    }
    fn relax(&self) {
        self.0.relax();
    }
}
