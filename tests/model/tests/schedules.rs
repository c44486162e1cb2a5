//! A device under load over many schedules, under shuttle.
//!
//! The ledger checks the contract at every call, access and drop; what is checked here is how it ends.
#![cfg(nova_model = "shuttle")]

use std::sync::Arc;

use nova_core::hal::{Clock as _, Instant, Nanos, Outcome};
use nova_core::lifecycle::{Outside, Refused, SessionError, State};
use nova_model::driver::{Act, Entry, Model, ModelDevice, Plan};
use nova_model::host::Slot;
use nova_model::schedules;
use nova_model::world::{PATIENT, World};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread::{self, JoinHandle, yield_now};

/// Every callback keeps all others busy.
const BUSY: Plan = Plan {
    irq: Act::QueueAll,
    work: Act::QueueAll,
    timer: Act::QueueAll,
    delayed: Act::Wake,
    probe_fails: false,
};

/// The entries a host calls.
const ENTRIES: [Entry; 4] = [Entry::Irq, Entry::Work, Entry::Timer, Entry::Delayed];

/// Threads around a device, until the end of the scenario.
struct Scene {
    world: Arc<World>,
    device: Arc<ModelDevice>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Scene {
    fn new(plan: Plan) -> Self {
        let (world, device) = World::new(plan);
        Self { world, device, over: Arc::new(AtomicBool::new(false)), threads: Vec::new() }
    }

    /// Another thread, which does its part again and again.
    fn with(mut self, part: impl Fn(&Arc<World>, &Arc<ModelDevice>) + Send + 'static) -> Self {
        let (world, device, over) = (self.world.clone(), self.device.clone(), self.over.clone());
        self.threads.push(thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                part(&world, &device);
                yield_now();
            }
        }));
        self
    }

    /// Another thread, which does its part once, some time or other.
    fn once(mut self, part: impl FnOnce(&Arc<World>, &Arc<ModelDevice>) + Send + 'static) -> Self {
        let (world, device) = (self.world.clone(), self.device.clone());
        self.threads.push(thread::spawn(move || part(&world, &device)));
        self
    }

    /// Binds and removes the device so many times, with a pause in between; then lets everybody go.
    fn rebinds(&self, bindings: usize) {
        for _ in 0..bindings {
            match self.world.probe(&self.device) {
                Ok(()) => pause(12),
                // Pulled out during probe, or somebody else has the claim at this moment.
                Err(error) => assert!(error.is_gone() || error == nova_core::lifecycle::ProbeError::Busy),
            }
            // Somebody else may have removed it.
            let _ = World::remove(&self.device);
            assert_ne!(self.device.state(), State::Bound);
        }
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("no panic");
        }
        let _ = World::remove(&self.device);
        assert!(matches!(self.device.state(), State::Removed | State::Unbound));
        self.world.ledger.check_empty();
        assert_eq!(Arc::strong_count(&self.device), 1, "L11: somebody keeps the device");
    }
}

fn pause(turns: usize) {
    for _ in 0..turns {
        yield_now();
    }
}

/// A thread of the host: an entry that is due is called.
fn run(world: &Arc<World>, entry: Entry) {
    if let Some(slot) = world.slot(entry) {
        check(&slot, slot.run());
    }
}

/// An interrupt comes.
fn interrupt(world: &Arc<World>) {
    if let Some(slot) = world.slot(Entry::Irq) {
        slot.raise();
        check(&slot, slot.run());
    }
}

fn check(slot: &Slot, outcome: Option<Outcome>) {
    if let Some(Outcome::Refused(reason)) = outcome {
        assert!(reason != Refused::NoSuchEntry, "{:?} is registered", slot.entry);
    }
}

