//! A round with real threads.
//!
//! Clients call from threads of their own, all the time, whether or not the device is there; this thread binds and
//! removes it under them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant as StdInstant};

use nova_core::driver::GpuDevice;
use nova_core::hal::{Clock, Instant, Nanos};
use nova_core::lifecycle::{Outside, RemoveError, State, SuspendError};
use nova_sim_glue::Rng;
use nova_sim_glue::gpu::{Gpu, Power, SimConfig};
use nova_sim_glue::threads::{ThreadBus, ThreadHost, Threads};

use super::BINDINGS;
use super::client::{Came, Client, Open, must_be_refused};
use super::tallies::{Tallies, ran};

type Host = ThreadHost<ThreadBus>;

/// How long callbacks may take to leave.
const LIMIT: Nanos = Nanos::from_secs(10);
/// Threads that call all the time.
const CLIENTS: u64 = 3;
/// Between two looks of a client whether the device is back.
const GRAIN: Duration = Duration::from_micros(20);
/// Old sessions that are kept to be tried again.
const MOST_OLD: usize = 64;
/// How long a client waits: longer than threads are ever late.
const PATIENCE: Nanos = Nanos::from_secs(8);
/// How long after a removal nothing may happen.
const STILL: Duration = Duration::from_micros(400);

/// What the threads of a round share.
struct Scene {
    threads: Threads,
    device: Arc<GpuDevice<Host>>,
    gpu: Gpu,
    tallies: Arc<Tallies>,
    round: u64,
    lost: AtomicBool,
    stop: AtomicBool,
    /// Bindings so far; a client's session is of the one it saw before and after opening.
    binding: AtomicU64,
    /// Sessions of earlier bindings.
    old: Mutex<Vec<Open<Host>>>,
}

/// One set of threads, one device, several bindings.
pub(super) fn round(seed: u64, round: u64, config: SimConfig, tallies: &Arc<Tallies>) {
    let threads = Threads::new(2);
    let scene = Scene {
        gpu: threads.power_on(config),
        threads,
        device: Arc::new(GpuDevice::new()),
        tallies: tallies.clone(),
        round,
        lost: AtomicBool::new(false),
        stop: AtomicBool::new(false),
        binding: AtomicU64::new(0),
        old: Mutex::default(),
    };
    let mut rng = Rng::new(seed);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let (scene, seed) = (&scene, rng.next());
            scope.spawn(move || scene.client(Rng::new(seed)));
        }
        for _ in 0..BINDINGS {
            scene.lifecycle(&mut rng);
        }
        scene.stop.store(true, SeqCst);
    });
    let (begun, ended) = (tallies.waits_begun.get(), tallies.waits_ended.get());
    if begun != ended {
        scene.violate(format!("{} waiters were not woken by remove", begun - ended));
    }
    tallies.take(|kind| scene.threads.tally(kind));
    tallies.accesses.add(scene.gpu.accesses());
}

impl Scene {
    fn lifecycle(&self, rng: &mut Rng) {
        self.tallies.lifecycles.add(1);
        let (host, bus) = self.threads.attach(&self.gpu);
        self.remove_when_asked();
        self.binding.fetch_add(1, SeqCst);
        match self.device.probe(&mut Outside::new(), self.device.clone(), host, bus) {
            Ok(()) => {
                self.live(rng);
                self.remove();
            }
            Err(error) => self.violate(format!("probe of a healthy GPU: {error}")),
        }
        self.tallies.removed_at.set(self.threads.now().nanos());
        self.check();
        self.lost.store(false, SeqCst);
        let now = self.threads.now().nanos();
        self.gpu.with(|gpu| {
            if gpu.power() != Power::Present {
                gpu.power_on(now);
            }
        });
    }

    /// Has the host remove the device when the driver asks for it, from a thread of its own.
    fn remove_when_asked(&self) {
        let device = Arc::downgrade(&self.device);
        let hook = move || {
            // A request that comes late must not take down the next binding, which did not ask.
            if let Some(device) = device.upgrade().filter(|device| device.removal_requested()) {
                // Busy or removed already: the other thread does it.
                let _ = device.remove_within(&mut Outside::new(), LIMIT);
            }
        };
        self.threads.on_removal_request(&self.gpu, Arc::new(hook));
    }

    /// Lets the clients have it for a while; now and then it sleeps, or is pulled out.
    fn live(&self, rng: &mut Rng) {
        pause(rng, 1_500);
        self.old_sessions();
        if rng.below(4) == 0 {
            self.sleep_and_wake(rng);
            pause(rng, 500);
        }
        if rng.below(8) == 0 {
            self.lost.store(true, SeqCst);
            self.tallies.losses.add(1);
            self.gpu.with(nova_sim_glue::gpu::SimGpu::unplug);
            pause(rng, 500);
        }
    }

