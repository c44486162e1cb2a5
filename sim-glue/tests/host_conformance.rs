//! What `hal` asks of a host, held against both hosts of this crate by the same code.
//!
//! A callback can only be made by binding a driver, so a `Spy` around the host keeps copies of the callbacks it
//! is given; the tests then register those with the host itself and use the registrations directly.

mod common;
mod scene;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use embedded_hal::delay::DelayNs as _;
use nova_core::hal::{
    Clock as _, DelayedWork as _, DmaMemory as _, Event, Host, HostErrorKind, Instant, Interrupt as _, Lock,
    Nanos, Registration as _, Timer as _, Work as _,
};
use nova_core::lifecycle::Outside;
use nova_sim_glue::threads::ThreadHost;
use nova_sim_glue::world::Violation;
use scene::{Deterministic, Free, MS, Scene, Stage};

fn timers_fire_once_and_not_early<S: Stage>() {
    let scene = Scene::<S>::new();
    let timer = scene.timer();
    let at = scene.after(3 * MS);
    assert!(timer.arm(at));
    scene.stage.pass(10 * MS);
    assert_eq!(scene.counts.timers.load(SeqCst), 1);
    assert!(*scene.counts.timer_at.lock().unwrap() >= at);
    // In the past: at once.
    assert!(timer.arm(Instant(0)));
    scene.stage.pass(MS);
    assert_eq!(scene.counts.timers.load(SeqCst), 2);
}

fn a_timer_set_again_replaces_and_one_taken_back_is_silent<S: Stage>() {
    let scene = Scene::<S>::new();
    let timer = scene.timer();
    let far = scene.after(3_600_000 * MS);
    assert!(timer.arm(far));
    assert!(timer.arm(scene.after(MS)));
    scene.stage.pass(5 * MS);
    assert_eq!(scene.counts.timers.load(SeqCst), 1);
    assert!(timer.arm(scene.after(40 * MS)));
    timer.disarm();
    scene.stage.pass(60 * MS);
    assert_eq!(scene.counts.timers.load(SeqCst), 1);
}

fn a_timer_may_set_itself_again<S: Stage>() {
    let scene = Scene::<S>::new();
    scene.counts.again.store(3, SeqCst);
    let timer = scene.timer();
    assert!(timer.arm(scene.after(0)));
    scene.stage.pass(20 * MS);
    assert_eq!(scene.counts.timers.load(SeqCst), 4);
}

fn work_is_queued_once_and_never_overlaps_itself<S: Stage>() {
    let scene = Scene::<S>::new();
    let work = scene.work();
    let queued: u32 = (0..10).map(|_| u32::from(work.queue())).sum();
    scene.stage.pass(20 * MS);
    assert_eq!(scene.counts.works.load(SeqCst), queued);
    assert_eq!(scene.counts.overlapped.load(SeqCst), 0);
    assert!(work.queue());
    scene.stage.pass(5 * MS);
    assert_eq!(scene.counts.works.load(SeqCst), queued + 1);
}

fn delayed_work_waits_for_its_time<S: Stage>() {
    let scene = Scene::<S>::new();
    let work = scene.delayed();
    assert!(work.queue_at(scene.after(40 * MS)));
    assert!(!work.queue_at(scene.after(0)), "it is queued already");
    assert_eq!(scene.counts.delayed.load(SeqCst), 0);
    scene.stage.pass(60 * MS);
    assert_eq!(scene.counts.delayed.load(SeqCst), 1);
}

fn nothing_happens_after_cancel<S: Stage>() {
    let scene = Scene::<S>::new();
    let (work, delayed, timer) = (scene.work(), scene.delayed(), scene.timer());
    assert!(delayed.queue_at(scene.after(2 * MS)) && timer.arm(scene.after(2 * MS)));
    delayed.cancel();
    timer.cancel();
    work.cancel();
    work.cancel();
    work.replay();
    assert!(!work.queue() && !delayed.queue_at(scene.after(0)) && !timer.arm(scene.after(0)));
    scene.stage.pass(20 * MS);
    let counts = &scene.counts;
    assert_eq!([&counts.works, &counts.delayed, &counts.timers].map(|count| count.load(SeqCst)), [0; 3]);
}

