//! A host that does nothing: what is left is the cost of the lifecycle itself.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use embedded_hal::delay::DelayNs;
use nova_core::Error;
use nova_core::bus::{Bus, Io, Offset};
use nova_core::hal::{
    Callback, Clock, DelayedWork, Host, HostError, Instant, Interrupt, Level, Log, Nanos, Registration,
    Timer, Work,
};
use nova_core::lifecycle::{BusOf, CounterGate, Driver, Gate, Probing, SessionEntry, WorkEntry};
use nova_sim_glue::Handle;
use nova_sim_glue::memory::{AddressSpace, DmaBuffer};
use nova_sim_glue::threads::{ThreadEvent, ThreadLock};

/// The gates of a host, by the number of lanes.
pub trait Gates: 'static {
    /// A gate with `N` lanes.
    type Gate<const N: usize>: Gate;
    /// How long a device waits for those inside.
    const PATIENCE: Nanos = Nanos::from_secs(60);
}

/// Counter gates.
#[derive(Debug)]
pub enum Counters {}

impl Gates for Counters {
    type Gate<const N: usize> = CounterGate<N>;
}

/// A host whose time stands still and that calls nothing by itself. Whoever has it may call.
pub struct IdleHost<B, G = Counters> {
    callbacks: Arc<Mutex<Vec<Callback<Handle>>>>,
    isolated: Arc<AtomicUsize>,
    kind: PhantomData<fn() -> (B, G)>,
}

impl<B, G> Default for IdleHost<B, G> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B, G> IdleHost<B, G> {
    /// A host nobody has registered anything at.
    pub fn new() -> Self {
        Self { callbacks: Arc::default(), isolated: Arc::default(), kind: PhantomData }
    }

    /// How often a device was kept from reaching memory.
    pub fn isolated(&self) -> usize {
        self.isolated.load(Ordering::Relaxed)
    }

    /// The last callback that was registered.
    pub fn last(&self) -> Callback<Handle> {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).last().cloned().expect("registered")
    }

    fn keep(&self, callback: Callback<Handle>) -> Entry {
        let mut callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner);
        callbacks.push(callback);
        Entry(self.callbacks.clone())
    }
}

impl<B, G> Clone for IdleHost<B, G> {
    fn clone(&self) -> Self {
        Self { callbacks: self.callbacks.clone(), isolated: self.isolated.clone(), kind: PhantomData }
    }
}

impl<B, G> Clock for IdleHost<B, G> {
    fn now(&self) -> Instant {
        Instant(0)
    }
}

impl<B, G> Log for IdleHost<B, G> {
    fn log(&self, _level: Level, _message: fmt::Arguments<'_>) {}
}

impl<B: Bus + Send + Sync + 'static, G: Gates> Host for IdleHost<B, G> {
    type Bus = B;
    type Handle = Handle;
    type Gate<const N: usize> = G::Gate<N>;
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
    fn relax(&self) {
        // Whoever is waited for may need this CPU.
        std::thread::yield_now();
    }
    fn dma(&self, len: usize, address_bits: u32) -> Result<DmaBuffer, HostError> {
        AddressSpace::new().allocate(len, address_bits)
    }
    fn isolate(&self) {
        self.isolated.fetch_add(1, Ordering::Relaxed);
    }
    const REMOVE_LIMIT: Nanos = G::PATIENCE;
}

/// A delay that takes no time.
pub struct NoDelay;

impl DelayNs for NoDelay {
    fn delay_ns(&mut self, _ns: u32) {}
}

/// A registration.
pub struct Entry(Arc<Mutex<Vec<Callback<Handle>>>>);

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

/// A bus that answers every read with zero.
#[derive(Debug, Clone, Copy)]
pub struct Silence;

impl Bus for Silence {
    type Error = Infallible;
    fn read8(&self, _at: Offset<u8>) -> Result<u8, Infallible> {
        Ok(0)
    }
    fn read16(&self, _at: Offset<u16>) -> Result<u16, Infallible> {
        Ok(0)
    }
    fn read32(&self, _at: Offset<u32>) -> Result<u32, Infallible> {
        Ok(0)
    }
    fn write8(&self, _at: Offset<u8>, _value: u8) -> Result<(), Infallible> {
        Ok(())
    }
    fn write16(&self, _at: Offset<u16>, _value: u16) -> Result<(), Infallible> {
        Ok(())
    }
    fn write32(&self, _at: Offset<u32>, _value: u32) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A driver with `N` work items and a class of sessions, entry `N`.
#[derive(Debug)]
pub struct Many<G, const N: usize>(PhantomData<fn() -> G>);

impl<G: Gates, const N: usize> Many<G, N> {
    /// Its clients.
    pub const CLIENT: SessionEntry<Self> = SessionEntry::new(N as u16, "client");
}

impl<G: Gates, const N: usize> Driver for Many<G, N> {
    type Host = IdleHost<Silence, G>;
    type Error = Error;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &Self::Host) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), Error> {
        (0..N as u16).try_for_each(|id| cx.work(&WorkEntry::new(id, "work", |_| Ok(()))))?;
        cx.sessions(&Self::CLIENT)
    }
}
