//! A host with another bus than its own.

use core::fmt;
use core::marker::PhantomData;

use super::{Callback, Clock, Host, HostError, Instant, Level, Log, Nanos};
use crate::bus::Bus;

/// The host `H`, for a driver whose device is reached through the bus `B`.
///
/// This is what a child runs in: the same world as its parent, with a
/// [`Parent`](crate::lifecycle::Parent) as its bus; and a driver whose bus is wrapped in a decorator.
///
/// Two things of the host go to functions that are given, because the host knows one device, and that is the
/// parent: [`Host::removal_requested`] and [`Host::isolate`]. What isolates a child takes away what the child
/// alone can reach of memory (its IOMMU mappings); a decorator of a whole device passes `Host::isolate` itself.
pub struct WithBus<H, B> {
    host: H,
    removal_requested: fn(&H),
    isolate: fn(&H),
    bus: PhantomData<fn() -> B>,
}

impl<H: Host, B> WithBus<H, B> {
    /// This host, with another bus. `removal_requested` is called inside the gate, from any context; `isolate`
    /// between quiescing and freeing.
    pub const fn new(host: H, removal_requested: fn(&H), isolate: fn(&H)) -> Self {
        Self { host, removal_requested, isolate, bus: PhantomData }
    }

    /// The host itself.
    pub const fn host(&self) -> &H {
        &self.host
    }
}

impl<H: Clock, B> Clock for WithBus<H, B> {
    fn now(&self) -> Instant {
        self.host.now()
    }
}

impl<H: Log, B> Log for WithBus<H, B> {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.host.log(level, message);
    }
}

impl<H: Host, B: Bus + Send + Sync + 'static> Host for WithBus<H, B> {
    type Bus = B;
    type Handle = H::Handle;
    type Gate<const N: usize> = H::Gate<N>;
    type Lock<T: Send + 'static> = H::Lock<T>;
    type Event = H::Event;
    type Delay = H::Delay;
    type Interrupt = H::Interrupt;
    type Work = H::Work;
    type DelayedWork = H::DelayedWork;
    type Timer = H::Timer;
    type Dma = H::Dma;

    const KEEP_ROLL: bool = H::KEEP_ROLL;
    const REMOVE_LIMIT: Nanos = H::REMOVE_LIMIT;

    fn delay(&self) -> H::Delay {
        self.host.delay()
    }
    fn interrupt(&self, vector: u32, callback: Callback<H::Handle>) -> Result<H::Interrupt, HostError> {
        self.host.interrupt(vector, callback)
    }
    fn work(&self, callback: Callback<H::Handle>) -> Result<H::Work, HostError> {
        self.host.work(callback)
    }
    fn delayed_work(&self, callback: Callback<H::Handle>) -> Result<H::DelayedWork, HostError> {
        self.host.delayed_work(callback)
    }
    fn timer(&self, callback: Callback<H::Handle>) -> Result<H::Timer, HostError> {
        self.host.timer(callback)
    }
    fn dma(&self, len: usize, address_bits: u32) -> Result<H::Dma, HostError> {
        self.host.dma(len, address_bits)
    }
    fn coarse_now(&self) -> Instant {
        self.host.coarse_now()
    }
    fn relax(&self) {
        self.host.relax();
    }
    fn removal_requested(&self) {
        (self.removal_requested)(&self.host);
    }
    fn isolate(&self) {
        (self.isolate)(&self.host);
    }
    fn pci_config(&self, offset: u16) -> Option<u32> {
        self.host.pci_config(offset)
    }
}
