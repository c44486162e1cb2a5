//! The deterministic host: one thread, one seed, simulated time.
//!
//! A [`World`] owns the clock, the host's timers and queues, the delivery of interrupt messages, and the order in which
//! all of it happens. Whatever is ready may be drawn next; every bus access and host call is a *preemption point* where,
//! once in a while, something else that is ready runs right there, on top: an interrupt in the middle of a work item, a
//! removal in the middle of an interrupt. All choices come from the seed, so the same seed gives the same run, and a
//! failure is replayed by its seed.
//!
//! What runs on top finishes before what it interrupted goes on; two callbacks that take turns need the free-running
//! host in [`crate::threads`].
//!
//! ```
//! use nova_sim_glue::gpu::{Gpu, SimConfig};
//! use nova_sim_glue::world::{World, WorldBus, WorldHost};
//! use nova_core::{bus::Io, chip::Chipset, hal::Nanos, regs::pmc::NV_PMC_BOOT_42};
//!
//! let world = World::new(7);
//! let gpu = Gpu::new(SimConfig::new(Chipset::GA106));
//! let (_host, bus): (WorldHost<WorldBus>, _) = world.attach(&gpu);
//! assert_eq!(Io::new(&bus).read(NV_PMC_BOOT_42).unwrap().get(), 0x176A_1000);
//! world.run_for(Nanos::from_millis(1));
//! world.check();
//! ```

mod config;
mod host;
mod journal;
mod run;
mod state;
mod sync;

pub use config::WorldConfig;
pub use host::{WorldBoard, WorldBus, WorldDelay, WorldEntry, WorldHost};
pub use journal::{Record, Violation, What};
pub use sync::{WorldEvent, WorldLock};

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use nova_core::bus::Bus;
use nova_core::hal::{Clock, Instant, Level, Nanos};

use crate::gpu::{Gpu, SimBus, SimGpu};
use crate::memory::AddressSpace;
use nova_backends::threads::{Kind, Tally};
use state::{Action, Port, State};

/// What a world does when a driver asks for removal.
pub type RemovalHook = Arc<dyn Fn(&World) + Send + Sync>;

/// A deterministic world. Clones are the same world.
///
/// It is meant for one thread. Using it from several is memory-safe and no longer deterministic.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    seed: u64,
    config: WorldConfig,
    /// Outside the lock, as the preemption countdown: both change at every access.
    now: AtomicU64,
    countdown: AtomicU32,
    state: Mutex<State>,
}

impl World {
    /// The world of `seed`.
    pub fn new(seed: u64) -> Self {
        Self::with_config(seed, WorldConfig::default())
    }

    /// The world of `seed`, with other costs and habits.
    pub fn with_config(seed: u64, config: WorldConfig) -> Self {
        let state = Mutex::new(State::new(seed, &config));
        let world = Self(Arc::new(Inner {
            seed,
            now: AtomicU64::new(0),
            countdown: AtomicU32::new(0),
            state,
            config,
        }));
        world.enter();
        let countdown = world.draw_countdown(&mut world.state());
        world.0.countdown.store(countdown, Relaxed);
        world
    }

    /// Makes this the thread's world: the one whose events are waited for. New worlds are; needed only when several
    /// are used in turns.
    pub fn enter(&self) {
        sync::enter(self);
    }

