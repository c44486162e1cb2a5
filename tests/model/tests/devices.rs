//! A device through its public API, under loom.
//!
//! The host adds no order of its own where it can: its flags are relaxed, its event is one counter.
//! Everything that a thread uses is made before the threads are, because loom wants that.
#![cfg(nova_model = "loom")]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use loom::thread::{self, JoinHandle};
use nova_core::hal::Outcome;
use nova_core::lifecycle::{Outside, Refused, SessionError, State};
use nova_model::driver::{Act, Entry, Model, ModelDevice, Plan};
use nova_model::host::FOREVER;
use nova_model::world::{PATIENT, World};
use nova_model::{explore, explore_within};

const LOOK: Plan =
    Plan { irq: Act::Look, work: Act::Look, timer: Act::Look, delayed: Act::Look, probe_fails: false };

/// The host calls an entry, and keeps at it as long as it is due.
fn caller(world: &World, entry: Entry) -> JoinHandle<Option<Outcome>> {
    let slot = world.slot(entry).expect("registered");
    thread::spawn(move || slot.call())
}

/// The hardware goes away.
fn loser(device: &Arc<ModelDevice>) -> JoinHandle<()> {
    let device = device.clone();
    thread::spawn(move || device.lose())
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no panic")
}

/// Whether a call that was refused for good was refused for one of these reasons.
fn ran_or(outcome: Option<Outcome>, reasons: &[Refused]) {
    match outcome {
        Some(Outcome::Refused(reason)) => assert!(reasons.contains(&reason), "{reason:?}"),
        Some(Outcome::Failed) => panic!("nothing fails"),
        Some(_) | None => (),
    }
}

/// Reasons of a device that is being removed. `Suspended` is what one is told who comes between the closing
/// of the gate and the moment at which he can see why.
const REMOVING: &[Refused] = &[Refused::Suspended, Refused::Removing, Refused::Removed, Refused::Lost];

/// Nothing is left of a device that was removed; and it can be bound once more.
fn check_removed(world: &Arc<World>, device: &Arc<ModelDevice>) {
    assert_eq!(device.state(), State::Removed);
    world.ledger.check_empty();
}

#[test]
fn remove_waits_for_callbacks() {
    explore("device-callbacks-remove", 3, || {
        let (world, device) = World::bound(LOOK);
        let callers = [Entry::Irq, Entry::Work].map(|entry| caller(&world, entry));
        World::remove(&device).expect("nobody else removes");
        check_removed(&world, &device);
        for caller in callers {
            ran_or(join(caller), REMOVING);
        }
    });
}

#[test]
fn a_request_from_inside_is_not_lost() {
    explore_within(2, "device-request-remove", 3, || {
        let (world, device) = World::bound(Plan { work: Act::RequestRemove, ..LOOK });
        let work = caller(&world, Entry::Work);
        let (remover, host) = (device.clone(), world.clone());
        let remover = thread::spawn(move || {
            // As `Host::removal_requested` asks for: once after each request.
            let removed = loop {
                while !host.take_request() {
                    thread::yield_now();
                }
                if let Some(removed) = World::remove_if_requested(&remover).expect("nobody else removes") {
                    break removed;
                }
            };
            assert!(!removed.lost);
        });
        // Somebody else may have the claim, so that the remover comes at the wrong time.
        let _ = device.suspend(&mut Outside::new(), PATIENT);
        let _ = device.resume(&mut Outside::new());
        join(work);
        // A request of work that was parked comes with its replay.
        world.settle();
        join(remover);
        check_removed(&world, &device);
    });
}

#[test]
fn work_that_queues_itself_ends_with_remove() {
    explore("device-requeue-remove", 2, || {
        let (world, device) = World::bound(Plan { work: Act::QueueWork, ..LOOK });
        let slot = world.slot(Entry::Work).expect("registered");
        slot.raise();
        let worker = slot.clone();
        let worker = thread::spawn(move || {
            for _ in 0..2 {
                if let Some(Outcome::Refused(reason)) = worker.run() {
                    assert!(REMOVING.contains(&reason), "{reason:?}");
                }
            }
        });
        World::remove(&device).expect("nobody else removes");
        check_removed(&world, &device);
        assert!(!slot.is_due() && slot.run().is_none(), "L6: work after remove");
        join(worker);
        assert!(!slot.is_due() && slot.run().is_none(), "L6: work after remove");
    });
}

