//! The contract, line by line, on a toy driver in the deterministic world.
//!
//! Each test makes one situation by hand. `random.rs` has the same lines over random schedules.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nova_core::hal::{Instant, Nanos, Outcome};
use nova_core::lifecycle::{
    EntryKind, Outside, ProbeError, Refused, RemoveError, SessionError, State, SuspendError, Transition,
};
use nova_sim_glue::Kind;
use nova_sim_glue::world::{What, WorldConfig};
use nova_tests::toy::{self, Plan, Toy, ToyDevice, ToyError};
use nova_tests::toybench::ToyBench;

/// Registrations and steps in reverse, as the diary shows the steps.
fn steps_down() -> Vec<String> {
    ["third", "second", "first"].map(|step| format!("down {step}")).to_vec()
}

fn only(lines: &[String], prefixes: &[&str]) -> Vec<String> {
    lines.iter().filter(|l| prefixes.iter().any(|p| l.starts_with(p))).cloned().collect()
}

#[test]
fn l01_after_remove_no_access_reaches_the_bus() {
    let bench = ToyBench::busy(1);
    bench.run(200);
    assert!(bench.gpu.accesses() > 100, "the toy was not busy");
    bench.device.remove(&mut Outside::new()).expect("is removed");
    bench.world.expect_no_access(&bench.gpu);
    let before = bench.gpu.accesses();
    bench.run(10_000);
    assert_eq!(bench.gpu.accesses(), before);
    bench.assert_clean(0);
}

#[test]
fn l01_after_remove_the_device_does_not_reach_memory() {
    let bench = ToyBench::new(11, Plan::default());
    bench.probe().expect("binds");
    let memory = bench.world.memory(&bench.gpu);
    let buffer = memory.allocate(64, 32).expect("there is some");
    let address = nova_core::hal::DmaMemory::bus_address(&buffer);
    memory.device_write(address, b"bound").expect("it is reached");
    bench.device.remove(&mut Outside::new()).expect("is removed");
    assert!(memory.device_write(address, b"removed").is_err());
    bench.assert_clean(0);
}

#[test]
fn l02_after_remove_no_callback_runs() {
    let bench = ToyBench::busy(2);
    let client = bench.client().expect("opens");
    bench.run(200);
    bench.device.remove(&mut Outside::new()).expect("is removed");
    let (ran, _) = bench.calls();
    let in_diary = toy::diary(|diary| diary.ran);
    bench.gpu.with(|gpu| gpu.raise(129));
    bench.run(10_000);
    let called = client.call(&mut Outside::new(), |_| {
        toy::diary(|diary| diary.ran += 1);
        Ok(())
    });
    assert_eq!(called, Err(SessionError::Refused(Refused::Removed)));
    assert_eq!(bench.calls().0, ran);
    assert_eq!(toy::diary(|diary| diary.ran), in_diary);
    bench.assert_clean(1);
}

/// Has `inside` happen in the middle of a client's call.
fn in_a_call(bench: &ToyBench, inside: impl FnOnce()) {
    let client = bench.client().expect("opens");
    let called = client.call(&mut Outside::new(), |_| {
        inside();
        Ok(())
    });
    assert_eq!(called, Ok(()));
}

#[test]
fn l03_remove_waits_for_a_callback_that_is_inside() {
    let bench = ToyBench::new(3, Plan::default());
    bench.probe().expect("binds");
    in_a_call(&bench, || {
        let removed = bench.device.remove_within(&mut Outside::new(), Nanos::from_millis(1));
        assert!(matches!(removed, Err(RemoveError::Blocked(_))), "{removed:?}");
        assert_eq!(toy::read().iter().filter(|l| l.starts_with('d')).count(), 0, "something was torn down");
    });
    // The caller has left; now it goes through at once.
    bench.device.remove_within(&mut Outside::new(), Nanos::ZERO).expect("is removed");
    bench.assert_clean(0);
}

