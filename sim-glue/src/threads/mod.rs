//! The free-running host: real threads, real time, real races.
//!
//! The threads are those of every host in userspace ([`nova_backends::threads`]), and one more that lets the GPUs act when
//! they are due. Nothing here repeats; for that there is [`crate::world`].

mod host;

pub use host::{ThreadBoard, ThreadBus, ThreadHost};
pub use nova_backends::threads::{Entry as ThreadEntry, RemovalHook, ThreadDelay, ThreadEvent, ThreadLock};

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_backends::threads::{self, Books, Config, Interrupts, Kind, NEVER, Port, Runtime, Tally};
use nova_core::bus::Bus;
use nova_core::hal::{Clock, Instant, Level};

use crate::gpu::{Gpu, SimBus, SimConfig};
use crate::memory::AddressSpace;

/// A set of threads that hosts run on. Clones are the same; the threads end with the last clone and the last host.
#[derive(Clone)]
pub struct Threads(Arc<Machine>);

/// What GPUs are plugged into.
struct Machine {
    runtime: Runtime,
    slots: Mutex<Vec<Slot>>,
    hardware: Hardware,
}

/// A slot with a GPU in it.
#[derive(Clone)]
struct Slot {
    gpu: Gpu,
    memory: AddressSpace,
    port: Port,
}

/// The GPUs and the numbers of their ports, for the thread that lets them act. No [`Port`]: it would keep itself going.
type Hardware = Arc<Mutex<Vec<(u32, Gpu)>>>;

impl Threads {
    /// Starts the threads, `workers` of them for work items (at least one).
    ///
    /// # Panics
    ///
    /// When the operating system has no threads left.
    pub fn new(workers: usize) -> Self {
        let config = Config { name: "sim", workers, log_level: Level::Warn, interrupts: Interrupts::Thread };
        let hardware = Hardware::default();
        let started = Runtime::start(config).and_then(|runtime| {
            let (hardware, books) = (hardware.clone(), runtime.books());
            runtime.machine("sim-hardware".to_owned(), move |now| advance(&lock(&hardware), &books, now))?;
            Ok(runtime)
        });
        // Where no thread can be had there is nobody to run a test either.
        let runtime = started.expect("a thread of the simulated host");
        Self(Arc::new(Machine { runtime, slots: Mutex::default(), hardware }))
    }

    /// A GPU that is powered on now.
    pub fn power_on(&self, config: SimConfig) -> Gpu {
        Gpu::powered_on_at(config, self.now().nanos())
    }

    /// Plugs a GPU in, if it is not in already, and gives a host and a bus to probe a device with.
    pub fn attach<B: Bus + Send + Sync + 'static>(&self, gpu: &Gpu) -> (ThreadHost<B>, ThreadBus) {
        let slot = self.slot(gpu);
        slot.memory.isolate(false);
        gpu.connect_memory(Arc::new(slot.memory.clone()));
        let board = ThreadBoard::new(self.0.runtime.books(), slot.port.number());
        (ThreadHost::new(slot), SimBus::on(gpu, board))
    }

    /// What to do when a driver on `gpu` asks for removal.
    pub fn on_removal_request(&self, gpu: &Gpu, hook: RemovalHook) {
        self.slot(gpu).port.on_removal_request(hook);
    }

    /// How often a driver on `gpu` asked for removal.
    pub fn removal_requests(&self, gpu: &Gpu) -> u64 {
        self.slot(gpu).port.removal_requests()
    }

    /// The time of the hosts' clock, which is the process's.
    pub fn now(&self) -> Instant {
        threads::now()
    }

    /// How often callbacks of a kind were called.
    pub fn tally(&self, kind: Kind) -> Tally {
        self.0.runtime.books().tally(kind)
    }

    /// Callbacks registered at present.
    pub fn live_registrations(&self) -> usize {
        self.0.runtime.books().live_registrations()
    }

    /// Interrupt messages that arrived while nobody had requested the vector.
    pub fn stray_messages(&self) -> u64 {
        self.0.runtime.books().stray_messages()
    }

    /// The memory that a driver shares with `gpu`.
    pub fn memory(&self, gpu: &Gpu) -> AddressSpace {
        self.slot(gpu).memory
    }

    /// What drivers logged at `Warn` and above, oldest first.
    pub fn log(&self) -> Vec<(Instant, Level, String)> {
        self.0.runtime.books().log()
    }

    fn slot(&self, gpu: &Gpu) -> Slot {
        let mut slots = lock(&self.0.slots);
        if let Some(slot) = slots.iter().find(|slot| slot.gpu.is(gpu)) {
            return slot.clone();
        }
        let slot = Slot { gpu: gpu.clone(), memory: AddressSpace::new(), port: self.0.runtime.port() };
        lock(&self.0.hardware).push((slot.port.number(), gpu.clone()));
        slots.push(slot.clone());
        slot
    }
}

/// For those who wait from outside, such as in `Session::wait`.
impl Clock for Threads {
    fn now(&self) -> Instant {
        Self::now(self)
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Threads({} registrations)", self.live_registrations())
    }
}

/// Lets the GPUs act up to `now`; gives the time of what comes next.
fn advance(hardware: &[(u32, Gpu)], books: &Books, now: u64) -> u64 {
    let mut next = NEVER;
    for (port, gpu) in hardware {
        let (messages, event) = gpu.with(|gpu| {
            gpu.advance(now);
            (gpu.take_messages(), gpu.next_event())
        });
        next = next.min(event.unwrap_or(NEVER));
        (0..messages).for_each(|_| books.message(*port, 0));
    }
    next
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
