//! Nested devices: what holds between a parent and its children.

use std::sync::Arc;

use nova_core::hal::Nanos;
use nova_core::lifecycle::{
    CHILDREN, ChildTrouble, EntryKind, EventKind, JoinError, Outside, ProbeError, Refused, RemoveError,
    SessionError, State, SuspendError, Transition,
};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_sim_glue::gpu::SimGpu;
use nova_tests::nested::{Hub, HubBus, LeafDevice, NestedBench, fail, log, when};
use nova_tests::toy::ToyError;

const LIMIT: Nanos = Nanos::from_micros(50);

#[test]
fn a_child_uses_its_parent_without_entering_its_gate() {
    let bench = NestedBench::new(1, 1);
    let client = bench.leaf_client().expect("opens");
    let read = client.call(&mut Outside::new(), |cx| {
        let (Ok(through_child), Ok(through_parent)) =
            (cx.io().read(NV_PMC_BOOT_0), cx.io().bus().io().read(NV_PMC_BOOT_0));
        assert!(bench.hub.inside().iter().all(|visitor| visitor.kind == EntryKind::Child));
        Ok((through_child.get(), through_parent.get()))
    });
    assert_eq!(read, Ok((0xB720_00A1, 0xB720_00A1)));
    // What the parent's driver offers is reached with a token of the parent.
    let queued = client.call(&mut Outside::new(), |cx| Ok(cx.io().bus().token().queue(&Hub::WORK)));
    assert_eq!(queued, Ok(Ok(true)));
    drop(client);
    bench.hub.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l07_children_go_first_and_the_last_that_joined_is_the_first() {
    let bench = NestedBench::new(7, 2);
    bench.run(20);
    log();
    bench.hub.remove(&mut Outside::new()).expect("is removed");
    let leaf = ["down leaf", "drop leaf"];
    assert_eq!(log(), [&leaf[..], &leaf[..], &["down hub", "drop hub"]].concat());
    assert_eq!([bench.leaves[0].state(), bench.leaves[1].state()], [State::Removed; 2]);
    let history = bench.hub.history();
    for what in [EventKind::ChildJoined, EventKind::ChildLeft] {
        assert_eq!(history.iter().filter(|event| event.what == what).count(), 2, "{history:?}");
    }
    bench.run(20);
    bench.world.expect_no_access(&bench.gpu);
    bench.run(20);
    bench.assert_clean();
}

#[test]
fn l02_after_the_parent_is_removed_no_callback_of_a_child_runs() {
    for seed in 0..50 {
        let bench = NestedBench::new(seed, 2);
        bench.run(seed);
        bench.hub.remove(&mut Outside::new()).expect("is removed");
        bench.world.expect_no_access(&bench.gpu);
        bench.run(50);
        bench.assert_clean();
    }
}

#[test]
fn l10_a_child_that_is_busy_is_what_the_parent_waits_for() {
    let bench = NestedBench::new(10, 1);
    let client = bench.leaf_client().expect("opens");
    let held = client.call(&mut Outside::new(), |cx| {
        let removed = bench.hub.remove_within(&mut Outside::new(), LIMIT);
        let Err(RemoveError::Blocked(blocker)) = removed else { panic!("{removed:?}") };
        assert_eq!((blocker.child, blocker.who.name), (Some("leaf"), "leaf client"));
        let text = blocker.to_string();
        assert!(
            text.starts_with("of child `leaf`: session `leaf client` (registered at tests/src/nested.rs:"),
            "{text}"
        );
        assert_eq!((bench.hub.state(), bench.leaves[0].state()), (State::Removing, State::Removing));
        // Nothing has been freed: the parent is still there for the child that is inside.
        let Ok(boot0) = cx.io().read(NV_PMC_BOOT_0);
        Ok(boot0.get())
    });
    assert_eq!(held, Ok(0xB720_00A1));
    bench.hub.remove(&mut Outside::new()).expect("goes on");
    assert_eq!(log().last().map(String::as_str), Some("drop hub"));
    drop(client);
    bench.assert_clean();
}

#[test]
fn l05_a_child_that_comes_too_late_is_refused() {
    let bench = NestedBench::new(5, 1);
    let late = Arc::new(LeafDevice::new());
    let client = bench.leaf_client().expect("opens");
    let held = client.call(&mut Outside::new(), |_| {
        let _ = bench.hub.remove_within(&mut Outside::new(), Nanos::ZERO);
        Ok(bench.join(&late).err())
    });
    assert_eq!(held, Ok(Some(JoinError::Refused(Refused::Removing))));
    drop(client);
    bench.hub.remove(&mut Outside::new()).expect("goes on");
    assert_eq!(bench.join(&late).err(), Some(JoinError::Refused(Refused::Removed)));
    bench.assert_clean();
}

#[test]
fn l03_a_child_that_joined_and_is_not_bound_yet_is_waited_for() {
    let bench = NestedBench::unbound(3, 1);
    bench.probe_hub().expect("binds");
    let bus = bench.join(&bench.leaves[0]).expect("joins");
    let removed = bench.hub.remove_within(&mut Outside::new(), LIMIT);
    let Err(RemoveError::Blocked(blocker)) = removed else { panic!("{removed:?}") };
    assert_eq!((blocker.who.kind, blocker.who.name, blocker.child), (EntryKind::Child, "leaf", None));
    assert!(blocker.who.since.is_some());
    assert_eq!(bench.hub.inside().as_slice(), [blocker.who]);
    // It binds to a parent that is on its way out, and is removed by it.
    bench.probe_joined(&bench.leaves[0], bus).expect("the parent has not been taken down");
    bench.hub.remove(&mut Outside::new()).expect("goes on");
    assert_eq!(bench.leaves[0].state(), State::Removed);
    assert!(bench.hub.inside().is_empty());
    bench.assert_clean();
}

#[test]
fn l12_a_forgotten_hold_keeps_the_parent_for_ever() {
    let bench = NestedBench::unbound(12, 1);
    bench.probe_hub().expect("binds");
    std::mem::forget(bench.join(&bench.leaves[0]).expect("joins"));
    let removed = bench.hub.remove_within(&mut Outside::new(), LIMIT);
    assert!(matches!(removed, Err(RemoveError::Blocked(_))), "{removed:?}");
    assert!(!log().contains(&"drop hub".to_owned()));
}

#[test]
fn a_child_that_leaves_by_itself_can_come_back() {
    let bench = NestedBench::new(11, 1);
    for _ in 0..20 {
        bench.leaves[0].remove(&mut Outside::new()).expect("is removed");
        assert_eq!(bench.hub.state(), State::Bound);
        assert!(bench.hub.inside().is_empty());
        bench.probe_leaf(&bench.leaves[0]).expect("joins").expect("binds");
        bench.run(10);
    }
    bench.hub.remove(&mut Outside::new()).expect("is removed");
    bench.probe_hub().expect("binds again");
    bench.probe_leaf(&bench.leaves[0]).expect("joins").expect("binds");
    bench.hub.remove(&mut Outside::new()).expect("is removed again");
    bench.assert_clean();
}

#[test]
fn a_parent_has_room_for_so_many_children() {
    let bench = NestedBench::new(8, CHILDREN);
    let one_more = Arc::new(LeafDevice::new());
    assert_eq!(bench.join(&one_more).err(), Some(JoinError::Full));
    bench.leaves[3].remove(&mut Outside::new()).expect("is removed");
    drop(bench.join(&one_more).expect("there is room now"));
    bench.hub.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l09_the_loss_of_the_parent_reaches_its_children() {
    let bench = NestedBench::new(9, 2);
    let client = bench.leaf_client().expect("opens");
    log();
    bench.gpu.with(SimGpu::unplug);
    bench.hub.lose();
    for leaf in &bench.leaves {
        assert_eq!((leaf.state(), leaf.is_lost(), leaf.removal_requested()), (State::Lost, true, true));
    }
    let called = client.call(&mut Outside::new(), |_| Ok(()));
    assert_eq!(called, Err(SessionError::Refused(Refused::Lost)));
    let removed = bench.hub.remove(&mut Outside::new()).expect("is removed");
    assert!(removed.lost);
    let leaf = ["lost leaf", "drop leaf"];
    assert_eq!(log(), [&leaf[..], &leaf[..], &["lost hub", "drop hub"]].concat());
    drop(client);
    bench.assert_clean();
}

#[test]
fn l09_a_loss_reaches_a_child_that_sleeps_or_is_about_to_come() {
    let bench = NestedBench::new(90, 2);
    let outside = &mut Outside::new();
    bench.leaves[0].suspend(outside, LIMIT).expect("sleeps");
    let third = Arc::new(LeafDevice::new());
    let bus = bench.join(&third).expect("joins");
    bench.hub.lose();
    assert_eq!(bench.leaves[0].resume(outside), Err(SuspendError::Gone));
    assert!(bench.leaves[0].is_lost());
    assert_eq!(bench.probe_joined(&third, bus), Err(ProbeError::Gone));
    assert!(third.is_lost());
    assert_eq!(bench.join(&third).err(), Some(JoinError::Refused(Refused::Lost)));
    bench.hub.remove(outside).expect("is removed");
    drop(third);
    bench.assert_clean();
}

#[test]
fn a_child_that_is_removed_after_its_parent_was_lost_does_not_touch_the_device() {
    let bench = NestedBench::new(91, 1);
    let outside = &mut Outside::new();
    bench.leaves[0].suspend(outside, LIMIT).expect("sleeps");
    log();
    bench.hub.lose();
    assert!(bench.leaves[0].remove(outside).expect("is removed").lost);
    assert_eq!(log(), ["lost leaf", "drop leaf"]);
    bench.hub.remove(outside).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l14_children_sleep_first_and_wake_last() {
    let bench = NestedBench::new(14, 2);
    let outside = &mut Outside::new();
    bench.run(20);
    log();
    bench.hub.suspend(outside, LIMIT).expect("sleeps");
    let leaf = ["suspend leaf", "asleep leaf"];
    assert_eq!(log(), [&leaf[..], &leaf[..], &["suspend hub"]].concat());
    let accesses = bench.gpu.accesses();
    bench.run(50);
    // Not even with its own resume, while the parent sleeps.
    assert_eq!(bench.leaves[0].resume(outside), Err(SuspendError::ParentAsleep));
    assert_eq!(bench.join(&bench.leaves[0]).err(), Some(JoinError::Refused(Refused::Suspended)));
    assert_eq!(bench.gpu.accesses(), accesses);
    bench.hub.resume(outside).expect("wakes up");
    assert_eq!(log(), ["resume hub", "resume leaf", "resume leaf"]);
    assert_eq!([bench.leaves[0].state(), bench.leaves[1].state()], [State::Bound; 2]);
    bench.run(20);
    bench.hub.remove(outside).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l14_a_child_that_slept_before_sleeps_on() {
    let bench = NestedBench::new(140, 2);
    let outside = &mut Outside::new();
    bench.leaves[1].suspend(outside, LIMIT).expect("sleeps");
    bench.hub.suspend(outside, LIMIT).expect("sleeps");
    bench.hub.resume(outside).expect("wakes up");
    assert_eq!([bench.leaves[0].state(), bench.leaves[1].state()], [State::Bound, State::Suspended]);
    bench.leaves[1].resume(outside).expect("wakes up");
    bench.hub.remove(outside).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l14_a_child_that_its_parent_has_not_put_to_sleep_is_not_woken() {
    // Joined and never put to sleep; and woken once by the parent, which is over then.
    for slept_before in [false, true] {
        let bench = NestedBench::new(144, 1);
        let outside = &mut Outside::new();
        if slept_before {
            bench.hub.suspend(outside, LIMIT).expect("sleeps");
            bench.hub.resume(outside).expect("wakes up");
        }
        bench.leaves[0].suspend(outside, LIMIT).expect("sleeps");
        let client = bench.hub_client().expect("opens");
        // The parent tries to sleep, cannot, and turns back before it came to its children.
        let tried = client.call(outside, |_| Ok(bench.hub.suspend(&mut Outside::new(), Nanos::ZERO)));
        assert!(matches!(tried, Ok(Err(SuspendError::Blocked(_)))), "{tried:?}");
        assert_eq!((bench.hub.state(), bench.leaves[0].state()), (State::Bound, State::Suspended));
        drop(client);
        bench.hub.remove(outside).expect("is removed");
        bench.assert_clean();
    }
}

#[test]
fn l14_a_child_that_somebody_else_wakes_is_no_trouble() {
    let bench = NestedBench::new(145, 2);
    let outside = &mut Outside::new();
    bench.hub.suspend(outside, LIMIT).expect("sleeps");
    let leaves = bench.leaves.clone();
    // One of them is just being woken, by its parent; the other one is woken here.
    when("resume leaf", move || {
        let woken = leaves.iter().filter(|leaf| leaf.resume(&mut Outside::new()).is_ok());
        assert_eq!(woken.count(), 1);
    });
    assert_eq!(bench.hub.resume(outside), Ok(()));
    assert!(bench.leaves.iter().all(|leaf| leaf.state() == State::Bound));
    bench.hub.remove(outside).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l09_a_parent_that_is_lost_while_its_child_wakes_up_is_noticed() {
    let bench = NestedBench::new(146, 1);
    let outside = &mut Outside::new();
    bench.leaves[0].suspend(outside, LIMIT).expect("sleeps");
    let hub = bench.hub.clone();
    when("resume leaf", move || hub.lose());
    let _ = bench.leaves[0].resume(outside);
    assert_eq!(bench.leaves[0].state(), State::Lost);
    assert!(bench.leaves[0].removal_requested());
    bench.hub.remove(outside).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l14_a_child_that_does_not_sleep_keeps_its_parent_awake() {
    let bench = NestedBench::new(141, 2);
    let outside = &mut Outside::new();
    let in_use = |bench: &NestedBench| {
        assert_eq!(bench.hub.state(), State::Bound);
        assert!(bench.leaves.iter().all(|leaf| leaf.state() == State::Bound));
    };
    fail(Some("suspend leaf"));
    let failed = Err(SuspendError::Child { name: "leaf", trouble: ChildTrouble::Failed });
    assert_eq!(bench.hub.suspend(outside, LIMIT), failed);
    in_use(&bench);
    // The parent's own step: the children that slept are woken again.
    fail(Some("suspend hub"));
    let failed = Err(SuspendError::Driver { step: "hub step", error: ToyError::Told });
    assert_eq!(bench.hub.suspend(outside, LIMIT), failed);
    in_use(&bench);
    fail(None);
    // A child with somebody inside.
    let client = bench.leaf_client().expect("opens");
    let slept = client.call(outside, |_| Ok(bench.hub.suspend(&mut Outside::new(), LIMIT)));
    let Ok(Err(SuspendError::Child { trouble: ChildTrouble::Blocked(blocker), .. })) = slept else {
        panic!("{slept:?}")
    };
    assert_eq!(blocker.who.name, "leaf client");
    in_use(&bench);
    // One that is about to come.
    let third = Arc::new(LeafDevice::new());
    let bus = bench.join(&third).expect("joins");
    let slept = bench.hub.suspend(outside, LIMIT);
    assert_eq!(slept, Err(SuspendError::Child { name: "leaf", trouble: ChildTrouble::NotBound }));
    in_use(&bench);
    drop((bus, client, third));
    bench.hub.remove(outside).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l14_a_child_that_does_not_wake_up_leaves_the_others_in_use() {
    let bench = NestedBench::new(142, 1);
    let outside = &mut Outside::new();
    bench.hub.suspend(outside, LIMIT).expect("sleeps");
    fail(Some("resume leaf"));
    let trouble = ChildTrouble::Failed;
    assert_eq!(bench.hub.resume(outside), Err(SuspendError::Child { name: "leaf", trouble }));
    assert_eq!((bench.hub.state(), bench.leaves[0].state()), (State::Bound, State::Suspended));
    // It went back to sleep, so the parent may sleep as well; who put it to sleep has given up on it.
    bench.hub.suspend(outside, LIMIT).expect("sleeps");
    fail(None);
    bench.hub.resume(outside).expect("wakes up");
    assert_eq!(bench.leaves[0].state(), State::Suspended);
    bench.leaves[0].resume(outside).expect("wakes up");
    bench.hub.remove(outside).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l09_a_suspend_that_turns_back_and_finds_the_device_gone_is_a_loss() {
    let bench = NestedBench::new(147, 1);
    let outside = &mut Outside::new();
    fail(["suspend leaf"]);
    let gpu = bench.gpu.clone();
    when("suspend leaf", move || gpu.with(SimGpu::unplug));
    let failed = bench.leaves[0].suspend(outside, LIMIT).expect_err("it is gone");
    assert!(failed == SuspendError::Gone && failed.is_gone(), "{failed:?}");
    assert_eq!(bench.leaves[0].state(), State::Lost);
    assert!(bench.leaves[0].removal_requested());
    fail(None);
    assert!(bench.leaves[0].remove(outside).expect("is removed").lost);
    bench.hub.remove(outside).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l09_a_resume_that_turns_back_and_finds_the_device_gone_is_a_loss() {
    let bench = NestedBench::new(148, 1);
    let outside = &mut Outside::new();
    bench.leaves[0].suspend(outside, LIMIT).expect("sleeps");
    fail(["resume tail"]);
    let gpu = bench.gpu.clone();
    when("suspend leaf", move || gpu.with(SimGpu::unplug));
    assert_eq!(bench.leaves[0].resume(outside), Err(SuspendError::Gone));
    assert_eq!(bench.leaves[0].state(), State::Lost);
    fail(None);
    assert!(bench.leaves[0].remove(outside).expect("is removed").lost);
    bench.hub.remove(outside).expect("is removed");
    bench.assert_clean();
}

#[test]
fn l14_a_parent_stays_awake_for_a_child_that_is_half_asleep() {
    let bench = NestedBench::new(143, 1);
    let outside = &mut Outside::new();
    fail(["suspend leaf", "resume tail"]);
    assert!(matches!(bench.leaves[0].suspend(outside, LIMIT), Err(SuspendError::Stuck { .. })));
    // Its removal talks to the device.
    let trouble = ChildTrouble::HalfAsleep;
    assert_eq!(bench.hub.suspend(outside, LIMIT), Err(SuspendError::Child { name: "leaf", trouble }));
    assert_eq!(bench.hub.state(), State::Bound);
    fail(None);
    log();
    bench.leaves[0].resume(outside).expect("wakes up");
    assert_eq!(log(), Vec::<String>::new(), "what did not sleep was woken");
    bench.hub.remove(outside).expect("is removed");
    bench.assert_clean();
}

#[test]
fn a_child_joins_once_and_nobody_else_binds_with_its_hold() {
    let bench = NestedBench::unbound(4, 2);
    bench.probe_hub().expect("binds");
    let bus = bench.join(&bench.leaves[0]).expect("joins");
    assert_eq!(bench.join(&bench.leaves[0]).err(), Some(JoinError::Joined));
    // With it, another child would be one that the parent does not know of.
    assert_eq!(bench.probe_joined(&bench.leaves[1], bus), Err(ProbeError::ForeignHandle));
    assert_eq!(bench.leaves[1].state(), State::Unbound);
    bench.hub.remove(&mut Outside::new()).expect("nothing holds on any more");
    bench.assert_clean();
}

#[test]
fn l10_the_limit_is_for_parent_and_children_together() {
    let bench = NestedBench::new(100, 2);
    let outside = &mut Outside::new();
    let client = bench.leaf_client().expect("opens");
    let took = client.call(outside, |_| {
        let before = bench.world.now();
        bench.hub.remove_within(&mut Outside::new(), LIMIT).expect_err("a client is inside");
        Ok(bench.world.now().since(before))
    });
    let took = took.expect("was let in");
    assert!(took >= LIMIT && took < LIMIT + LIMIT, "{took}");
    drop(client);
    bench.hub.remove(outside).expect("goes on");
    bench.assert_clean();
}

#[test]
fn a_child_needs_a_class_that_its_parent_has() {
    const OTHER: nova_core::lifecycle::ChildEntry<Hub> = nova_core::lifecycle::ChildEntry::new(1, "other");
    let bench = NestedBench::new(2, 1);
    // Entry 1 of the hub is its clients.
    let joined = HubBus::join(&bench.hub, &OTHER, bench.leaves[0].clone());
    assert_eq!(joined.err(), Some(JoinError::Refused(Refused::NoSuchEntry)));
    bench.hub.remove(&mut Outside::new()).expect("is removed");
    bench.assert_clean();
}

/// Removals, sleeps and losses of parent and children, posted to happen in the middle of anything.
#[test]
fn whatever_happens_to_parent_and_children_ends_with_both_removed() {
    for seed in 0..u64::from(nova_tests::cases(400)) {
        let bench = NestedBench::new(seed, 2);
        for _ in 0..8 {
            let at = bench.world.now() + Nanos(bench.world.random(30_000));
            let (hub, leaf) = (bench.hub.clone(), bench.leaves[bench.world.random(2) as usize].clone());
            let what = bench.world.random(7);
            let fall = (what == 6).then(|| bench.gpu.clone());
            bench.world.post(at, "meddle", move |_| {
                let outside = &mut Outside::new();
                let _ = match what {
                    0 => hub.remove_within(outside, Nanos::ZERO).is_ok(),
                    1 => leaf.remove_within(outside, Nanos::ZERO).is_ok(),
                    2 => hub.suspend(outside, Nanos::ZERO).is_ok(),
                    3 => leaf.suspend(outside, Nanos::ZERO).is_ok(),
                    4 => hub.resume(outside).is_ok(),
                    5 => leaf.resume(outside).is_ok(),
                    _ => {
                        if let Some(gpu) = fall {
                            gpu.with(SimGpu::unplug);
                        }
                        hub.lose();
                        true
                    }
                };
            });
        }
        bench.run(40);
        for device in [bench.hub.state(), bench.leaves[0].state(), bench.leaves[1].state()] {
            assert!(!matches!(device, State::Unbound | State::Probing), "seed {seed}");
        }
        match bench.hub.remove(&mut Outside::new()) {
            Ok(_) | Err(RemoveError::State(_)) => (),
            Err(error) => panic!("seed {seed}: {error}"),
        }
        assert_eq!(bench.hub.state(), State::Removed, "seed {seed}");
        for leaf in &bench.leaves {
            assert_eq!(leaf.state(), State::Removed, "seed {seed}: the child outlived its parent");
        }
        let lines = log();
        let last = lines.iter().rposition(|line| line.ends_with("leaf"));
        let hub = lines.iter().position(|line| line == "drop hub");
        assert!(last < hub, "seed {seed}: {lines:?}");
        let removed =
            bench.hub.history().iter().filter(|e| e.what == EventKind::Went(Transition::Finish)).count();
        assert_eq!(removed, 1, "seed {seed}");
        bench.world.expect_no_access(&bench.gpu);
        bench.run(50);
        bench.assert_clean();
    }
}