#[test]
fn l05_an_entry_after_remove_began_is_refused_and_touches_nothing() {
    let bench = ToyBench::busy(5);
    let other = bench.client().expect("opens");
    bench.run(100);
    in_a_call(&bench, || {
        let blocked = bench.device.remove_within(&mut Outside::new(), Nanos::ZERO);
        assert!(matches!(blocked, Err(RemoveError::Blocked(_))));
        let (ran, refused) = bench.calls();
        let accesses = toy::diary(|diary| diary.accesses);
        bench.run(100);
        assert_eq!(bench.calls().0, ran, "a callback was let in");
        assert!(bench.calls().1 > refused, "nobody knocked");
        assert_eq!(toy::diary(|diary| diary.accesses), accesses);
        let late = other.call(&mut Outside::new(), |_| Ok(()));
        assert_eq!(late, Err(SessionError::Refused(Refused::Removing)));
    });
    bench.device.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean(1);
}

#[test]
fn l06_work_that_requeues_itself_ends_with_remove() {
    for seed in 0..20 {
        let bench = ToyBench::busy(seed);
        bench.run(300);
        let ran = toy::diary(|diary| diary.ran);
        assert!(ran > 50, "not busy: {ran}");
        let before = bench.world.now();
        bench.device.remove(&mut Outside::new()).expect("is removed");
        let took = bench.world.now().since(before);
        assert!(took < Nanos::from_millis(1), "remove was stalled: {took}");
        bench.assert_clean(0);
    }
}

#[test]
fn l07_teardown_is_the_exact_reverse_of_registration() {
    let bench = ToyBench::new(7, Plan::default());
    bench.probe().expect("binds");
    let up = only(&toy::read(), &["up"]);
    assert_eq!(up, Toy::ORDER.map(|what| format!("up {what}")));
    bench.device.remove(&mut Outside::new()).expect("is removed");
    let down = only(&toy::read(), &["down", "drop"]);
    assert_eq!(down, [steps_down(), vec!["drop state 1".to_owned()]].concat());
    // The host has seen the registrations go in reverse as well: its journal says so.
    let slots = |pick: fn(What) -> Option<u32>| -> Vec<u32> {
        bench.world.journal().iter().filter_map(|record| pick(record.what)).collect()
    };
    let mut registered = slots(|what| if let What::Registered(_, slot) = what { Some(slot) } else { None });
    let cancelled = slots(|what| if let What::Cancelled(slot) = what { Some(slot) } else { None });
    assert_eq!(registered.len(), 5);
    registered.reverse();
    assert_eq!(cancelled, registered);
    bench.assert_clean(0);
}

#[test]
fn l07_a_probe_that_fails_undoes_exactly_what_it_did() {
    for (place, what) in Toy::ORDER.into_iter().enumerate() {
        let bench = ToyBench::new(70, Plan { fail_at: Some(place), ..Plan::default() });
        let failed = bench.probe().expect_err("fails");
        assert!(matches!(failed, ProbeError::Driver { error: ToyError::Told, .. }), "{failed:?}");
        let lines = toy::read();
        let done: Vec<_> = Toy::ORDER.into_iter().take(place).collect();
        assert_eq!(only(&lines, &["up"]), done.iter().map(|w| format!("up {w}")).collect::<Vec<_>>());
        let expected: Vec<_> =
            steps_down().into_iter().filter(|l| done.iter().any(|w| *l == format!("down {w}"))).collect();
        assert_eq!(only(&lines, &["down"]), expected, "at `{what}`");
        assert_eq!(bench.device.state(), State::Unbound);
        bench.world.expect_no_access(&bench.gpu);
        bench.run(100);
        bench.assert_clean(0);
        // And it can be bound afterwards.
        toy::start(Plan::default());
        bench.probe().expect("binds");
        bench.device.remove(&mut Outside::new()).expect("is removed");
        bench.assert_clean(0);
    }
}

#[test]
fn l07_a_reverse_that_fails_is_reported_and_does_not_stop_the_rest() {
    let bench = ToyBench::new(71, Plan { down_fails: true, ..Plan::default() });
    bench.probe().expect("binds");
    toy::read();
    let removed = bench.device.remove(&mut Outside::new()).expect("is removed");
    assert_eq!(removed.failed, Some("third"));
    assert_eq!(only(&toy::read(), &["down"]), steps_down());
    bench.assert_clean(0);
}