#[test]
fn who_is_refused_during_sleep_runs_after_it() {
    explore("device-park-resume", 2, || {
        let (world, device) = World::bound(LOOK);
        let irq = caller(&world, Entry::Irq);
        device.suspend(&mut Outside::new(), PATIENT).expect("nobody else");
        device.resume(&mut Outside::new()).expect("nobody else");
        ran_or(join(irq), &[Refused::Suspended]);
        world.settle();
        assert_ne!(world.ledger.read().ran[Entry::Irq as usize], 0, "L14: an edge was lost");
        World::remove(&device).expect("nobody else");
        check_removed(&world, &device);
    });
}

#[test]
fn two_who_are_refused_during_sleep_run_after_it() {
    explore_within(3, "device-park-two", 3, || {
        let (world, device) = World::bound(LOOK);
        device.suspend(&mut Outside::new(), PATIENT).expect("nobody else");
        let callers = [Entry::Irq, Entry::Work].map(|entry| caller(&world, entry));
        device.resume(&mut Outside::new()).expect("nobody else");
        for caller in callers {
            ran_or(join(caller), &[Refused::Suspended]);
        }
        world.settle();
        let ran = world.ledger.read().ran;
        assert!(ran[Entry::Irq as usize] >= 1 && ran[Entry::Work as usize] >= 1, "L14: lost: {ran:?}");
        World::remove(&device).expect("nobody else");
    });
}

/// After a `lose` has returned: the binding it came in is lost and closed, or it is over.
fn check_lost(world: &World, device: &ModelDevice) {
    let lost = device.is_lost();
    let state = device.state();
    assert_eq!(lost, state == State::Lost, "{state:?}");
    let before = world.ledger.read().ran;
    if let Some(slot) = world.slot(Entry::Work) {
        ran_or(slot.call(), if lost { &[Refused::Lost] } else { &[] });
    }
    assert_eq!(lost, before == world.ledger.read().ran);
}

#[test]
fn a_loss_during_probe_is_seen() {
    explore_within(3, "device-lose-probe", 2, || {
        let (world, device) = World::new(LOOK);
        let loser = loser(&device);
        let probed = world.probe(&device);
        join(loser);
        match probed {
            Ok(()) => {
                check_lost(&world, &device);
                World::remove(&device).expect("bound or lost");
            }
            Err(error) => assert!(error.is_gone(), "{error:?}"),
        }
        world.ledger.check_empty();
    });
}

#[test]
fn a_loss_during_resume_is_seen() {
    explore_within(3, "device-lose-resume", 2, || {
        let (world, device) = World::bound(LOOK);
        device.suspend(&mut Outside::new(), PATIENT).expect("nobody else");
        let loser = loser(&device);
        let _ = device.resume(&mut Outside::new());
        join(loser);
        assert!(device.is_lost(), "a loss went by");
        check_lost(&world, &device);
        assert!(World::remove(&device).expect("it is lost").lost);
        check_removed(&world, &device);
    });
}

#[test]
fn a_late_loss_does_not_hit_the_next_binding_by_half() {
    explore_within(3, "device-lose-rebind", 2, || {
        let (world, device) = World::bound(LOOK);
        // Known outside of the model, so that asking orders nothing.
        let lost = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (loser, done) = (device.clone(), lost.clone());
        let loser = thread::spawn(move || {
            loser.lose();
            done.store(true, Ordering::Relaxed);
        });
        World::remove(&device).expect("bound or lost");
        let before = lost.load(Ordering::Relaxed);
        let probed = world.probe(&device);
        join(loser);
        match probed {
            Ok(()) => check_lost(&world, &device),
            Err(error) => assert!(error.is_gone(), "{error:?}"),
        }
        assert!(!before || (probed.is_ok() && !device.is_lost()), "the loss was that of the binding before");
        let _ = World::remove(&device);
        world.ledger.check_empty();
    });
}

