//! The world as a host for drivers.

use std::fmt;
use std::marker::PhantomData;

use embedded_hal::delay::DelayNs;
use nova_core::bus::Bus;
use nova_core::hal::{
    Callback, Clock, DelayedWork, Host, HostError, HostErrorKind, Instant, Interrupt, Level, Log, Nanos,
    Registration, Timer, Work,
};
use nova_core::lifecycle::CounterGate;

use super::journal::{Violation, What};
use super::state::Action;
use super::{World, WorldEvent, WorldLock};
use crate::gpu::{Board, Effects, Gpu, SimBus};
use crate::memory::{AddressSpace, DmaBuffer};
use nova_backends::threads::{Handle, Kind, SlotId};

/// The bus of a GPU in a world: every access takes time and is a preemption point.
pub type WorldBus = SimBus<WorldBoard>;

/// The host of one device in a world. Clones are the same host.
pub struct WorldHost<B = WorldBus> {
    world: World,
    port: usize,
    bus: PhantomData<fn() -> B>,
}

impl<B> WorldHost<B> {
    pub(super) const fn new(world: World, port: usize) -> Self {
        Self { world, port, bus: PhantomData }
    }

    /// The world.
    pub const fn world(&self) -> &World {
        &self.world
    }

    fn gpu(&self) -> Gpu {
        self.world.state().ports[self.port].gpu.clone()
    }

    fn memory(&self) -> AddressSpace {
        self.world.state().ports[self.port].memory.clone()
    }

    fn register(&self, kind: Kind, vector: u32, callback: Callback<Handle>) -> WorldEntry {
        let mut state = self.world.state();
        let id = state.roster.insert(kind, self.port as u32, vector, callback);
        state.record(self.world.now().nanos(), What::Registered(kind, id.index()));
        drop(state);
        WorldEntry { world: self.world.clone(), id }
    }
}

impl<B> Clone for WorldHost<B> {
    fn clone(&self) -> Self {
        Self::new(self.world.clone(), self.port)
    }
}

impl<B> fmt::Debug for WorldHost<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorldHost({:?}, port {})", self.world, self.port)
    }
}

impl<B> Clock for WorldHost<B> {
    fn now(&self) -> Instant {
        let now = self.world.take_time(self.world.0.config.clock_ns);
        self.world.preemption_point();
        Instant(now)
    }
}

impl<B> Log for WorldHost<B> {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        if level >= self.world.0.config.log_level {
            let now = self.world.now().nanos();
            self.world.state().log(now, level, message.to_string());
        }
    }
}

impl<B: Bus + Send + Sync + 'static> Host for WorldHost<B> {
    type Bus = B;
    type Handle = Handle;
    type Gate<const N: usize> = CounterGate<N>;
    type Lock<T: Send + 'static> = WorldLock<T>;
    type Event = WorldEvent;
    type Delay = WorldDelay;
    type Interrupt = WorldEntry;
    type Work = WorldEntry;
    type DelayedWork = WorldEntry;
    type Timer = WorldEntry;
    type Dma = DmaBuffer;

    const KEEP_ROLL: bool = true;

    /// Takes no time and lets nobody in between: what a driver does must not depend on who is looked for.
    fn coarse_now(&self) -> Instant {
        self.world.now()
    }

    fn delay(&self) -> WorldDelay {
        WorldDelay(self.world.clone())
    }

    fn interrupt(&self, vector: u32, callback: Callback<Handle>) -> Result<WorldEntry, HostError> {
        const WHAT: &str = "interrupt vector";
        if vector != 0 {
            return Err(HostError::new(HostErrorKind::NoResource, WHAT));
        }
        if self.world.state().roster.has_vector(self.port as u32, vector) {
            return Err(HostError::new(HostErrorKind::Busy, WHAT));
        }
        Ok(self.register(Kind::Interrupt, vector, callback))
    }

    fn work(&self, callback: Callback<Handle>) -> Result<WorldEntry, HostError> {
        Ok(self.register(Kind::Work, 0, callback))
    }

    fn delayed_work(&self, callback: Callback<Handle>) -> Result<WorldEntry, HostError> {
        Ok(self.register(Kind::DelayedWork, 0, callback))
    }

    fn timer(&self, callback: Callback<Handle>) -> Result<WorldEntry, HostError> {
        Ok(self.register(Kind::Timer, 0, callback))
    }

    fn dma(&self, len: usize, address_bits: u32) -> Result<DmaBuffer, HostError> {
        self.memory().allocate(len, address_bits)
    }

    fn relax(&self) {
        self.world.relax();
    }

    fn isolate(&self) {
        self.memory().isolate(true);
    }

    fn pci_config(&self, offset: u16) -> Option<u32> {
        self.gpu().with(|gpu| gpu.pci_config(offset))
    }

    fn removal_requested(&self) {
        let now = self.world.now();
        let mut state = self.world.state();
        state.record(now.nanos(), What::RemovalRequested);
        let Some(port) = state.ports.get_mut(self.port) else { return };
        port.removal_requests += 1;
        if let Some(hook) = port.removal.clone() {
            let at = now.nanos() + state.rng.below(self.world.0.config.latency_ns + 1);
            let run = Box::new(move |world: &World| hook(world));
            state.actions.push(Action { at, name: "removal hook", run });
        }
    }
}