#[test]
fn l08_remove_from_inside_is_answered_not_deadlocked() {
    let bench = ToyBench::new(8, Plan::default());
    bench.probe().expect("binds");
    in_a_call(&bench, || {
        let removed = bench.device.remove(&mut Outside::new());
        let Err(RemoveError::Blocked(blocker)) = removed else { panic!("{removed:?}") };
        assert_eq!((blocker.who.kind, blocker.who.name), (EntryKind::Session, "client"));
    });
    assert_eq!(bench.device.state(), State::Removing);
    bench.device.remove(&mut Outside::new()).expect("goes on");
    bench.assert_clean(0);
}

#[test]
fn l08_request_remove_defers_to_the_host() {
    let bench = ToyBench::busy(80);
    let device = bench.device.clone();
    bench.world.on_removal_request(
        &bench.gpu,
        Arc::new(move |_| {
            // The hook may run on top of a callback; then it is asked again later.
            let _ = device.remove_if_requested(&mut Outside::new(), Nanos::ZERO);
        }),
    );
    let client = bench.client().expect("opens");
    let asked = client.call(&mut Outside::new(), |cx| {
        cx.request_remove();
        Ok(())
    });
    assert_eq!(asked, Ok(()));
    assert!(bench.device.removal_requested());
    bench.run(1_000);
    if bench.device.state() == State::Removing {
        bench.device.remove(&mut Outside::new()).expect("goes on");
    }
    assert_eq!(bench.device.state(), State::Removed);
    bench.world.check();
}

#[test]
fn l08_a_late_request_removes_no_later_binding() {
    let bench = ToyBench::new(81, Plan::default());
    bench.probe().expect("binds");
    in_a_call(&bench, || ());
    let mut outside = Outside::new();
    assert_eq!(bench.device.remove_if_requested(&mut outside, Nanos::ZERO), Ok(None));
    let client = bench.client().expect("opens");
    let asked = client.call(&mut outside, |cx| {
        cx.request_remove();
        Ok(())
    });
    assert_eq!(asked, Ok(()));
    bench.device.remove(&mut outside).expect("the host was faster");
    assert_eq!(bench.device.remove_if_requested(&mut outside, Nanos::ZERO), Ok(None));
    bench.probe().expect("binds");
    assert_eq!(bench.device.remove_if_requested(&mut outside, Nanos::ZERO), Ok(None));
    assert_eq!(bench.device.state(), State::Bound);
    bench.device.lose();
    assert!(bench.device.remove_if_requested(&mut outside, Nanos::ZERO).is_ok());
    assert_eq!(bench.device.state(), State::Lost, "the host knows of its own loss and removes by itself");
    bench.device.remove(&mut outside).expect("is removed");
    bench.assert_clean(1);
}

#[test]
fn l09_a_device_that_is_gone_is_let_go_of_without_being_talked_to() {
    let bench = ToyBench::busy(9);
    bench.run(100);
    bench.gpu.with(nova_sim_glue::gpu::SimGpu::unplug);
    bench.run(100);
    assert_eq!(bench.device.state(), State::Lost, "nobody noticed");
    assert!(bench.device.removal_requested());
    assert!(bench.world.removal_requests(&bench.gpu) > 0, "the host was not told");
    toy::read();
    bench.world.expect_no_access(&bench.gpu);
    let removed = bench.device.remove(&mut Outside::new()).expect("is removed");
    assert!(removed.lost);
    assert_eq!(only(&toy::read(), &["lost", "down"]), ["lost third", "lost second", "lost first"]);
    bench.assert_clean(0);
}

#[test]
fn l09_a_device_that_goes_during_remove_is_told_apart_from_there_on() {
    let bench = ToyBench::new(90, Plan::default());
    bench.probe().expect("binds");
    toy::read();
    bench.gpu.with(nova_sim_glue::gpu::SimGpu::unplug);
    let removed = bench.device.remove(&mut Outside::new()).expect("is removed");
    assert!(removed.lost);
    let lines = only(&toy::read(), &["lost", "down"]);
    assert_eq!(lines, ["down third", "lost third", "lost second", "lost first"]);
    bench.assert_clean(0);
}

