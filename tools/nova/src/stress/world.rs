//! A round on the deterministic scheduler.
//!
//! Everything that happens to the device is posted as an action at a random moment. The world runs an action
//! wherever it likes, also on top of a callback in the middle of an access; a removal there finds the callback
//! inside, says so, and goes on later.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_core::driver::GpuDevice;
use nova_core::hal::{Clock, Instant, Nanos};
use nova_core::lifecycle::{Outside, RemoveError, State, SuspendError};
use nova_sim_glue::Rng;
use nova_sim_glue::gpu::{Gpu, Power, SimConfig};
use nova_sim_glue::world::{World, WorldBus, WorldHost};

use super::BINDINGS;
use super::client::{Came, Client, Open, must_be_refused};
use super::tallies::{Tallies, ran};

type Host = WorldHost<WorldBus>;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
/// How long a client waits: longer than an alarm's backstop.
const PATIENCE: Nanos = Nanos(50 * MS);
/// A removal that has not come to its end after so many tries never will.
const MOST_TRIES: u32 = 100_000;

/// What actions share.
struct Scene {
    device: Arc<GpuDevice<Host>>,
    gpu: Gpu,
    tallies: Arc<Tallies>,
    round: u64,
    clients: Mutex<Vec<Client<Host>>>,
    old: Mutex<Vec<Open<Host>>>,
    /// When the first try to remove this binding began, plus one.
    removing_since: AtomicU64,
    lost: AtomicBool,
}

/// One world, one device, several bindings.
pub(super) fn round(seed: u64, round: u64, config: SimConfig, tallies: &Arc<Tallies>) {
    let cell = Arc::new(GpuDevice::<Host>::new());
    let left = Arc::downgrade(&cell);
    let run = catch_unwind(AssertUnwindSafe(|| {
        let world = World::new(seed);
        let scene = Arc::new(Scene {
            device: cell,
            gpu: Gpu::new(config),
            tallies: tallies.clone(),
            round,
            clients: Mutex::default(),
            old: Mutex::default(),
            removing_since: AtomicU64::new(0),
            lost: AtomicBool::new(false),
        });
        for _ in 0..BINDINGS {
            scene.lifecycle(&world);
        }
        scene.settle(&world);
    }));
    match run {
        Err(panic) => tallies.violate(round, format!("panic: {}", text(&*panic))),
        Ok(()) if left.strong_count() > 0 => {
            tallies.violate(round, "the device cell is still referred to after everything was dropped");
        }
        Ok(()) => (),
    }
}

/// What a panic said, as far as it can be told.
fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

impl Scene {
    /// Probe, use, remove, check.
    fn lifecycle(self: &Arc<Self>, world: &World) {
        self.tallies.lifecycles.add(1);
        self.removing_since.store(0, Relaxed);
        self.lost.store(false, Relaxed);
        let life = match world.random(64) {
            // Long enough for a heartbeat and for an alarm's backstop.
            0 => 120 * MS,
            1..=4 => 25 * MS,
            _ => 20 * US + world.random(300 * US),
        };
        self.plan(world, life);
        let (host, bus) = world.attach(&self.gpu);
        let hook = self.clone();
        world.on_removal_request(&self.gpu, Arc::new(move |world: &World| hook.try_remove(world)));
        match self.device.probe(&mut Outside::new(), self.device.clone(), host, bus) {
            Ok(()) => {
                self.open(world, life);
                self.live(world, life);
                self.remove(world);
            }
            Err(error) if error.is_gone() && self.lost.load(Relaxed) => self.tallies.probes_undone.add(1),
            Err(error) => self.violate(format!("probe of a healthy GPU: {error}")),
        }
        self.check(world);
        self.gpu.with(|gpu| {
            if gpu.power() != Power::Present {
                gpu.power_on(world.now().nanos());
            }
        });
    }

    /// Lets everything run until the life is over, or a removal has begun.
    ///
    /// Only here do clients wait, with nobody underneath: one that waits on top of an interrupt handler keeps
    /// that from being called again, which no thread could.
    fn live(self: &Arc<Self>, world: &World, life: u64) {
        let end = world.now() + Nanos(life);
        let over = || self.removing_since.load(Relaxed) != 0 || self.device.state() == State::Removed;
        while world.now() < end && !over() {
            if world.random(8) == 0 {
                self.client(world, Some(PATIENCE));
            } else if !world.step() {
                return;
            }
        }
    }

    /// Posts what will happen to the device from outside: removal, and now and then sleep or loss.
    fn plan(self: &Arc<Self>, world: &World, life: u64) {
        // Every fourth lives until its end.
        self.post(world, world.random(life + life / 3), "remove", Self::try_remove);
        if world.random(4) == 0 {
            self.post(world, world.random(life), "suspend", Self::try_suspend);
        }
        if world.random(8) == 0 {
            self.post(world, world.random(life), "unplug", |scene, _| {
                scene.lost.store(true, Relaxed);
                scene.tallies.losses.add(1);
                scene.gpu.with(nova_sim_glue::gpu::SimGpu::unplug);
            });
        }
    }

    /// Opens the device a few times and posts what the clients do.
    fn open(self: &Arc<Self>, world: &World, life: u64) {
        for _ in 0..=world.random(3) {
            // Refused when the removal came first.
            if let Ok(client) = Client::open(&self.device) {
                lock(&self.clients).push(client);
            }
        }
        self.post(world, world.random(life), "old sessions", |scene, _| scene.old_sessions());
        for _ in 0..2 + world.random(24) {
            self.post(world, world.random(life), "client", |scene, world| scene.client(world, None));
        }
    }

