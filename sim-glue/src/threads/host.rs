//! Threads as a host for drivers.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use nova_backends::gate::AsymmetricGate;
use nova_core::bus::Bus;
use nova_core::hal::{
    Callback, Clock, DelayedWork, Host, HostError, HostErrorKind, Instant, Interrupt, Level, Log,
    Registration, Timer, Work,
};

use super::clock::{self, ThreadDelay};
use super::runtime::{Port, Runtime, Shared};
use super::sync::{ThreadEvent, ThreadLock};
use crate::gpu::{Board, Effects, SimBus};
use crate::memory::DmaBuffer;
use crate::roster::{Handle, Kind, NEVER, SlotId};

/// The bus of a GPU in free-running mode.
pub type ThreadBus = SimBus<ThreadBoard>;

/// The host of one device, on real threads. Clones are the same host.
pub struct ThreadHost<B = ThreadBus> {
    runtime: Arc<Runtime>,
    port: usize,
    bus: PhantomData<fn() -> B>,
}

impl<B> ThreadHost<B> {
    pub(super) const fn new(runtime: Arc<Runtime>, port: usize) -> Self {
        Self { runtime, port, bus: PhantomData }
    }

    fn with_port<R>(&self, f: impl FnOnce(&Port) -> R) -> R {
        f(&self.runtime.shared.lock().ports[self.port])
    }

    fn register(&self, kind: Kind, vector: u32, callback: Callback<Handle>) -> ThreadEntry {
        let shared = self.runtime.shared.clone();
        let id = shared.lock().roster.insert(kind, self.port as u32, vector, callback);
        ThreadEntry { shared, id }
    }
}

impl<B> Clone for ThreadHost<B> {
    fn clone(&self) -> Self {
        Self::new(self.runtime.clone(), self.port)
    }
}

impl<B> fmt::Debug for ThreadHost<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadHost(port {})", self.port)
    }
}

impl<B> Clock for ThreadHost<B> {
    fn now(&self) -> Instant {
        clock::now()
    }
}

impl<B> Log for ThreadHost<B> {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        let shared = &self.runtime.shared;
        if level >= shared.log_level {
            shared.log(level, message.to_string());
        }
    }
}

impl<B: Bus + Send + Sync + 'static> Host for ThreadHost<B> {
    type Bus = B;
    type Handle = Handle;
    type Gate<const N: usize> = AsymmetricGate<N>;
    type Lock<T: Send + 'static> = ThreadLock<T>;
    type Event = ThreadEvent;
    type Delay = ThreadDelay;
    type Interrupt = ThreadEntry;
    type Work = ThreadEntry;
    type DelayedWork = ThreadEntry;
    type Timer = ThreadEntry;
    type Dma = DmaBuffer;

    const KEEP_ROLL: bool = true;

    fn delay(&self) -> ThreadDelay {
        ThreadDelay::new()
    }

    fn interrupt(&self, vector: u32, callback: Callback<Handle>) -> Result<ThreadEntry, HostError> {
        const WHAT: &str = "interrupt vector";
        if vector != 0 {
            return Err(HostError::new(HostErrorKind::NoResource, WHAT));
        }
        if self.runtime.shared.lock().roster.has_vector(self.port as u32, vector) {
            return Err(HostError::new(HostErrorKind::Busy, WHAT));
        }
        Ok(self.register(Kind::Interrupt, vector, callback))
    }

    fn work(&self, callback: Callback<Handle>) -> Result<ThreadEntry, HostError> {
        Ok(self.register(Kind::Work, 0, callback))
    }

    fn delayed_work(&self, callback: Callback<Handle>) -> Result<ThreadEntry, HostError> {
        Ok(self.register(Kind::DelayedWork, 0, callback))
    }

    fn timer(&self, callback: Callback<Handle>) -> Result<ThreadEntry, HostError> {
        Ok(self.register(Kind::Timer, 0, callback))
    }

    fn dma(&self, len: usize, address_bits: u32) -> Result<DmaBuffer, HostError> {
        self.with_port(|port| port.memory.clone()).allocate(len, address_bits)
    }

    fn relax(&self) {
        std::thread::yield_now();
    }

    fn isolate(&self) {
        self.with_port(|port| port.memory.isolate(true));
    }

    fn pci_config(&self, offset: u16) -> Option<u32> {
        self.with_port(|port| port.gpu.clone()).with(|gpu| gpu.pci_config(offset))
    }

    fn removal_requested(&self) {
        self.runtime.shared.request_removal(self.port);
    }
}

/// A registered callback of any kind: which one, the host's associated types say.
///
/// It keeps the books of its host alive, not its threads.
pub struct ThreadEntry {
    shared: Arc<Shared>,
    id: SlotId,
}

impl fmt::Debug for ThreadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadEntry(#{})", self.id.index())
    }
}

impl Registration for ThreadEntry {
    fn cancel(&self) {
        self.shared.cancel(self.id);
    }

    fn replay(&self) {
        self.shared.change(|state| state.roster.replay(self.id, 0));
    }
}

impl Interrupt for ThreadEntry {
    fn enable(&self) {
        self.shared.change(|state| state.roster.enable(self.id, true));
    }

    fn disable(&self) {
        self.shared.change(|state| state.roster.enable(self.id, false));
    }
}

impl Work for ThreadEntry {
    fn queue(&self) -> bool {
        self.shared.change(|state| state.roster.queue(self.id, 0))
    }
}

impl DelayedWork for ThreadEntry {
    fn queue_at(&self, at: Instant) -> bool {
        self.shared.change(|state| state.roster.queue(self.id, at.nanos()))
    }
}

impl Timer for ThreadEntry {
    fn arm(&self, at: Instant) -> bool {
        self.shared.change(|state| state.roster.arm(self.id, at.nanos()))
    }

    fn disarm(&self) {
        self.shared.change(|state| state.roster.disarm(self.id));
    }
}

impl Drop for ThreadEntry {
    fn drop(&mut self) {
        self.shared.cancel(self.id);
        self.shared.lock().roster.release(self.id);
    }
}

/// What a GPU in free-running mode is plugged into.
#[derive(Clone)]
pub struct ThreadBoard {
    shared: Arc<Shared>,
    port: usize,
    /// What the hardware thread was last told to wait for.
    next_event: Arc<AtomicU64>,
}

impl ThreadBoard {
    pub(super) fn new(shared: Arc<Shared>, port: usize) -> Self {
        Self { shared, port, next_event: Arc::new(AtomicU64::new(NEVER)) }
    }
}

impl fmt::Debug for ThreadBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadBoard(port {})", self.port)
    }
}

impl Board for ThreadBoard {
    fn begin(&self) -> u64 {
        clock::now().nanos()
    }

    fn end(&self, effects: Effects) {
        if effects.messages > 0 {
            self.shared.deliver(self.port, effects.messages);
        }
        let next = effects.next_event.unwrap_or(NEVER);
        if self.next_event.swap(next, Relaxed) != next {
            self.shared.change(|_| ());
        }
    }
}