#[test]
fn l09_a_loss_that_a_hook_reports_is_acted_on() {
    let bench = ToyBench::new(91, Plan { reports_loss_in: Some("ready"), ..Plan::default() });
    bench.probe().expect("binds");
    assert_eq!(bench.device.state(), State::Lost);
    assert_eq!(bench.world.removal_requests(&bench.gpu), 1);
    assert!(bench.device.remove(&mut Outside::new()).expect("is removed").lost);

    let bench = ToyBench::new(92, Plan { reports_loss_in: Some("wake"), ..Plan::default() });
    bench.probe().expect("binds");
    bench.device.suspend(&mut Outside::new(), Nanos::from_secs(1)).expect("sleeps");
    assert_eq!(bench.device.resume(&mut Outside::new()), Err(SuspendError::Gone));
    assert_eq!(bench.device.state(), State::Lost);
    assert!(bench.device.remove(&mut Outside::new()).expect("is removed").lost);
    bench.assert_clean(0);
}

#[test]
fn l09_a_line_that_stays_up_does_not_knock_at_a_lost_device() {
    // Lost in use; and lost in the middle of waking up, while the interrupts are let through again.
    let bench = ToyBench::new(94, Plan::default());
    bench.probe().expect("binds");
    bench.device.lose();
    no_knocking(&bench);
    for moment in 0..400 {
        let config = WorldConfig { preempt_every: 1, ..WorldConfig::default() };
        let bench = ToyBench::with(moment, Plan::default(), config);
        bench.probe().expect("binds");
        bench.device.suspend(&mut Outside::new(), Nanos::from_secs(1)).expect("sleeps");
        let (device, at) = (bench.device.clone(), bench.world.now() + Nanos(10 * moment));
        // With something else that is due then, it may come between the last access and the interrupts.
        bench.world.post(at, "something else", |_| ());
        bench.world.post(at, "lose", move |_| device.lose());
        let _ = bench.device.resume(&mut Outside::new());
        bench.run(10);
        no_knocking(&bench);
    }
}

#[test]
fn l05_a_line_that_stays_up_does_not_knock_while_remove_waits() {
    let bench = ToyBench::new(95, Plan::default());
    bench.probe().expect("binds");
    in_a_call(&bench, || {
        let removed = bench.device.remove_within(&mut Outside::new(), Nanos::ZERO);
        assert!(matches!(removed, Err(RemoveError::Blocked(_))));
        let called = bench.world.tally(Kind::Interrupt).called();
        bench.gpu.with(|gpu| gpu.raise(129));
        bench.run(100);
        assert_eq!(bench.world.tally(Kind::Interrupt).called(), called);
    });
    bench.device.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean(0);
}

#[test]
fn l15_a_waiter_wakes_up_when_remove_begins_and_not_when_it_ends() {
    let bench = ToyBench::new(152, Plan::default());
    bench.probe().expect("binds");
    let client = bench.client().expect("opens");
    let (device, at) = (bench.device.clone(), bench.world.now() + Nanos::from_millis(1));
    let clock = bench.world.clone();
    let until = at + Nanos::from_secs(100);
    // Blocked by somebody else, who stays inside.
    in_a_call(&bench, || {
        bench.world.post(at, "remove", move |_| {
            assert!(device.remove_within(&mut Outside::new(), Nanos::ZERO).is_err());
        });
        let waited = client.wait(&mut Outside::new(), &clock, until, |_| Ok(None::<()>));
        assert_eq!(waited, Err(SessionError::Refused(Refused::Removing)));
        assert!(bench.world.now().since(at) < Nanos::from_millis(1), "the waiter slept on");
    });
    bench.device.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean(1);
}

/// Asserts that an interrupt does not get as far as the gate.
fn no_knocking(bench: &ToyBench) {
    assert_eq!(bench.device.state(), State::Lost);
    let called = bench.world.tally(Kind::Interrupt).called();
    bench.gpu.with(|gpu| gpu.raise(129));
    bench.run(100);
    assert_eq!(bench.world.tally(Kind::Interrupt).called(), called, "{}", bench.world.whence());
    bench.device.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean(0);
}