fn a_replay_is_one_more_call_and_leaves_the_setting<S: Stage>() {
    let scene = Scene::<S>::new();
    let timer = scene.timer();
    assert!(timer.arm(scene.after(40 * MS)));
    timer.replay();
    scene.stage.pass(MS);
    assert_eq!(scene.counts.timers.load(SeqCst), 1);
    scene.stage.pass(60 * MS);
    assert_eq!(scene.counts.timers.load(SeqCst), 2);
}

fn interrupts_held_back_are_delivered_on_enable<S: Stage>() {
    let scene = Scene::<S>::new();
    // The device's own registration has the vector; it goes first.
    let taken = scene.host.interrupt(0, scene.callbacks.get(3)).err().map(|error| error.kind);
    assert_eq!(taken, Some(HostErrorKind::Busy));
    let missing = scene.host.interrupt(77, scene.callbacks.get(3)).err().map(|error| error.kind);
    assert_eq!(missing, Some(HostErrorKind::NoResource));
    scene.message();
    scene.stage.pass(2 * MS);
    assert_eq!(scene.counts.interrupts.load(SeqCst), 1);
    // A device of its own, whose only interrupt is the test's.
    let other = Scene::<S>::new();
    other.device.remove(&mut Outside::new()).expect("remove");
    let interrupt = other.host.interrupt(0, scene.callbacks.get(3)).expect("interrupt");
    other.message();
    other.stage.pass(2 * MS);
    assert_eq!(scene.counts.interrupts.load(SeqCst), 1, "disabled");
    interrupt.enable();
    interrupt.enable();
    other.stage.pass(2 * MS);
    assert_eq!(scene.counts.interrupts.load(SeqCst), 2);
    interrupt.disable();
    other.message();
    interrupt.cancel();
    interrupt.enable();
    other.stage.pass(2 * MS);
    assert_eq!(scene.counts.interrupts.load(SeqCst), 2);
    drop(interrupt);
    let freed = other.host.interrupt(0, scene.callbacks.get(3));
    assert!(freed.is_ok(), "the vector is free again");
    assert!(other.stage.gpu().with(|gpu| gpu.stats().messages) >= 2);
}

fn a_locked_value_is_one_callers<S: Stage>() {
    let lock = <<S::Host as Host>::Lock<u32> as Lock<u32>>::new(1);
    let seen = lock.with(|value| {
        *value += 1;
        *value
    });
    assert_eq!((seen, lock.with(|value| *value)), (2, 2));
}

fn events_count_signals_and_waits_end<S: Stage>() {
    let scene = Scene::<S>::new();
    let event = <<S::Host as Host>::Event as Event>::NEW;
    let seen = event.epoch();
    event.signal();
    assert_ne!(event.epoch(), seen);
    // Signalled already: at once, whatever the deadline.
    event.wait(seen, Instant(u64::MAX));
    // Not signalled: not beyond the deadline for ever; a wait may end early, so in a loop.
    let until = scene.after(3 * MS);
    while scene.host.now() < until {
        event.wait(event.epoch(), until);
    }
}

fn delays_delay_and_the_clock_rises<S: Stage>() {
    let scene = Scene::<S>::new();
    let mut delay = scene.host.delay();
    for ns in [1, 999, 70_000, 2_000_000] {
        let before = scene.host.now();
        delay.delay_ns(ns);
        assert!(scene.host.now().since(before) >= Nanos(ns.into()), "{ns}");
    }
    let mut last = scene.host.now();
    for _ in 0..1000 {
        scene.host.relax();
        let now = scene.host.now();
        assert!(now >= last);
        last = now;
    }
}

fn dma_memory_is_zeroed_aligned_and_bounded<S: Stage>() {
    let scene = Scene::<S>::new();
    let memory = scene.host.dma(10_000, 40).expect("memory");
    assert_eq!((memory.len(), memory.bus_address() % 4096, memory.is_empty()), (10_000, 0, false));
    let mut bytes = [1; 4];
    memory.read(9_996, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 4]);
    memory.write(0, &[9, 8]).unwrap();
    memory.read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [9, 8, 0, 0]);
    assert!(memory.read(9_997, &mut bytes).is_err() && memory.write(usize::MAX, &[0; 2]).is_err());
    assert!(scene.host.dma(1 << 20, 20).is_err(), "no room below 1 MiB");
}