    fn post(
        self: &Arc<Self>,
        world: &World,
        after: u64,
        name: &'static str,
        action: impl FnOnce(&Arc<Self>, &World) + Send + 'static,
    ) {
        let scene = self.clone();
        world.post(world.now() + Nanos(after), name, move |world| action(&scene, world));
    }

    /// A client does something; one that is in the middle of something is left alone.
    fn client(&self, world: &World, patience: Option<Nanos>) {
        let drawn = {
            let mut clients = lock(&self.clients);
            let count = clients.len() as u64;
            (count > 0).then(|| clients.swap_remove(world.random(count) as usize))
        };
        let Some(mut client) = drawn else { return };
        let mut rng = Rng::new(world.random(u64::MAX));
        let came = client.act(&mut rng, &Watch(world), patience, &self.tallies);
        if let Came::Failed(error) = came {
            self.violate(format!("a client's call failed on a GPU that is there: {error}"));
        }
        if came == Came::Gone && !self.lost.load(Relaxed) {
            self.violate("a client found a GPU gone that is there");
        }
        lock(&self.clients).push(client);
    }

    /// Removes the device, or begins to: a callback that this interrupted stays inside for ever.
    fn try_remove(self: &Arc<Self>, world: &World) {
        let now = world.now().nanos();
        let limit = Nanos(world.random(20 * US));
        match self.device.remove_within(&mut Outside::new(), limit) {
            Ok(removed) => {
                self.tallies.removed_at.set(world.now().nanos());
                let since = self.removing_since.load(Relaxed).checked_sub(1).unwrap_or(now);
                self.tallies.removed_within(world.now().nanos().saturating_sub(since));
                if let (Some(step), false) = (removed.failed, self.lost.load(Relaxed)) {
                    self.violate(format!("`{step}` could not be undone on a GPU that is there"));
                }
            }
            Err(RemoveError::Blocked(_)) => {
                self.tallies.removes_blocked.add(1);
                let _ = self.removing_since.compare_exchange(0, now + 1, Relaxed, Relaxed);
            }
            // Not bound yet, or removed already; or somebody else is at it.
            Err(_) => (),
        }
    }

    fn try_suspend(self: &Arc<Self>, world: &World) {
        match self.device.suspend(&mut Outside::new(), Nanos(world.random(20 * US))) {
            Ok(()) => {
                self.tallies.suspends.add(1);
                self.post(world, world.random(100 * US), "resume", Self::try_resume);
            }
            Err(SuspendError::Driver { step, error }) if !self.lost.load(Relaxed) => {
                self.violate(format!("`{step}` did not go to sleep: {error}"));
            }
            // Somebody is inside, or the device is not there (any more).
            Err(_) => (),
        }
    }

    fn try_resume(self: &Arc<Self>, world: &World) {
        match self.device.resume(&mut Outside::new()) {
            Err(SuspendError::Busy) => self.post(world, 10 * US, "resume", Self::try_resume),
            Err(SuspendError::Driver { step, error }) if !self.lost.load(Relaxed) => {
                self.violate(format!("`{step}` did not wake up: {error}"));
            }
            _ => (),
        }
    }

    /// Removes the device to the end.
    fn remove(self: &Arc<Self>, world: &World) {
        for _ in 0..MOST_TRIES {
            self.try_remove(world);
            if self.device.state() == State::Removed {
                return;
            }
            world.run_for(Nanos(5 * US));
        }
        self.violate(format!("remove does not end; the device is {}", self.device.state()));
    }

    /// What must hold of a device that is not bound.
    fn check(self: &Arc<Self>, world: &World) {
        world.expect_no_access(&self.gpu);
        let before = ran(|kind| world.tally(kind));
        let clients: Vec<_> = std::mem::take(&mut *lock(&self.clients));
        lock(&self.old).extend(clients.into_iter().map(Client::into_session));
        world.run_for(Nanos(world.random(2 * MS)));
        let after = ran(|kind| world.tally(kind));
        if after != before {
            self.violate(format!("{} callbacks ran after remove", after - before));
        }
        let live = world.live_registrations();
        if live != 0 {
            self.violate(format!("{live} registrations are left after remove"));
        }
        let bytes = world.memory(&self.gpu).live_bytes();
        if bytes != 0 {
            self.violate(format!("{bytes} bytes of DMA memory are left after remove"));
        }
        let lines = self.gpu.with(|gpu| gpu.lines());
        if !self.lost.load(Relaxed) && !lines.are_quiet() {
            self.violate(format!("the GPU's interrupts are not quiet after remove: {lines:?}"));
        }
        self.old_sessions();
        for (_, violation) in world.violations() {
            self.violate(violation.to_string());
        }
    }

    /// Sessions of earlier bindings are refused, whether or not there is a new one.
    fn old_sessions(&self) {
        for session in lock(&self.old).iter() {
            if let Some(what) = must_be_refused(session, &self.tallies) {
                self.violate(what);
            }
        }
    }

    /// The end of a round: nobody waits any more, and the books are added up.
    fn settle(self: &Arc<Self>, world: &World) {
        world.run_for(Nanos(200 * MS));
        let (begun, ended) = (self.tallies.waits_begun.get(), self.tallies.waits_ended.get());
        if begun != ended {
            self.violate(format!("{} waiters were not woken by remove", begun - ended));
        }
        self.tallies.take(|kind| world.tally(kind));
        self.tallies.accesses.add(self.gpu.accesses());
    }

    fn violate(&self, what: impl Into<String>) {
        self.tallies.violate(self.round, what);
    }
}

/// The world's clock for those who wait in it.
struct Watch<'a>(&'a World);

impl Clock for Watch<'_> {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
