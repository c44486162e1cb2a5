//! Threads as a host for drivers.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use nova_backends::gate::AsymmetricGate;
use nova_backends::threads::{self, Books, Entry, Handle, Kind, NEVER, ThreadDelay, ThreadEvent, ThreadLock};
use nova_core::bus::Bus;
use nova_core::hal::{Callback, Clock, Host, HostError, HostErrorKind, Instant, Level, Log};

use super::Slot;
use crate::gpu::{Board, Effects, SimBus};
use crate::memory::DmaBuffer;

/// The bus of a GPU in free-running mode.
pub type ThreadBus = SimBus<ThreadBoard>;

/// The host of one device, on real threads. Clones are the same host.
pub struct ThreadHost<B = ThreadBus> {
    slot: Slot,
    bus: PhantomData<fn() -> B>,
}

impl<B> ThreadHost<B> {
    pub(super) const fn new(slot: Slot) -> Self {
        Self { slot, bus: PhantomData }
    }

    fn register(&self, kind: Kind, callback: Callback<Handle>) -> Entry {
        self.slot.port.register(kind, 0, callback)
    }
}

impl<B> Clone for ThreadHost<B> {
    fn clone(&self) -> Self {
        Self::new(self.slot.clone())
    }
}

impl<B> fmt::Debug for ThreadHost<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadHost(port {})", self.slot.port.number())
    }
}

impl<B> Clock for ThreadHost<B> {
    fn now(&self) -> Instant {
        threads::now()
    }
}

impl<B> Log for ThreadHost<B> {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.slot.port.log(level, message);
    }
}

impl<B: Bus + Send + Sync + 'static> Host for ThreadHost<B> {
    type Bus = B;
    type Handle = Handle;
    type Gate<const N: usize> = AsymmetricGate<N>;
    type Lock<T: Send + 'static> = ThreadLock<T>;
    type Event = ThreadEvent;
    type Delay = ThreadDelay;
    type Interrupt = Entry;
    type Work = Entry;
    type DelayedWork = Entry;
    type Timer = Entry;
    type Dma = DmaBuffer;

    const KEEP_ROLL: bool = true;

    fn delay(&self) -> ThreadDelay {
        ThreadDelay
    }

    fn interrupt(&self, vector: u32, callback: Callback<Handle>) -> Result<Entry, HostError> {
        const WHAT: &str = "interrupt vector";
        if vector != 0 {
            return Err(HostError::new(HostErrorKind::NoResource, WHAT));
        }
        if self.slot.port.has_vector(vector) {
            return Err(HostError::new(HostErrorKind::Busy, WHAT));
        }
        Ok(self.register(Kind::Interrupt, callback))
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

    fn dma(&self, len: usize, address_bits: u32) -> Result<DmaBuffer, HostError> {
        self.slot.memory.allocate(len, address_bits)
    }

    fn relax(&self) {
        std::thread::yield_now();
    }

    fn isolate(&self) {
        self.slot.memory.isolate(true);
    }

    fn pci_config(&self, offset: u16) -> Option<u32> {
        self.slot.gpu.with(|gpu| gpu.pci_config(offset))
    }

    fn removal_requested(&self) {
        self.slot.port.request_removal();
    }
}

/// What a GPU in free-running mode is plugged into.
#[derive(Clone)]
pub struct ThreadBoard {
    books: Books,
    port: u32,
    /// What the hardware thread was last told to wait for.
    next_event: Arc<AtomicU64>,
}

impl ThreadBoard {
    pub(super) fn new(books: Books, port: u32) -> Self {
        Self { books, port, next_event: Arc::new(AtomicU64::new(NEVER)) }
    }
}

impl fmt::Debug for ThreadBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadBoard(port {})", self.port)
    }
}

impl Board for ThreadBoard {
    fn begin(&self) -> u64 {
        threads::now().nanos()
    }

    fn end(&self, effects: Effects) {
        for _ in 0..effects.messages {
            self.books.message(self.port, 0);
        }
        let next = effects.next_event.unwrap_or(NEVER);
        if self.next_event.swap(next, Relaxed) != next {
            self.books.nudge();
        }
    }
}