    /// Plugs a GPU in, if it is not in already, and gives a host and a bus to probe a device with.
    ///
    /// The host's bus type is open, so that the bus can be decorated before it is given to the device. A fence raised
    /// for an earlier binding is lowered, and the GPU reaches memory again.
    pub fn attach<B: Bus + Send + Sync + 'static>(&self, gpu: &Gpu) -> (WorldHost<B>, WorldBus) {
        self.enter();
        let port = self.port(gpu);
        gpu.with(SimGpu::lower_fence);
        let memory = self.memory(gpu);
        memory.isolate(false);
        gpu.connect_memory(Arc::new(memory));
        (WorldHost::new(self.clone(), port), SimBus::on(gpu, WorldBoard::new(self.clone(), port)))
    }

    /// Does `action` at `at`, or soon after; it may run on top of whatever is running then.
    pub fn post(&self, at: Instant, name: &'static str, action: impl FnOnce(&Self) + Send + 'static) {
        self.state().actions.push(Action { at: at.nanos(), name, run: Box::new(action) });
    }

    /// Does `action` at `at`, and every `period` again, until it says true.
    pub fn post_until(
        &self,
        at: Instant,
        period: Nanos,
        name: &'static str,
        mut action: impl FnMut(&Self) -> bool + Send + 'static,
    ) {
        self.post(at, name, move |world| {
            if !action(world) {
                world.post_until(world.now() + period, period, name, action);
            }
        });
    }

    /// What to do, as an action of its own, when a driver on `gpu` asks for removal.
    pub fn on_removal_request(&self, gpu: &Gpu, hook: RemovalHook) {
        let port = self.port(gpu);
        self.state().ports[port].removal = Some(hook);
    }

    /// How often a driver on `gpu` asked for removal.
    pub fn removal_requests(&self, gpu: &Gpu) -> u64 {
        let port = self.port(gpu);
        self.state().ports[port].removal_requests
    }

    /// From now on, until the next attach, every access to `gpu` is a violation. For after a removal.
    pub fn expect_no_access(&self, gpu: &Gpu) {
        gpu.with(SimGpu::raise_fence);
    }

    /// The time. Looking at it here costs nothing; a driver's look at its host's clock does.
    pub fn now(&self) -> Instant {
        Instant(self.0.now.load(Relaxed))
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// A random number below `end`, from the same stream as all choices: for scripts of tests.
    pub fn random(&self, end: u64) -> u64 {
        self.state().rng.below(end)
    }

    /// How often callbacks of a kind were called.
    pub fn tally(&self, kind: Kind) -> Tally {
        self.state().roster.tally(kind)
    }

    /// Callbacks registered at present.
    pub fn live_registrations(&self) -> usize {
        self.state().roster.live()
    }

    /// Interrupt messages that arrived while nobody had requested the vector.
    pub fn stray_messages(&self) -> u64 {
        self.state().stray_messages
    }

    /// The memory that a driver shares with `gpu`.
    pub fn memory(&self, gpu: &Gpu) -> AddressSpace {
        let port = self.port(gpu);
        self.state().ports[port].memory.clone()
    }

    /// What drivers logged, oldest first.
    pub fn log(&self) -> Vec<(Instant, Level, String)> {
        self.state().log.iter().cloned().collect()
    }

    /// The last records of the journal, oldest first.
    pub fn journal(&self) -> Vec<Record> {
        self.state().journal.records().copied().collect()
    }

    /// A digest of the whole journal: equal for equal runs.
    pub fn digest(&self) -> u64 {
        self.state().journal.digest()
    }

    /// Rules broken so far, each with the number of its step.
    pub fn violations(&self) -> Vec<(u64, Violation)> {
        self.state().violations.clone()
    }

    /// Where we are, for messages: `seed 7, step 120, 5000 ns`. The step is the one that runs, else the last that did.
    pub fn whence(&self) -> String {
        let (step, last) = {
            let state = self.state();
            (state.step, state.steps)
        };
        let step = if step == 0 { last } else { step };
        format!("seed {}, step {step}, {} ns", self.seed(), self.now().nanos())
    }

    /// Asserts that no rule was broken.
    ///
    /// # Panics
    ///
    /// When one was; the message has the seed and the journal's end.
    pub fn check(&self) {
        let state = self.state();
        let Some((step, violation)) = state.violations.first().copied() else { return };
        let tail: Vec<_> = state.journal.records().map(ToString::to_string).collect();
        drop(state);
        panic!("{violation} (seed {}, step {step}); the journal ends:\n{}", self.seed(), tail.join("\n"));
    }

    pub(crate) fn violate(&self, violation: Violation) {
        let now = self.now().nanos();
        self.state().violate(now, violation);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        sync::lock(&self.0.state)
    }

    /// The port of a GPU, which is plugged in if need be.
    fn port(&self, gpu: &Gpu) -> usize {
        let mut state = self.state();
        if let Some(port) = state.ports.iter().position(|port| port.gpu.is(gpu)) {
            return port;
        }
        let memory = AddressSpace::new();
        state.ports.push(Port { gpu: gpu.clone(), memory, removal: None, removal_requests: 0 });
        state.ports.len() - 1
    }
}

/// For those who wait from outside, such as in `Session::wait`.
impl Clock for World {
    fn now(&self) -> Instant {
        // Looking takes time, so that who only looks gets anywhere.
        self.spend(self.0.config.clock_ns);
        Self::now(self)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({})", self.whence())
    }
}