#[test]
fn l09_a_probe_that_finds_the_device_gone_does_not_talk_to_it() {
    let bench = ToyBench::new(93, Plan::default());
    bench.gpu.with(nova_sim_glue::gpu::SimGpu::unplug);
    let failed = bench.probe().expect_err("fails");
    assert!(failed.is_gone(), "{failed:?}");
    assert_eq!(only(&toy::read(), &["up", "down", "lost"]), ["up first"]);
    bench.assert_clean(0);
}

#[test]
fn an_interrupt_that_comes_during_probe_is_not_lost() {
    for seed in 0..50 {
        let bench = ToyBench::new(seed, Plan { early_interrupt: true, ..Plan::default() });
        bench.probe().expect("binds");
        bench.run(100);
        assert_eq!(only(&toy::read(), &["run irq"]).len(), 1, "seed {seed}");
        bench.device.remove(&mut Outside::new()).expect("is removed");
        bench.assert_clean(0);
    }
}

#[test]
fn l10_a_deadline_names_the_blocker_and_frees_nothing() {
    let bench = ToyBench::busy(10);
    bench.run(100);
    let limit = Nanos::from_micros(500);
    in_a_call(&bench, || {
        for _ in 0..3 {
            toy::read();
            let Err(RemoveError::Blocked(blocker)) = bench.device.remove_within(&mut Outside::new(), limit)
            else {
                panic!("was not blocked");
            };
            assert_eq!((blocker.who.kind, blocker.who.name), (EntryKind::Session, "client"));
            assert!(blocker.waited >= limit, "{blocker}");
            assert_eq!(bench.device.state(), State::Removing);
            assert_eq!(bench.world.live_registrations(), 5, "something was freed");
            assert_eq!(only(&toy::read(), &["down", "drop"]), Vec::<String>::new());
        }
    });
    bench.device.remove_within(&mut Outside::new(), Nanos::ZERO).expect("goes on");
    bench.assert_clean(0);
}

#[test]
fn l11_any_number_of_rebinds_leaves_nothing() {
    let bench = ToyBench::new(11, Plan { busy: true, ..Plan::default() });
    for round in 0..200 {
        bench.probe().expect("binds");
        bench.run(20);
        bench.device.remove(&mut Outside::new()).expect("is removed");
        bench.assert_clean(0);
        assert_eq!(only(&toy::read(), &["drop"]), ["drop state 1"], "round {round}");
    }
}

#[test]
fn l12_whatever_is_forgotten_leaks_and_nothing_dangles() {
    let bench = ToyBench::busy(12);
    let client = bench.client().expect("opens");
    std::mem::forget(client.clone());
    std::mem::forget(bench.client());
    bench.run(100);
    bench.device.remove(&mut Outside::new()).expect("is removed");
    assert_eq!(client.call(&mut Outside::new(), |_| Ok(())), Err(SessionError::Refused(Refused::Removed)));
    bench.world.check();
    // Two forgotten sessions and one kept: the cell stays, the driver is gone.
    assert_eq!(Arc::strong_count(&bench.device), 4);
    assert_eq!(only(&toy::read(), &["drop"]), ["drop state 1"]);
}

#[test]
fn l12_a_device_that_is_forgotten_while_bound_keeps_working() {
    let bench = ToyBench::busy(120);
    std::mem::forget(bench.device.clone());
    let ToyBench { world, gpu, device } = bench;
    drop(device);
    world.run_for(Nanos::from_micros(500));
    world.check();
    assert!(gpu.accesses() > 100);
}

#[test]
fn l13_after_remove_the_host_is_out_of_our_code() {
    let bench = ToyBench::busy(13);
    bench.run(100);
    assert!(Arc::strong_count(&bench.device) > 1, "the host has no handle?");
    bench.device.remove(&mut Outside::new()).expect("is removed");
    // No callback is left that could still be called, not even to be refused.
    let calls = bench.calls();
    bench.gpu.with(|gpu| gpu.raise(129));
    bench.run(10_000);
    assert_eq!(bench.calls(), calls);
    bench.assert_clean(0);
}