/// A client: opens a session, calls, waits a little, and notices when its binding is over.
fn client(world: &Arc<World>, device: &Arc<ModelDevice>) {
    let Some(session) = World::session(device) else { return };
    let binding = session.call(&mut Outside::new(), |cx| {
        Model::callback(cx, Entry::Client, Act::Look)?;
        Ok(cx.data().binding)
    });
    let Ok(binding) = binding else { return };
    let until = world.now() + Nanos(30);
    for _ in 0..3 {
        let waited = session.wait(&mut Outside::new(), &**world, until, |cx| {
            Model::callback(cx, Entry::Client, Act::QueueWork)?;
            assert_eq!(cx.data().binding, binding, "L15: a session went over to a later binding");
            Ok(None::<()>)
        });
        match waited {
            Err(SessionError::Timeout) => (),
            Err(SessionError::Refused(reason)) => {
                assert!(!reason.is_temporary(), "a session waits through sleep");
                assert!(session.call(&mut Outside::new(), |_| Ok(())).is_err(), "L15: back from the dead");
                return;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What a host does about requests.
fn removals(world: &Arc<World>, device: &Arc<ModelDevice>) {
    if world.take_request() {
        let _ = World::remove_if_requested(device);
    }
}

/// Goes to sleep and wakes up.
fn nap(_: &Arc<World>, device: &Arc<ModelDevice>) {
    if device.suspend(&mut Outside::new(), PATIENT).is_ok() {
        pause(3);
        // Removed meanwhile, or gone, or somebody is at it; then it is for the others to deal with.
        let _ = device.resume(&mut Outside::new());
    }
}

#[test]
fn busy() {
    schedules("shuttle-busy", 6, 5_000, || {
        let scene = Scene::new(BUSY)
            .with(|world, _| run(world, Entry::Work))
            .with(|world, _| [Entry::Timer, Entry::Delayed].into_iter().for_each(|entry| run(world, entry)))
            .with(|world, _| interrupt(world))
            .with(client)
            .with(client);
        scene.rebinds(3);
        scene.end();
    });
}

#[test]
fn requests_from_inside() {
    schedules("shuttle-request-remove", 5, 5_000, || {
        let scene = Scene::new(Plan { work: Act::RequestRemove, ..BUSY })
            .with(|world, _| run(world, Entry::Work))
            .with(|world, _| interrupt(world))
            .with(removals)
            .with(client);
        scene.rebinds(3);
        scene.end();
    });
}

#[test]
fn pulled_out() {
    schedules("shuttle-lose", 6, 5_000, || {
        let scene = Scene::new(BUSY)
            .with(|world, _| ENTRIES.into_iter().for_each(|entry| run(world, entry)))
            .with(|world, _| interrupt(world))
            .with(removals)
            .with(client)
            .once(|_, device| {
                pause(5);
                device.lose();
                pause(20);
                device.lose();
            });
        scene.rebinds(3);
        scene.end();
    });
}

#[test]
fn found_gone() {
    schedules("shuttle-find-lost", 5, 5_000, || {
        let scene = Scene::new(Plan { delayed: Act::FindLost, ..BUSY })
            .with(|world, _| ENTRIES.into_iter().for_each(|entry| run(world, entry)))
            .with(|world, _| interrupt(world))
            .with(removals)
            .with(client);
        scene.rebinds(3);
        scene.end();
    });
}

#[test]
fn asleep() {
    schedules("shuttle-suspend", 6, 5_000, || {
        let scene = Scene::new(BUSY)
            .with(|world, _| ENTRIES.into_iter().for_each(|entry| run(world, entry)))
            .with(|world, _| interrupt(world))
            .with(|world, _| {
                // One that was on its way when the device fell asleep.
                if let Some(slot) = world.slot(Entry::Timer) {
                    check(&slot, slot.call());
                }
            })
            .with(nap)
            .with(client);
        scene.rebinds(3);
        scene.end();
    });
}

#[test]
fn nobody_sleeps_on() {
    schedules("shuttle-park", 4, 10_000, || {
        let plan = Plan { irq: Act::Look, work: Act::Look, timer: Act::Look, ..BUSY };
        let scene = Scene::new(plan);
        scene.world.probe(&scene.device).expect("nothing fails");
        let slots = [Entry::Irq, Entry::Work, Entry::Timer].map(|entry| scene.world.slot(entry));
        let callers = slots.clone().map(|slot| {
            let slot = slot.expect("registered");
            thread::spawn(move || {
                for _ in 0..3 {
                    check(&slot, slot.call());
                    yield_now();
                }
            })
        });
        for _ in 0..3 {
            nap(&scene.world, &scene.device);
        }
        for caller in callers {
            caller.join().expect("no panic");
        }
        assert_eq!(scene.device.state(), State::Bound);
        for slot in slots.iter().flatten() {
            assert!(!slot.is_owed() || slot.is_due(), "L14: {:?} was lost", slot.entry);
        }
        drop(slots);
        scene.end();
    });
}

#[test]
fn everything() {
    schedules("shuttle-everything", 8, 5_000, || {
        let scene = Scene::new(Plan { delayed: Act::RequestRemove, ..BUSY })
            .with(|world, _| ENTRIES.into_iter().for_each(|entry| run(world, entry)))
            .with(|world, _| interrupt(world))
            .with(nap)
            .with(removals)
            .with(client)
            .with(client)
            .once(|_, device| {
                pause(25);
                device.lose();
            });
        scene.rebinds(3);
        scene.end();
    });
}

#[test]
fn failed_probes() {
    schedules("shuttle-probe-fails", 4, 5_000, || {
        let scene = Scene::new(Plan { probe_fails: true, ..BUSY })
            .with(|world, _| interrupt(world))
            .with(client)
            .once(|_, device| device.lose());
        for _ in 0..3 {
            scene.world.probe(&scene.device).expect_err("told to fail");
            assert_eq!(scene.device.state(), State::Unbound);
            scene.world.ledger.check_empty();
        }
        scene.end();
    });
}

/// A time that never comes is not waited for: the checker's limit of steps would tell.
#[test]
fn waits_end_with_the_binding() {
    schedules("shuttle-wait", 3, 10_000, || {
        let (world, device) = World::bound(BUSY);
        let waiters = [(); 2].map(|()| {
            let (session, world) = (World::session(&device).expect("bound"), world.clone());
            thread::spawn(move || {
                let until = Instant(u64::MAX);
                session.wait(&mut Outside::new(), &*world, until, |cx| {
                    Model::callback(cx, Entry::Client, Act::Look).map(|()| None::<()>)
                })
            })
        });
        pause(2);
        nap(&world, &device);
        World::remove(&device).expect("nobody else");
        for waiter in waiters {
            assert!(matches!(waiter.join().expect("no panic"), Err(SessionError::Refused(_))));
        }
        world.ledger.check_empty();
    });
}