/// A registered callback of any kind: which one, the host's associated types say.
pub struct WorldEntry {
    world: World,
    id: SlotId,
}

impl WorldEntry {
    fn soon(&self) -> u64 {
        let latency = self.world.0.config.latency_ns;
        self.world.now().nanos() + self.world.state().rng.below(latency + 1)
    }
}

impl fmt::Debug for WorldEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorldEntry(#{})", self.id.index())
    }
}

impl Registration for WorldEntry {
    fn cancel(&self) {
        self.world.preemption_point();
        let now = self.world.now().nanos();
        let mut state = self.world.state();
        let running = state.roster.is_running(self.id);
        let cancelled = state.roster.cancel(self.id);
        if cancelled.is_some() {
            state.record(now, What::Cancelled(self.id.index()));
            // It runs underneath us on this very stack: waiting for it would be for ever.
            if running {
                state.violate(now, Violation::CancelledInside);
            }
        }
        drop(state);
        // Without the lock: it may be the last reference to the device.
        drop(cancelled);
    }

    fn replay(&self) {
        let at = self.soon();
        self.world.state().roster.replay(self.id, at);
    }
}

impl Interrupt for WorldEntry {
    fn enable(&self) {
        // Before it has an effect: so what comes in between is undone by it, as on any host with threads.
        self.world.preemption_point();
        self.world.state().roster.enable(self.id, true);
    }

    fn disable(&self) {
        self.world.preemption_point();
        self.world.state().roster.enable(self.id, false);
    }
}

impl Work for WorldEntry {
    fn queue(&self) -> bool {
        let at = self.soon();
        let queued = self.world.state().roster.queue(self.id, at);
        self.world.preemption_point();
        queued
    }
}

impl DelayedWork for WorldEntry {
    fn queue_at(&self, at: Instant) -> bool {
        let queued = self.world.state().roster.queue(self.id, at.nanos());
        self.world.preemption_point();
        queued
    }
}

impl Timer for WorldEntry {
    fn arm(&self, at: Instant) -> bool {
        let armed = self.world.state().roster.arm(self.id, at.nanos());
        self.world.preemption_point();
        armed
    }

    fn disarm(&self) {
        self.world.state().roster.disarm(self.id);
    }
}

impl Drop for WorldEntry {
    fn drop(&mut self) {
        let mut state = self.world.state();
        let callback = state.roster.cancel(self.id);
        state.roster.release(self.id);
        drop(state);
        drop(callback);
    }
}

/// A delay: time passes, and others run meanwhile.
#[derive(Debug, Clone)]
pub struct WorldDelay(World);

impl DelayNs for WorldDelay {
    fn delay_ns(&mut self, ns: u32) {
        self.0.spend(u64::from(ns));
    }

    fn delay_us(&mut self, us: u32) {
        self.0.spend(Nanos::from_micros(u64::from(us)).get());
    }

    fn delay_ms(&mut self, ms: u32) {
        self.0.spend(Nanos::from_millis(u64::from(ms)).get());
    }
}

/// What a GPU in a world is plugged into.
#[derive(Debug, Clone)]
pub struct WorldBoard {
    world: World,
    port: usize,
}

impl WorldBoard {
    pub(super) const fn new(world: World, port: usize) -> Self {
        Self { world, port }
    }

    /// The world.
    pub const fn world(&self) -> &World {
        &self.world
    }

    #[cold]
    fn settle(&self, effects: Effects) {
        let now = self.world.now().nanos();
        let mut state = self.world.state();
        state.deliver(self.port, effects.messages, now, self.world.0.config.latency_ns);
        if effects.fenced {
            state.violate(now, Violation::AccessAfterRemoval);
        }
    }
}

impl Board for WorldBoard {
    #[inline]
    fn begin(&self) -> u64 {
        self.world.take_time(self.world.0.config.access_ns)
    }

    #[inline]
    fn end(&self, effects: Effects) {
        if effects.messages > 0 || effects.fenced {
            self.settle(effects);
        }
        self.world.preemption_point();
    }
}
