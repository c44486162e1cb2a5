//! A GPU as something shared, and as a bus.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_core::bus::{Bus, Offset, Word};

use super::{SimConfig, SimGpu};
use crate::memory::SystemMemory;

/// A shared handle to a simulated GPU.
#[derive(Debug, Clone)]
pub struct Gpu(Arc<Mutex<SimGpu>>);

impl Gpu {
    /// A GPU that is powered on at host time 0.
    pub fn new(config: SimConfig) -> Self {
        Self::powered_on_at(config, 0)
    }

    /// A GPU that is powered on at host time `now`, in ns.
    pub fn powered_on_at(config: SimConfig, now: u64) -> Self {
        Self(Arc::new(Mutex::new(SimGpu::new(config, now))))
    }

    /// Runs `f` on the machine: what a test does behind the driver's back. Not from inside another `with`.
    pub fn with<R>(&self, f: impl FnOnce(&mut SimGpu) -> R) -> R {
        f(&mut self.lock())
    }

    /// Lets the GPU's DMA reach `memory`, instead of what it reached before.
    pub fn connect_memory(&self, memory: Arc<dyn SystemMemory>) {
        self.lock().connect_memory(Some(memory));
    }

    /// Lets the GPU's DMA reach nothing: every transfer from now on is a fault.
    pub fn disconnect_memory(&self) {
        self.lock().connect_memory(None);
    }

    /// Marks this moment, to count the accesses after it.
    pub fn mark(&self) -> AccessMark {
        AccessMark { gpu: self.clone(), from: self.accesses() }
    }

    /// All accesses a driver made so far, whether or not they reached the registers.
    pub fn accesses(&self) -> u64 {
        self.lock().stats().accesses()
    }

    /// Whether both are the same GPU.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, SimGpu> {
        // A panic of a test in the middle of an access leaves registers, not broken invariants.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A moment, as far as accesses go.
#[derive(Debug, Clone)]
pub struct AccessMark {
    gpu: Gpu,
    from: u64,
}

impl AccessMark {
    /// Accesses since the mark.
    pub fn accesses(&self) -> u64 {
        self.gpu.accesses() - self.from
    }
}

/// What an access set off, beside its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// Interrupt messages the GPU has sent.
    pub messages: u32,
    /// When the hardware acts next by itself, in ns of the board's time.
    pub next_event: Option<u64>,
    /// Set when the access was made behind a raised fence.
    pub fenced: bool,
}

/// What a GPU is plugged into: it knows the time and takes the interrupt messages.
pub trait Board: Clone + Send + Sync + 'static {
    /// An access begins; gives the time, in ns.
    fn begin(&self) -> u64;
    /// The access is over and the GPU is free again.
    fn end(&self, effects: Effects);
}

/// The bus of a simulated GPU.
#[derive(Debug, Clone)]
pub struct SimBus<B = Workbench> {
    gpu: Gpu,
    board: B,
}

impl SimBus {
    /// The bus of a GPU on a [`Workbench`] of its own.
    pub fn new(gpu: &Gpu) -> Self {
        Self::on(gpu, Workbench::default())
    }
}

impl<B> SimBus<B> {
    /// The bus of `gpu` on `board`.
    pub fn on(gpu: &Gpu, board: B) -> Self {
        Self { gpu: gpu.clone(), board }
    }

    /// The GPU.
    pub const fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The board.
    pub const fn board(&self) -> &B {
        &self.board
    }
}

impl<B: Board> SimBus<B> {
    #[inline]
    fn access<R>(&self, f: impl FnOnce(&mut SimGpu, u64) -> R) -> R {
        let now = self.board.begin();
        let mut gpu = self.gpu.lock();
        let answer = f(&mut gpu, now);
        let effects =
            Effects { messages: gpu.take_messages(), next_event: gpu.next_event(), fenced: gpu.is_fenced() };
        // The board may run a driver's handler, which accesses this GPU.
        drop(gpu);
        self.board.end(effects);
        answer
    }

    #[inline]
    fn get<W: Word>(&self, at: Offset<W>) -> W {
        self.access(|gpu, now| gpu.read(at, now))
    }

    #[inline]
    fn put<W: Word>(&self, at: Offset<W>, value: W) {
        self.access(|gpu, now| gpu.write(at, value, now));
    }
}

impl<B: Board> Bus for SimBus<B> {
    type Error = Infallible;

    #[inline]
    fn read8(&self, at: Offset<u8>) -> Result<u8, Infallible> {
        Ok(self.get(at))
    }
    #[inline]
    fn read16(&self, at: Offset<u16>) -> Result<u16, Infallible> {
        Ok(self.get(at))
    }
    #[inline]
    fn read32(&self, at: Offset<u32>) -> Result<u32, Infallible> {
        Ok(self.get(at))
    }
    #[inline]
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Infallible> {
        self.put(at, value);
        Ok(())
    }
    #[inline]
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Infallible> {
        self.put(at, value);
        Ok(())
    }
    #[inline]
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Infallible> {
        self.put(at, value);
        Ok(())
    }
}

/// A board with nothing on it but a clock that steps at each access.
#[derive(Debug, Clone)]
pub struct Workbench(Arc<Bench>);

#[derive(Debug)]
struct Bench {
    now: AtomicU64,
    step: u64,
    messages: AtomicU64,
}

impl Workbench {
    /// A board whose time advances by `step` ns at each access, from 0.
    pub fn stepping(step: u64) -> Self {
        Self(Arc::new(Bench { now: AtomicU64::new(0), step, messages: AtomicU64::new(0) }))
    }

    /// The time, in ns.
    pub fn now(&self) -> u64 {
        self.0.now.load(Relaxed)
    }

    /// Lets `ns` pass. Hardware that was due acts at the next access.
    pub fn pass(&self, ns: u64) {
        self.0.now.fetch_add(ns, Relaxed);
    }

    /// Interrupt messages that have arrived.
    pub fn messages(&self) -> u64 {
        self.0.messages.load(Relaxed)
    }
}

impl Default for Workbench {
    /// One access takes 100 ns.
    fn default() -> Self {
        Self::stepping(100)
    }
}

impl Board for Workbench {
    #[inline]
    fn begin(&self) -> u64 {
        // No read-modify-write: with several threads a step may get lost, and the time still never goes back in a GPU.
        let now = self.0.now.load(Relaxed) + self.0.step;
        self.0.now.store(now, Relaxed);
        now
    }

    #[inline]
    fn end(&self, effects: Effects) {
        if effects.messages > 0 {
            self.0.messages.fetch_add(u64::from(effects.messages), Relaxed);
        }
    }
}
