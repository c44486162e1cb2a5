//! A round with real threads.
//!
//! Clients call from threads of their own, all the time, whether or not the device is there; this thread binds and
//! removes it under them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant as StdInstant};

use nova_core::Error;
use nova_core::driver::GpuDevice;
use nova_core::hal::{Clock, Instant, Nanos};
use nova_core::lifecycle::{Outside, ProbeError, RemoveError, State, SuspendError};
use nova_sim_glue::gpu::{Gpu, Power, SimConfig};
use nova_sim_glue::threads::{ThreadBus, ThreadHost, Threads};
use nova_sim_glue::{Kind, Rng};

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
/// A backstop that has not run so long after its alarm was set has not been set.
const AGAIN: Duration = Duration::from_secs(1);
/// One life in so many is long.
const LONG: u64 = 64;
/// A client asks for removal instead of every so manieth call.
const ASK: u64 = 1024;

/// What the threads of a round share.
struct Scene {
    threads: Threads,
    device: Arc<GpuDevice<Host>>,
    gpu: Gpu,
    tallies: Arc<Tallies>,
    round: u64,
    lost: AtomicBool,
    stop: AtomicBool,
    /// Clients pause.
    lull: AtomicBool,
    /// Clients may ask for removal.
    may_ask: AtomicBool,
    /// Bindings so far; a client's session is of the one it saw before and after opening.
    binding: AtomicU64,
    /// Sessions of earlier bindings.
    old: Mutex<Vec<Open<Host>>>,
}

/// One set of threads, one device, several bindings; the first of them has a long life if `long` says so, and any may.
pub(super) fn round(seed: u64, round: u64, long: bool, config: SimConfig, tallies: &Arc<Tallies>) {
    let threads = Threads::new(2);
    let scene = Scene {
        gpu: threads.power_on(config),
        threads,
        device: Arc::new(GpuDevice::new()),
        tallies: tallies.clone(),
        round,
        lost: AtomicBool::new(false),
        stop: AtomicBool::new(false),
        lull: AtomicBool::new(false),
        may_ask: AtomicBool::new(false),
        binding: AtomicU64::new(0),
        old: Mutex::default(),
    };
    let mut rng = Rng::new(seed);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let (scene, seed) = (&scene, rng.next());
            scope.spawn(move || scene.client(Rng::new(seed)));
        }
        for binding in 0..BINDINGS {
            let long = long && binding == 0 || rng.below(LONG) == 0;
            scene.lifecycle(&mut rng, long);
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
    fn lifecycle(&self, rng: &mut Rng, long: bool) {
        self.tallies.lifecycles.add(1);
        self.remove_when_asked();
        self.may_ask.store(!long, SeqCst);
        let ran_before = self.ran_late();
        self.binding.fetch_add(1, SeqCst);
        match self.probe() {
            Ok(()) => {
                if long {
                    self.live_long(ran_before);
                } else {
                    self.live(rng);
                }
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

    fn probe(&self) -> Result<(), ProbeError<Error>> {
        loop {
            let (host, bus) = self.threads.attach(&self.gpu);
            match self.device.probe(&mut Outside::new(), self.device.clone(), host, bus) {
                // The thread that removes on request looks whether the binding before is still to be removed.
                Err(ProbeError::Busy) => thread::yield_now(),
                other => return other,
            }
        }
    }

    /// Has the host remove the device when the driver asks for it, from a thread of its own.
    fn remove_when_asked(&self) {
        let device = Arc::downgrade(&self.device);
        let hook = move || {
            let Some(device) = device.upgrade() else { return };
            // A request that comes late must not take down the next binding, which did not ask. While another
            // thread suspends or removes the device, nobody else would come back to this.
            while device.remove_if_requested(&mut Outside::new(), LIMIT) == Err(RemoveError::Busy) {
                thread::yield_now();
            }
        };
        self.threads.on_removal_request(&self.gpu, Arc::new(hook));
    }

    /// How often timers and delayed work ran: the alarms' backstop and the heartbeat.
    fn ran_late(&self) -> [u64; 2] {
        [Kind::Timer, Kind::DelayedWork].map(|kind| self.threads.tally(kind).ran)
    }

    /// A life that lasts until the alarms' backstop and the heartbeat have run, and ends when a client asks for it.
    fn live_long(&self, [timers, delayed]: [u64; 2]) {
        let Ok(mut client) = Client::open(&self.device) else {
            return self.violate("a device that has just been bound cannot be opened");
        };
        // Each alarm that is set puts the backstop off.
        self.lull.store(true, SeqCst);
        let mut armed: Option<StdInstant> = None;
        self.until("the alarms' backstop did not run", || {
            // None is set for an alarm that had fired by then, because this thread was held up.
            if armed.is_none_or(|armed| armed.elapsed() > AGAIN) {
                armed = Some(StdInstant::now());
                if client.arm_far(&self.tallies) != Came::Ran {
                    self.violate("no alarm can be set on a GPU that is there");
                }
            }
            self.ran_late()[0] > timers
        });
        self.lull.store(false, SeqCst);
        self.until("the heartbeat did not come", || self.ran_late()[1] > delayed);
        if client.ask_for_removal(&self.tallies) != Came::Ran {
            self.violate("a client could not ask for removal");
        }
        self.until("nobody removed a device whose driver asked for it", || {
            self.device.state() == State::Removed
        });
        self.old().push(client.into_session());
    }

    /// Waits for `what` to be no longer true.
    fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let start = StdInstant::now();
        while !done() {
            if start.elapsed() > Duration::from_nanos(LIMIT.get()) {
                return self.violate(what);
            }
            thread::sleep(Duration::from_millis(1));
        }
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
        match patiently(|| self.device.suspend(&mut Outside::new(), LIMIT)) {
            Ok(()) => self.tallies.suspends.add(1),
            Err(SuspendError::State(_)) if self.device.removal_requested() => return,
            Err(error) => return self.violate(format!("a GPU that is there did not go to sleep: {error}")),
        }
        pause(rng, 300);
        match patiently(|| self.device.resume(&mut Outside::new())) {
            Ok(()) | Err(SuspendError::Gone) => (),
            Err(SuspendError::State(_)) if self.device.removal_requested() => (),
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
                    self.tallies.removed_within(took);
                    if let (Some(step), false) = (removed.failed, self.lost.load(SeqCst)) {
                        self.violate(format!("`{step}` could not be undone on a GPU that is there"));
                    }
                    return;
                }
                Err(RemoveError::State(_)) if self.device.state() == State::Removed => {
                    if !self.device.removal_requested() {
                        self.violate("the device was removed although nobody had asked for it");
                    }
                    return;
                }
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
        while self.lull.load(SeqCst) && !self.stop.load(SeqCst) {
            thread::sleep(GRAIN);
        }
        let lost_before = self.lost.load(SeqCst);
        if self.may_ask.load(SeqCst) && rng.below(ASK) == 0 {
            client.ask_for_removal(&self.tallies);
        }
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

/// Tries again while the thread that removes on request has the device.
fn patiently(f: impl Fn() -> Result<(), SuspendError<Error>>) -> Result<(), SuspendError<Error>> {
    loop {
        match f() {
            Err(SuspendError::Busy) => thread::yield_now(),
            other => return other,
        }
    }
}

/// Lets up to `us` microseconds pass.
fn pause(rng: &mut Rng, us: u64) {
    thread::sleep(Duration::from_micros(rng.below(us)));
}