    fn sleep_and_wake(&self, rng: &mut Rng) {
        match self.device.suspend(&mut Outside::new(), LIMIT) {
            Ok(()) => self.tallies.suspends.add(1),
            Err(error) => return self.violate(format!("a GPU that is there did not go to sleep: {error}")),
        }
        pause(rng, 300);
        match self.device.resume(&mut Outside::new()) {
            Ok(()) | Err(SuspendError::Gone) => (),
            Err(error) => self.violate(format!("a GPU that is there did not wake up: {error}")),
        }
    }

    fn remove(&self) {
        let start = StdInstant::now();
        let end = start + Duration::from_nanos(LIMIT.get()) * 2;
        while StdInstant::now() < end {
            match self.device.remove_within(&mut Outside::new(), LIMIT) {
                Ok(removed) => {
                    let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
                    self.tallies.worst_remove_ns.max(took);
                    if let (Some(step), false) = (removed.failed, self.lost.load(SeqCst)) {
                        self.violate(format!("`{step}` could not be undone on a GPU that is there"));
                    }
                    return;
                }
                Err(RemoveError::State(_)) if self.device.state() == State::Removed => return,
                Err(RemoveError::Blocked(blocker)) => self.violate(format!("remove is stuck: {blocker}")),
                // The host's own thread removes it.
                Err(_) => thread::yield_now(),
            }
        }
        self.violate(format!("remove does not end; the device is {}", self.device.state()));
    }

    /// What must hold of a device that is not bound, while clients go on calling.
    fn check(&self) {
        self.gpu.with(nova_sim_glue::gpu::SimGpu::raise_fence);
        let tally = |kind| self.threads.tally(kind);
        let before = ran(tally);
        let live = self.threads.live_registrations();
        if live != 0 {
            self.violate(format!("{live} registrations are left after remove"));
        }
        let bytes = self.threads.memory(&self.gpu).live_bytes();
        if bytes != 0 {
            self.violate(format!("{bytes} bytes of DMA memory are left after remove"));
        }
        self.old_sessions();
        thread::sleep(STILL);
        let after = ran(tally);
        if after != before {
            self.violate(format!("{} callbacks ran after remove", after - before));
        }
        let lines = self.gpu.with(|gpu| gpu.lines());
        if !self.lost.load(SeqCst) && !lines.are_quiet() {
            self.violate(format!("the GPU's interrupts are not quiet after remove: {lines:?}"));
        }
        let (hits, first) = self.gpu.with(nova_sim_glue::gpu::SimGpu::lower_fence);
        if hits != 0 {
            let first = first.unwrap_or_default();
            self.violate(format!("{hits} accesses reached the bus after remove, the first at {first:#x}"));
        }
    }

    /// Sessions of earlier bindings are refused, whether or not there is a new one.
    fn old_sessions(&self) {
        for session in self.old().iter() {
            if let Some(what) = must_be_refused(session, &self.tallies) {
                self.violate(what);
            }
        }
    }

    /// A thread that opens the device, uses it, and opens it again when it has gone.
    fn client(&self, mut rng: Rng) {
        while !self.stop.load(SeqCst) {
            let Ok(mut client) = Client::open(&self.device) else {
                self.tallies.sessions.refused.add(1);
                thread::sleep(GRAIN);
                continue;
            };
            while !self.stop.load(SeqCst) {
                if !self.use_once(&mut client, &mut rng) {
                    break;
                }
            }
            let mut old = self.old();
            old.push(client.into_session());
            let excess = old.len().saturating_sub(MOST_OLD);
            old.drain(..excess);
        }
    }

    /// One call; false when the device has gone for good.
    fn use_once(&self, client: &mut Client<Host>, rng: &mut Rng) -> bool {
        let lost_before = self.lost.load(SeqCst);
        match client.act(rng, &Watch(&self.threads), Some(PATIENCE), &self.tallies) {
            Came::Ran => true,
            Came::Refused(refused) if refused.is_temporary() => {
                thread::sleep(GRAIN);
                true
            }
            Came::Refused(_) => false,
            // It may have been plugged in again since.
            Came::Gone if lost_before || self.lost.load(SeqCst) => false,
            Came::Gone => {
                self.violate("a client found a GPU gone that is there");
                false
            }
            Came::Failed(error) => {
                self.violate(format!("a client's call failed: {error}"));
                false
            }
        }
    }

    fn old(&self) -> std::sync::MutexGuard<'_, Vec<Open<Host>>> {
        self.old.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn violate(&self, what: impl Into<String>) {
        self.tallies.violate(self.round, what);
    }
}

struct Watch<'a>(&'a Threads);

impl Clock for Watch<'_> {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

/// Lets up to `us` microseconds pass.
fn pause(rng: &mut Rng, us: u64) {
    thread::sleep(Duration::from_micros(rng.below(us)));
}