#[test]
fn l14_a_waiter_looks_again_after_resume() {
    let bench = ToyBench::new(145, Plan::default());
    bench.probe().expect("binds");
    let client = bench.client().expect("opens");
    bench.device.suspend(&mut Outside::new(), Nanos::from_secs(1)).expect("sleeps");
    let (device, at) = (bench.device.clone(), bench.world.now() + Nanos::from_millis(1));
    bench.world.post(at, "resume", move |_| device.resume(&mut Outside::new()).expect("wakes up"));
    let clock = bench.world.clone();
    let until = at + Nanos::from_secs(100);
    let waited = client.wait(&mut Outside::new(), &clock, until, |_| Ok(Some(())));
    assert_eq!(waited, Ok(()));
    assert!(bench.world.now().since(at) < Nanos::from_millis(1), "the waiter slept on");
    bench.device.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean(1);
}

#[test]
fn l08_a_request_that_a_suspend_got_in_the_way_of_is_made_again() {
    for requests in [false, true] {
        let bench = ToyBench::new(83, Plan::default());
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        let tried = client.call(&mut Outside::new(), |cx| {
            if requests {
                cx.request_remove();
            }
            // The host would come now, and find the device busy.
            Ok(bench.device.suspend(&mut Outside::new(), Nanos::ZERO))
        });
        assert!(matches!(tried, Ok(Err(SuspendError::Blocked(_)))), "{tried:?}");
        assert_eq!(bench.world.removal_requests(&bench.gpu), if requests { 2 } else { 0 });
        bench.device.remove(&mut Outside::new()).expect("is removed");
        bench.assert_clean(1);
    }
}

#[test]
fn l14_suspend_touches_nothing_and_resume_runs_what_was_parked() {
    let bench = ToyBench::busy(14);
    let client = bench.client().expect("opens");
    bench.run(100);
    bench.device.suspend(&mut Outside::new(), Nanos::from_secs(1)).expect("sleeps");
    assert_eq!(bench.device.state(), State::Suspended);
    bench.world.expect_no_access(&bench.gpu);
    toy::read();
    let (ran, refused) = bench.calls();
    bench.run(1_000);
    assert_eq!(bench.calls().0, ran, "a callback ran in a device that sleeps");
    assert!(bench.calls().1 > refused, "nobody was parked");
    let asleep = client.call(&mut Outside::new(), |_| Ok(()));
    assert_eq!(asleep, Err(SessionError::Refused(Refused::Suspended)));
    assert_eq!(toy::read(), Vec::<String>::new());
    bench.gpu.with(nova_sim_glue::gpu::SimGpu::lower_fence);
    bench.device.resume(&mut Outside::new()).expect("wakes up");
    assert_eq!(only(&toy::read(), &["wake"]), ["wake first", "wake second", "wake third"]);
    bench.run(100);
    let lines = toy::read();
    for kind in ["run work", "run delayed work", "run timer"] {
        assert!(lines.iter().any(|line| line == kind), "`{kind}` was forgotten: {lines:?}");
    }
    assert_eq!(client.call(&mut Outside::new(), |_| Ok(())), Ok(()));
    bench.device.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean(1);
}

#[test]
fn l14_a_device_removed_in_its_sleep_is_not_touched() {
    let bench = ToyBench::busy(140);
    bench.run(50);
    bench.device.suspend(&mut Outside::new(), Nanos::from_secs(1)).expect("sleeps");
    bench.world.expect_no_access(&bench.gpu);
    toy::read();
    bench.device.remove(&mut Outside::new()).expect("is removed");
    let lines = only(&toy::read(), &["lost", "down", "wake", "sleep"]);
    assert_eq!(lines, ["lost third", "lost second", "lost first"]);
    bench.assert_clean(0);
}

#[test]
fn l14_what_was_parked_in_one_binding_does_not_run_in_the_next() {
    let bench = ToyBench::busy(141);
    bench.run(50);
    bench.device.suspend(&mut Outside::new(), Nanos::from_secs(1)).expect("sleeps");
    bench.run(100);
    bench.device.remove(&mut Outside::new()).expect("is removed");
    toy::start(Plan::default());
    bench.probe().expect("binds");
    let at_once = only(&toy::read(), &["run"]);
    assert_eq!(at_once, Vec::<String>::new(), "something parked earlier ran inside probe");
    toy::read();
    bench.device.remove(&mut Outside::new()).expect("is removed");
    let lines = only(&toy::read(), &["lost", "down"]);
    assert_eq!(lines, ["down third", "down second", "down first"], "still thought to be asleep");
    bench.assert_clean(0);
}