macro_rules! conformance {
    ($($test:ident)*) => {
        mod world {
            $(#[test] fn $test() { super::$test::<super::Deterministic>(); })*
        }
        mod threads {
            $(#[test] fn $test() { super::$test::<super::Free>(); })*
        }
    };
}

conformance! {
    timers_fire_once_and_not_early
    a_timer_set_again_replaces_and_one_taken_back_is_silent
    a_timer_may_set_itself_again
    work_is_queued_once_and_never_overlaps_itself
    delayed_work_waits_for_its_time
    nothing_happens_after_cancel
    a_replay_is_one_more_call_and_leaves_the_setting
    interrupts_held_back_are_delivered_on_enable
    a_locked_value_is_one_callers
    events_count_signals_and_waits_end
    delays_delay_and_the_clock_rises
    dma_memory_is_zeroed_aligned_and_bounded
}

#[test]
fn threads_a_cancel_waits_for_the_callback_that_runs() {
    let scene = Scene::<Free>::new();
    let counts = &scene.counts;
    let delayed = scene.delayed();
    let mut caught = 0;
    for _ in 0..10_000 {
        if caught == 20 {
            break;
        }
        let work = scene.work();
        let before = counts.works.load(SeqCst);
        assert!(work.queue());
        while counts.works.load(SeqCst) == before {
            std::thread::yield_now();
        }
        // Called once more by the time of the cancel, or not: both are in order.
        work.queue();
        caught += counts.inside.load(SeqCst);
        work.cancel();
        assert_eq!(counts.inside.load(SeqCst), 0, "cancel returned while the callback ran");
        let settled = counts.works.load(SeqCst);
        for _ in 0..3 {
            assert!(!work.queue(), "a cancelled work item was queued");
            work.replay();
            // What a worker had still to do is behind it when it has come to this.
            let done = counts.delayed.load(SeqCst);
            assert!(delayed.queue_at(scene.after(0)));
            while counts.delayed.load(SeqCst) == done {
                std::thread::yield_now();
            }
            assert_eq!(counts.works.load(SeqCst), settled, "a cancelled work item ran");
        }
    }
    assert_eq!(caught, 20, "the callback was hardly ever inside when it was cancelled");
}

#[test]
fn world_a_cancel_on_top_of_its_own_callback_is_a_violation() {
    let scene = Scene::<Deterministic>::new();
    let world = scene.stage.0.clone();
    let work = Arc::new(scene.work());
    assert!(work.queue());
    // The callback waits for 200 us.
    let inside = work.clone();
    world.post(scene.after(50_000), "cancel", move |_| inside.cancel());
    scene.stage.pass(MS);
    let violations: Vec<_> = world.violations().into_iter().map(|(_, violation)| violation).collect();
    assert_eq!(violations, [Violation::CancelledInside]);
    assert!(!work.queue());
}

#[test]
fn threads_an_event_wakes_a_waiter_on_another_thread() {
    let event = Arc::new(<<ThreadHost as Host>::Event as Event>::NEW);
    let seen = event.epoch();
    let waiter = std::thread::spawn({
        let event = event.clone();
        move || {
            while event.epoch() == seen {
                event.wait(seen, Instant(u64::MAX));
            }
        }
    });
    std::thread::sleep(Duration::from_millis(2));
    event.signal();
    waiter.join().expect("the waiter wakes up");
}

#[test]
fn threads_exclude_each_other_in_a_lock() {
    let lock = Arc::new(<<ThreadHost as Host>::Lock<u64> as Lock<u64>>::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let lock = lock.clone();
            std::thread::spawn(move || (0..10_000).for_each(|_| lock.with(|value| *value += 1)))
        })
        .collect();
    for thread in threads {
        thread.join().expect("a counting thread");
    }
    assert_eq!(lock.with(|value| *value), 40_000);
}
