//! What a device tells a person who wonders: who is inside, since when, registered where; and what happened.

use nova_core::hal::Nanos;
use nova_core::lifecycle::{EntryKind, EventKind, HISTORY, Outside, RemoveError, Transition, Visitor};
use nova_tests::toy::{self, Plan};
use nova_tests::toybench::ToyBench;

const LIMIT: Nanos = Nanos::from_micros(50);

/// What happened, without the times.
fn happened(bench: &ToyBench) -> Vec<EventKind> {
    bench.device.history().iter().map(|event| event.what).collect()
}

/// The line of the toy's probe that registers its clients.
fn line_of(text: &str) -> u32 {
    let source = include_str!("../src/toy.rs").lines();
    source.zip(1..).find(|(line, _)| line.contains(text)).expect("is registered").1
}

#[test]
fn everyone_inside_is_named_with_time_and_place() {
    let bench = ToyBench::new(1, Plan::default());
    bench.probe().expect("binds");
    assert!(bench.device.inside().is_empty());
    let (one, two) = (bench.client().expect("opens"), bench.client().expect("opens"));
    let seen = one.call(&mut Outside::new(), |_| {
        bench.run(10);
        let later = two.call(&mut Outside::new(), |_| Ok(bench.device.inside())).expect("two at a time");
        Ok((later, bench.device.inside()))
    });
    let (both, first) = seen.expect("is let in");
    let since = |visitor: &Visitor| visitor.since.expect("the world keeps a roll").nanos();
    assert_eq!((both.len(), first.len()), (2, 1));
    assert!(since(&both[1]) >= since(&both[0]) + 10_000, "{both:?}");
    assert_eq!(first[0], both[0]);
    assert_eq!((both[0].kind, both[0].name), (EntryKind::Session, "client"));
    assert_eq!(both[0].registered.file(), "tests/src/toy.rs");
    assert_eq!(both[0].registered.line(), line_of("cx.sessions(&Self::CLIENT)"));
    let text = both[0].to_string();
    assert!(text.starts_with("session `client` (registered at tests/src/toy.rs:"), "{text}");
    assert!(text.contains(", inside since "), "{text}");
    assert!(bench.device.inside().is_empty(), "they have left");
}

#[test]
fn a_removal_that_waits_is_told_about_from_outside() {
    let bench = ToyBench::new(2, Plan::default());
    bench.probe().expect("binds");
    let client = bench.client().expect("opens");
    let device = bench.device.clone();
    // Asked in the middle of the wait, from a thread of control that has nothing to do with it.
    let (tell, told) = std::sync::mpsc::channel();
    let at = bench.world.now() + Nanos::from_micros(20);
    bench.world.post(at, "ask", move |_| tell.send((device.inside(), device.history())).expect("is heard"));
    let waited = client.call(&mut Outside::new(), |_| {
        let Err(RemoveError::Blocked(blocker)) = bench.device.remove_within(&mut Outside::new(), LIMIT)
        else {
            panic!("was not blocked");
        };
        Ok(blocker)
    });
    let blocker = waited.expect("was let in");
    let (inside, history) = told.recv().expect("asked");
    assert_eq!(inside.as_slice(), [blocker.who]);
    let last = history.last().expect("something").what;
    assert_eq!(last, EventKind::Waits { lane: 4 }, "{history:?}");
    bench.device.remove(&mut Outside::new()).expect("goes on");
    let removal = [
        EventKind::Went(Transition::Probe),
        EventKind::Went(Transition::Bind),
        EventKind::Went(Transition::Remove),
        EventKind::Waits { lane: 4 },
        EventKind::GaveUp,
        EventKind::Drained,
        EventKind::Went(Transition::Finish),
    ];
    assert_eq!(happened(&bench), removal);
    drop(client);
    bench.assert_clean(0);
}

#[test]
fn the_history_has_sleeps_losses_and_requests_and_keeps_the_newest() {
    let bench = ToyBench::new(3, Plan::default());
    let outside = &mut Outside::new();
    bench.probe().expect("binds");
    bench.device.suspend(outside, LIMIT).expect("sleeps");
    bench.device.resume(outside).expect("wakes up");
    let client = bench.client().expect("opens");
    let asked = client.call(outside, |cx| {
        cx.request_remove();
        Ok(())
    });
    asked.expect("is let in");
    bench.device.lose();
    bench.device.remove(outside).expect("is removed");
    let went = |transition| EventKind::Went(transition);
    let expected = [
        went(Transition::Probe),
        went(Transition::Bind),
        went(Transition::Suspend),
        EventKind::Drained,
        went(Transition::Resume),
        EventKind::RemovalRequested,
        went(Transition::Lose),
        went(Transition::Remove),
        EventKind::Drained,
        went(Transition::Finish),
    ];
    assert_eq!(happened(&bench), expected);
    let history = bench.device.history();
    let times: Vec<_> = history.iter().filter_map(|event| event.at).collect();
    assert!(times.is_sorted());
    assert_eq!(times.len(), expected.len() - 1, "only the loss had no clock at hand: {history:?}");
    assert!(history.iter().all(|event| event.at.is_some() || event.to_string() == "lost"));
    for _ in 0..20 {
        toy::start(Plan { fail_at: Some(3), ..Plan::default() });
        bench.probe().expect_err("is told to fail");
    }
    let undone = [went(Transition::Probe), went(Transition::Unwind)];
    assert_eq!(happened(&bench), undone.repeat(HISTORY / 2));
    drop(client);
    bench.assert_clean(0);
}