#[test]
fn l14_a_suspend_that_fails_leaves_the_device_in_use() {
    for step in ["first", "second", "third"] {
        let bench = ToyBench::new(142, Plan { suspend_fails: Some(step), ..Plan::default() });
        bench.probe().expect("binds");
        toy::read();
        let failed = bench.device.suspend(&mut Outside::new(), Nanos::from_secs(1));
        assert_eq!(failed, Err(SuspendError::Driver { step, error: ToyError::Told }));
        assert_eq!(bench.device.state(), State::Bound);
        let lines = only(&toy::read(), &["sleep", "wake"]);
        let slept = lines.iter().filter(|l| l.starts_with("sleep")).count();
        assert_eq!(lines.len(), 2 * slept, "what slept was woken: {lines:?}");
        in_a_call(&bench, || ());
        bench.device.remove(&mut Outside::new()).expect("is removed");
        bench.assert_clean(0);
    }
}

#[test]
fn l14_a_suspend_that_cannot_be_undone_lets_nobody_in() {
    let plan = Plan { suspend_fails: Some("first"), resume_fails: Some("third"), ..Plan::default() };
    let bench = ToyBench::new(143, plan);
    bench.probe().expect("binds");
    let client = bench.client().expect("opens");
    let stuck = bench.device.suspend(&mut Outside::new(), Nanos::from_secs(1));
    assert_eq!(stuck, Err(SuspendError::Stuck { step: "first", error: ToyError::Told }));
    assert_eq!(client.call(&mut Outside::new(), |_| Ok(())), Err(SessionError::Refused(Refused::Suspended)));
    // Of a step that sleeps the device is not touched; of one that is awake, it is taken down.
    toy::read();
    bench.device.remove(&mut Outside::new()).expect("is removed");
    assert_eq!(only(&toy::read(), &["down", "lost"]), ["lost third", "down second", "down first"]);
    bench.assert_clean(1);
}

#[test]
fn l14_a_resume_that_fails_can_be_repeated_or_removed_from() {
    let bench = ToyBench::new(144, Plan { resume_fails: Some("second"), ..Plan::default() });
    bench.probe().expect("binds");
    let mut outside = Outside::new();
    bench.device.suspend(&mut outside, Nanos::from_secs(1)).expect("sleeps");
    toy::read();
    let failed = bench.device.resume(&mut outside);
    assert_eq!(failed, Err(SuspendError::Driver { step: "second", error: ToyError::Told }));
    assert_eq!(bench.device.state(), State::Suspended);
    assert_eq!(only(&toy::read(), &["wake", "sleep"]), ["wake first", "sleep first"]);
    toy::diary(|diary| diary.plan.resume_fails = None);
    bench.device.resume(&mut outside).expect("wakes up");
    in_a_call(&bench, || ());
    // And from a failed one it is removed as it sleeps.
    bench.device.suspend(&mut outside, Nanos::from_secs(1)).expect("sleeps");
    toy::diary(|diary| diary.plan.resume_fails = Some("third"));
    assert!(bench.device.resume(&mut outside).is_err());
    toy::read();
    bench.device.remove(&mut outside).expect("is removed");
    assert_eq!(only(&toy::read(), &["down", "lost"]), ["lost third", "lost second", "lost first"]);
    bench.assert_clean(0);
}

#[test]
fn l15_a_session_outlives_the_device_and_binds_to_no_later_one() {
    let bench = ToyBench::new(15, Plan::default());
    bench.probe().expect("binds");
    let old = bench.client().expect("opens");
    bench.device.remove(&mut Outside::new()).expect("is removed");
    let call = |client: &nova_tests::toybench::Client| client.call(&mut Outside::new(), |_| Ok(()));
    assert_eq!(call(&old), Err(SessionError::Refused(Refused::Removed)));
    bench.probe().expect("binds again");
    assert_eq!(call(&old), Err(SessionError::Refused(Refused::Stale)));
    let new = bench.client().expect("opens");
    assert_eq!(call(&new), Ok(()));
    // Also while the later one sleeps: stale does not pass.
    bench.device.suspend(&mut Outside::new(), Nanos::from_secs(1)).expect("sleeps");
    assert_eq!(call(&old), Err(SessionError::Refused(Refused::Stale)));
    assert_eq!(call(&new), Err(SessionError::Refused(Refused::Suspended)));
    bench.device.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean(2);
}

