//! The free-running host: real threads, real time, real races.
//!
//! One thread delivers interrupts, one runs timers, some run work, one lets the GPUs act when they are due, and one does
//! what was asked for from inside callbacks. Nothing here repeats; for that there is [`crate::world`].

mod clock;
mod host;
mod runtime;
mod sync;

pub use clock::ThreadDelay;
pub use host::{ThreadBoard, ThreadBus, ThreadEntry, ThreadHost};
pub use sync::{ThreadEvent, ThreadLock};

use std::fmt;
use std::sync::Arc;

use nova_core::bus::Bus;
use nova_core::hal::{Instant, Level};

use crate::gpu::{Gpu, SimBus, SimConfig};
use crate::memory::AddressSpace;
use crate::roster::{Kind, Tally};
use runtime::{Port, Runtime};

/// What to do when a driver asks for removal; runs on a thread of its own.
pub type RemovalHook = Arc<dyn Fn() + Send + Sync>;

/// A set of threads that hosts run on. Clones are the same; the threads end with the last clone and the last host.
#[derive(Clone)]
pub struct Threads(Arc<Runtime>);

impl Threads {
    /// Starts the threads, `workers` of them for work items (at least one).
    ///
    /// # Panics
    ///
    /// When the operating system has no threads left.
    pub fn new(workers: usize) -> Self {
        // Registers the process for the gates' barriers: quick only while there are few threads.
        let _ = nova_backends::gate::mode();
        Self(Arc::new(Runtime::start(workers, Level::Warn)))
    }

    /// A GPU that is powered on now.
    pub fn power_on(&self, config: SimConfig) -> Gpu {
        Gpu::powered_on_at(config, self.now().nanos())
    }

    /// Plugs a GPU in, if it is not in already, and gives a host and a bus to probe a device with.
    pub fn attach<B: Bus + Send + Sync + 'static>(&self, gpu: &Gpu) -> (ThreadHost<B>, ThreadBus) {
        let port = self.port(gpu);
        self.memory(gpu).isolate(false);
        gpu.connect_memory(Arc::new(self.memory(gpu)));
        let board = ThreadBoard::new(self.0.shared.clone(), port);
        (ThreadHost::new(self.0.clone(), port), SimBus::on(gpu, board))
    }

    /// What to do when a driver on `gpu` asks for removal.
    pub fn on_removal_request(&self, gpu: &Gpu, hook: RemovalHook) {
        let port = self.port(gpu);
        self.0.shared.lock().ports[port].removal = Some(hook);
    }

    /// How often a driver on `gpu` asked for removal.
    pub fn removal_requests(&self, gpu: &Gpu) -> u64 {
        let port = self.port(gpu);
        self.0.shared.lock().ports[port].removal_requests
    }

    /// The time of the hosts' clock, which is the process's.
    pub fn now(&self) -> Instant {
        clock::now()
    }

    /// How often callbacks of a kind were called.
    pub fn tally(&self, kind: Kind) -> Tally {
        self.0.shared.lock().roster.tally(kind)
    }

    /// Callbacks registered at present.
    pub fn live_registrations(&self) -> usize {
        self.0.shared.lock().roster.live()
    }

    /// Interrupt messages that arrived while nobody had requested the vector.
    pub fn stray_messages(&self) -> u64 {
        self.0.shared.lock().stray_messages
    }

    /// The memory that a driver shares with `gpu`.
    pub fn memory(&self, gpu: &Gpu) -> AddressSpace {
        let port = self.port(gpu);
        self.0.shared.lock().ports[port].memory.clone()
    }

    /// What drivers logged at `Warn` and above, oldest first.
    pub fn log(&self) -> Vec<(Instant, Level, String)> {
        self.0.shared.lock().log.iter().cloned().collect()
    }

    fn port(&self, gpu: &Gpu) -> usize {
        let mut state = self.0.shared.lock();
        if let Some(port) = state.ports.iter().position(|port| port.gpu.is(gpu)) {
            return port;
        }
        let memory = AddressSpace::new();
        state.ports.push(Port { gpu: gpu.clone(), memory, removal: None, removal_requests: 0 });
        state.ports.len() - 1
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Threads({} registrations)", self.live_registrations())
    }
}
