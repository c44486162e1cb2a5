//! The host of one device.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use nova_backends::gate::AsymmetricGate;
use nova_backends::threads::{self, Entry, Handle, Kind, ThreadDelay, ThreadEvent, ThreadLock};
use nova_core::bus::Bus;
use nova_core::hal::{Callback, Clock, Host, HostError, HostErrorKind, Instant, Level, Log};

use super::plug::Inner;
use super::{VfioDma, VfioInterrupt};
use crate::bus::AnyBus;
use crate::device::read_config;

/// The host of one device in userspace, for a driver on the bus `B`. Clones are the same host.
pub struct VfioHost<B = AnyBus> {
    inner: Arc<Inner>,
    bus: PhantomData<fn() -> B>,
}

impl<B> VfioHost<B> {
    pub(super) const fn new(inner: Arc<Inner>) -> Self {
        Self { inner, bus: PhantomData }
    }

    fn register(&self, kind: Kind, callback: Callback<Handle>) -> Entry {
        self.inner.port.register(kind, 0, callback)
    }
}

impl<B> Clone for VfioHost<B> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<B> fmt::Debug for VfioHost<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VfioHost({:?})", self.inner.port)
    }
}

impl<B> Clock for VfioHost<B> {
    fn now(&self) -> Instant {
        threads::now()
    }
}

impl<B> Log for VfioHost<B> {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.inner.port.log(level, message);
    }
}

impl<B: Bus + Send + Sync + 'static> Host for VfioHost<B> {
    type Bus = B;
    type Handle = Handle;
    type Gate<const N: usize> = AsymmetricGate<N>;
    type Lock<T: Send + 'static> = ThreadLock<T>;
    type Event = ThreadEvent;
    type Delay = ThreadDelay;
    type Interrupt = VfioInterrupt;
    type Work = Entry;
    type DelayedWork = Entry;
    type Timer = Entry;
    type Dma = VfioDma;

    const KEEP_ROLL: bool = true;

    fn delay(&self) -> ThreadDelay {
        ThreadDelay
    }

    fn interrupt(&self, vector: u32, callback: Callback<Handle>) -> Result<VfioInterrupt, HostError> {
        VfioInterrupt::request(&self.inner, vector, callback)
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

    fn dma(&self, len: usize, address_bits: u32) -> Result<VfioDma, HostError> {
        let device = self.inner.device().ok_or(HostError::new(HostErrorKind::NoResource, "DMA memory"))?;
        self.inner.space.allocate(&device, len, address_bits)
    }

    fn relax(&self) {
        std::thread::yield_now();
    }

    fn isolate(&self) {
        self.inner.isolate();
    }

    fn pci_config(&self, offset: u16) -> Option<u32> {
        read_config(self.inner.device()?.as_ref(), offset).ok()
    }

    fn removal_requested(&self) {
        self.inner.port.request_removal();
    }
}
