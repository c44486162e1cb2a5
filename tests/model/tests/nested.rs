//! A device and its child over many schedules, under shuttle.
//!
//! Each has a ledger; the parent's checks that the child is gone before anything of the parent is taken down,
//! and asleep before the parent is.
#![cfg(nova_model = "shuttle")]

use std::sync::Arc;

use nova_core::lifecycle::{Outside, RemoveError, State};
use nova_model::child::{self, Leaf, LeafDevice, NotBound};
use nova_model::driver::{Act, Entry, ModelDevice, Plan};
use nova_model::schedules;
use nova_model::world::{PATIENT, World};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread::{self, yield_now};

const PLAN: Plan =
    Plan { irq: Act::QueueAll, work: Act::Look, timer: Act::Wake, delayed: Act::Look, probe_fails: false };

/// Parent and child.
struct Family {
    world: Arc<World>,
    device: Arc<ModelDevice>,
    below: Arc<World>,
    leaf: Arc<LeafDevice>,
}

fn pause(turns: usize) {
    for _ in 0..turns {
        yield_now();
    }
}

impl Family {
    fn new() -> Arc<Self> {
        let (world, device) = World::new(PLAN);
        let (below, leaf) = child::child_of(&world);
        Arc::new(Self { world, device, below, leaf })
    }

    fn run(&self) {
        for (world, entry) in
            [(&self.world, Entry::Work), (&self.world, Entry::Timer), (&self.below, Entry::Work)]
        {
            if let Some(slot) = world.slot(entry) {
                slot.run();
            }
        }
    }

    fn interrupt(&self) {
        if let Some(slot) = self.world.slot(Entry::Irq) {
            slot.raise();
            slot.run();
        }
    }

    fn client(&self) {
        let Some(session) = child::session(&self.leaf) else { return };
        let _ = session.call(&mut Outside::new(), |cx| Leaf::callback(cx, Entry::Client));
    }

    /// The child comes, as often as it is not there; its bus fits one binding of the parent.
    fn join(&self) {
        match child::bind(&self.below, &self.leaf, &self.device) {
            // The parent is not there, or has gone meanwhile; the child is there already.
            Ok(()) | Err(NotBound::Join(_)) => (),
            Err(NotBound::Probe(error)) => assert!(
                !matches!(error, nova_core::lifecycle::ProbeError::Driver { .. }),
                "nothing fails: {error:?}"
            ),
        }
    }

    /// The child goes, by itself.
    fn part(&self) {
        let _ = self.leaf.remove_within(&mut Outside::new(), PATIENT);
    }

    fn requests(&self) {
        if self.below.take_request() {
            while let Err(RemoveError::Busy) = self.leaf.remove_if_requested(&mut Outside::new(), PATIENT) {
                yield_now();
            }
        }
        if self.world.take_request() {
            let _ = World::remove_if_requested(&self.device);
        }
    }

    fn nap(&self) {
        if self.device.suspend(&mut Outside::new(), PATIENT).is_ok() {
            pause(2);
            let _ = self.device.resume(&mut Outside::new());
        }
    }
}

/// A scenario: what threads do again and again while the parent is bound and removed.
fn scenario(parts: &[fn(&Family)], once: Option<fn(&Family)>) {
    let (family, over) = (Family::new(), Arc::new(AtomicBool::new(false)));
    let mut threads: Vec<_> = parts
        .iter()
        .map(|part| {
            let (family, over, part) = (family.clone(), over.clone(), *part);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    part(&family);
                    yield_now();
                }
            })
        })
        .collect();
    if let Some(once) = once {
        let family = family.clone();
        threads.push(thread::spawn(move || once(&family)));
    }
    for _ in 0..2 {
        if let Err(error) = family.world.probe(&family.device) {
            assert!(error.is_gone() || error == nova_core::lifecycle::ProbeError::Busy, "{error:?}");
        }
        pause(15);
        let _ = World::remove(&family.device);
        assert_ne!(family.device.state(), State::Bound);
    }
    over.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("no panic");
    }
    let _ = World::remove(&family.device);
    family.world.ledger.check_empty();
    family.below.ledger.check_empty();
    assert_ne!(family.leaf.state(), State::Bound, "a child without a parent");
    assert_eq!(Arc::strong_count(&family.device), 1, "L11: somebody keeps the parent");
    assert_eq!(Arc::strong_count(&family.leaf), 1, "L11: somebody keeps the child");
}

#[test]
fn the_parent_goes_under_a_busy_child() {
    schedules("shuttle-nested", 6, 3_000, || {
        scenario(&[Family::run, Family::interrupt, Family::client, Family::join, Family::requests], None);
    });
}

#[test]
fn the_child_comes_and_goes() {
    schedules("shuttle-nested-rejoin", 5, 3_000, || {
        scenario(&[Family::run, Family::client, Family::join, Family::part], None);
    });
}

#[test]
fn they_sleep_together() {
    schedules("shuttle-nested-suspend", 6, 3_000, || {
        scenario(&[Family::run, Family::client, Family::join, Family::nap, Family::part], None);
    });
}

#[test]
fn they_are_lost_together() {
    schedules("shuttle-nested-lose", 6, 3_000, || {
        scenario(
            &[Family::run, Family::client, Family::join, Family::requests],
            Some(|family| {
                pause(10);
                family.device.lose();
            }),
        );
    });
}