#[test]
fn l15_a_blocked_waiter_wakes_up_when_the_device_is_removed() {
    let bench = ToyBench::new(150, Plan::default());
    bench.probe().expect("binds");
    let client = bench.client().expect("opens");
    let removed = Arc::new(Mutex::new(None));
    let (device, note) = (bench.device.clone(), removed.clone());
    let at = bench.world.now() + Nanos::from_millis(1);
    bench.world.post(at, "remove", move |world| {
        let result = device.remove(&mut Outside::new());
        *note.lock().expect("one thread") = Some((result.is_ok(), world.now()));
    });
    let looks = AtomicUsize::new(0);
    let until = Instant(u64::MAX >> 2);
    let waited = client.wait(&mut Outside::new(), &bench.world, until, |_| {
        looks.fetch_add(1, Ordering::Relaxed);
        Ok(None::<()>)
    });
    assert_eq!(waited, Err(SessionError::Refused(Refused::Removed)));
    let (ok, when) = removed.lock().expect("one thread").expect("was removed");
    assert!(ok, "the waiter delayed the removal");
    assert!(bench.world.now().since(when) < Nanos::from_millis(1), "the waiter slept on");
    assert!(looks.load(Ordering::Relaxed) <= 4, "the waiter was busy");
    bench.assert_clean(1);
}

#[test]
fn l09_a_blocked_waiter_wakes_up_when_the_device_is_lost() {
    let bench = ToyBench::new(151, Plan::default());
    bench.probe().expect("binds");
    let client = bench.client().expect("opens");
    let (device, at) = (bench.device.clone(), bench.world.now() + Nanos::from_millis(1));
    bench.world.post(at, "lose", move |_| device.lose());
    let until = at + Nanos::from_secs(100);
    let clock = bench.world.clone();
    let waited = client.wait(&mut Outside::new(), &clock, until, |_| Ok(None::<()>));
    assert_eq!(waited, Err(SessionError::Refused(Refused::Lost)));
    assert!(bench.world.now().since(at) < Nanos::from_millis(1), "the waiter slept on");
    bench.device.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean(1);
}

#[test]
fn refusals_have_their_reason_in_every_state() {
    let bench =
        ToyBench::with(160, Plan::default(), WorldConfig { preempt_every: 0, ..WorldConfig::default() });
    assert!(matches!(bench.client(), Err(Refused::NotBound)));
    assert!(matches!(bench.device.remove(&mut Outside::new()), Err(RemoveError::State(_))));
    bench.probe().expect("binds");
    assert!(matches!(bench.probe(), Err(ProbeError::State(_))));
    bench.device.lose();
    assert!(matches!(bench.client(), Err(Refused::Lost)));
    bench.device.remove(&mut Outside::new()).expect("is removed");
    assert!(matches!(bench.client(), Err(Refused::Removed)));
    bench.device.lose();
    bench.probe().expect("a loss while nothing is bound is nothing");
    bench.device.remove(&mut Outside::new()).expect("is removed");
    assert_eq!(nova_core::lifecycle::next(State::Removed, Transition::Probe), Some(State::Probing));
    bench.assert_clean(0);
}

#[test]
fn a_handle_of_another_device_is_refused() {
    let bench = ToyBench::new(161, Plan::default());
    let (host, bus) = bench.world.attach(&bench.gpu);
    let other = Arc::new(ToyDevice::new());
    let refused = bench.device.probe(&mut Outside::new(), other, host, bus);
    assert!(matches!(refused, Err(ProbeError::ForeignHandle)));
    let outcome = Outcome::Refused(Refused::Removed);
    assert_ne!(outcome, Outcome::Work);
}