#[test]
fn a_loss_and_a_callback_and_remove() {
    explore_within(3, "device-lose-callback-remove", 3, || {
        let (world, device) = World::bound(LOOK);
        let loser = loser(&device);
        let work = caller(&world, Entry::Work);
        World::remove(&device).expect("bound or lost");
        check_removed(&world, &device);
        ran_or(join(work), REMOVING);
        join(loser);
        assert_eq!(device.state(), State::Removed);
    });
}

#[test]
fn a_callback_that_finds_the_loss_has_it_removed() {
    explore_within(3, "device-find-lost", 2, || {
        let (world, device) = World::bound(Plan { work: Act::FindLost, ..LOOK });
        let work = caller(&world, Entry::Work);
        while !world.take_request() {
            thread::yield_now();
        }
        let removed = World::remove_if_requested(&device).expect("nobody else removes");
        assert!(removed.is_some_and(|removed| removed.lost), "asked for and not done");
        check_removed(&world, &device);
        assert_eq!(join(work), Some(Outcome::Failed));
    });
}

#[test]
fn a_session_that_waits_is_woken_by_remove() {
    explore("device-session-wait-remove", 2, || {
        let (world, device) = World::bound(LOOK);
        let (session, clock) = (World::session(&device).expect("bound"), world.clone());
        let session = thread::spawn(move || {
            session.wait(&mut Outside::new(), &*clock, FOREVER, |cx| {
                Model::callback(cx, Entry::Client, Act::Look).map(|()| None::<()>)
            })
        });
        World::remove(&device).expect("nobody else removes");
        check_removed(&world, &device);
        let refused = join(session).expect_err("there never is a value");
        assert!(
            matches!(refused, SessionError::Refused(Refused::Removing | Refused::Removed)),
            "{refused:?}"
        );
    });
}

#[test]
fn a_session_that_waits_is_woken_by_a_callback() {
    explore("device-session-wait-wake", 3, || {
        let (world, device) = World::bound(Plan { work: Act::Wake, ..LOOK });
        let (session, host) = (World::session(&device).expect("bound"), world.clone());
        let session = thread::spawn(move || {
            session.wait(&mut Outside::new(), &*host, FOREVER, |cx| {
                Model::callback(cx, Entry::Client, Act::Look)?;
                Ok((host.ledger.read().ran[Entry::Work as usize] != 0).then_some(()))
            })
        });
        let work = caller(&world, Entry::Work);
        let work = join(work);
        assert_eq!(work, Some(Outcome::Work));
        assert_eq!(join(session), Ok(()));
        World::remove(&device).expect("nobody else removes");
        check_removed(&world, &device);
    });
}

#[test]
fn a_session_belongs_to_its_binding() {
    explore("device-session-rebind", 2, || {
        let (world, device) = World::bound(LOOK);
        let session = World::session(&device).expect("bound");
        let session = thread::spawn(move || {
            session.call(&mut Outside::new(), |cx| {
                assert_eq!(cx.data().binding, 1, "L15: a call into a later binding");
                Model::callback(cx, Entry::Client, Act::Look)
            })
        });
        World::remove(&device).expect("nobody else removes");
        world.probe(&device).expect("it was removed");
        match join(session) {
            Ok(()) | Err(SessionError::Refused(_)) => (),
            Err(error) => panic!("{error:?}"),
        }
        World::remove(&device).expect("nobody else removes");
        check_removed(&world, &device);
    });
}

#[test]
fn who_sees_a_device_removed_sees_it_freed() {
    explore("device-state-removed", 2, || {
        let (world, device) = World::bound(LOOK);
        let watcher = device.clone();
        let freed = world.freed.clone();
        let watcher = thread::spawn(move || {
            if watcher.state() == State::Removed {
                // Plain memory that the drop of the driver's state has written.
                drop(freed.read());
            }
        });
        World::remove(&device).expect("nobody else removes");
        join(watcher);
    });
}

#[test]
fn two_who_remove() {
    explore_within(2, "device-two-removes", 3, || {
        let (world, device) = World::bound(LOOK);
        let other = device.clone();
        let other = thread::spawn(move || World::remove(&other).is_ok());
        let work = caller(&world, Entry::Work);
        let here = World::remove(&device).is_ok();
        assert!(join(other) ^ here, "removed once, and by one");
        check_removed(&world, &device);
        ran_or(join(work), REMOVING);
    });
}
