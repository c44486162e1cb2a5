//! The asymmetric gate and its threads: more than it has rows, ones that come and go, signal handlers.

use std::cell::Cell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use nova_backends::conformance::gate::Arena;
use nova_backends::gate::{AsymmetricGate, SLOTS, prepare_thread};
use nova_core::lifecycle::Gate;

type Gate2 = AsymmetricGate<2>;

#[test]
fn more_threads_than_rows_are_all_counted() {
    const THREADS: usize = SLOTS + 16;
    let gate = Box::new(Gate2::NEW);
    gate.open();
    let (all_in, seen, half_out) =
        (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (gate, all_in, seen, half_out) = (&gate, &all_in, &seen, &half_out);
            scope.spawn(move || {
                let outer = gate.enter(1).expect("open");
                let inner = gate.enter(1).expect("open");
                gate.leave(1, inner);
                all_in.wait();
                seen.wait();
                if number % 2 == 0 {
                    gate.leave(1, outer);
                    half_out.wait();
                } else {
                    half_out.wait();
                    gate.leave(1, outer);
                }
            });
        }
        all_in.wait();
        gate.close();
        assert_eq!(gate.busy(0), Some(1));
        seen.wait();
        assert_eq!(gate.busy(0), Some(1), "half of them are inside");
        half_out.wait();
    });
    assert_eq!(gate.busy(0), None);
}

#[test]
fn a_crowd_meets_nothing_freed() {
    // 80 visitors, of which some share.
    let summary = super::compete::<Gate2, { SLOTS + 16 }>(2, 100).expect("nobody meets what was freed");
    assert!(summary.visits > 0);
}

#[test]
fn threads_that_come_and_go_hand_their_rows_on() {
    let arena = Box::new(Arena::<Gate2, 3>::new());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..3 {
            let (arena, stop) = (&arena, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // Each visitor in turn is a new thread, with the row of one that ended.
                    thread::scope(|scope| {
                        scope.spawn(|| {
                            for _ in 0..20 {
                                arena.visit_once(number, number % 2);
                            }
                        });
                    });
                }
            });
        }
        arena.close(500, thread::yield_now);
        stop.store(true, Ordering::Relaxed);
    });
    arena.verdict().expect("nobody meets what was freed");
}

#[test]
fn a_visit_that_a_thread_took_along_counts_for_ever() {
    let gate = Box::new(Gate2::NEW);
    gate.open();
    thread::scope(|scope| {
        scope.spawn(|| {
            // In a row of its own, if there is one at the moment.
            prepare_thread();
            gate.enter(1).map(drop).expect("open");
        });
    });
    // The next owners of that row come and go on top of it.
    for _ in 0..SLOTS {
        thread::scope(|scope| {
            scope.spawn(|| {
                prepare_thread();
                let pass = gate.enter(1).expect("open");
                gate.leave(1, pass);
            });
        });
    }
    gate.close();
    assert_eq!(gate.busy(0), Some(1));
}

#[test]
fn a_thread_may_enter_while_its_thread_locals_are_destroyed() {
    static GATE: Gate2 = Gate2::NEW;
    static VISITS: AtomicU64 = AtomicU64::new(0);
    struct Visitor(Cell<bool>);
    impl Drop for Visitor {
        fn drop(&mut self) {
            let pass = GATE.enter(0).expect("open");
            assert_eq!(GATE.busy(0), Some(0));
            GATE.leave(0, pass);
            VISITS.fetch_add(1, Ordering::Relaxed);
        }
    }
    thread_local! {
        static BEFORE: Visitor = const { Visitor(Cell::new(false)) };
        static AFTER: Visitor = const { Visitor(Cell::new(false)) };
    }
    GATE.open();
    // One destructor runs before the row is given back and one after it, in either order of the two.
    thread::spawn(|| {
        BEFORE.with(|visitor| visitor.0.set(true));
        assert!(prepare_thread());
        AFTER.with(|visitor| visitor.0.set(true));
    })
    .join()
    .expect("no panic");
    GATE.close();
    assert_eq!(VISITS.load(Ordering::Relaxed), 2);
    assert_eq!(GATE.busy(0), None);
}

#[cfg(unix)]
mod signals {
    use super::*;
    use std::os::unix::thread::JoinHandleExt;
    use std::ptr;

    static ARENA: Arena<Gate2, 2> = Arena::new();
    static HANDLED: AtomicU64 = AtomicU64::new(0);

    extern "C" fn visit_from_a_handler(_signal: libc::c_int) {
        // The same lane as the thread that it interrupts: what an interrupt on the same processor does.
        ARENA.visit_once(1, 0);
        HANDLED.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn a_signal_handler_may_interrupt_an_entry_at_any_point() {
        const SIGNALS: u64 = 20_000;
        let handler: extern "C" fn(libc::c_int) = visit_from_a_handler;
        // SAFETY: all zero is a valid `sigaction`: no flags, nothing blocked.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as libc::sighandler_t;
        // SAFETY: the handler only uses atomics: it enters a gate on a thread that was prepared for that.
        let installed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
        assert_eq!(installed, 0);

        let (ready, is_ready) = std::sync::mpsc::channel();
        let visitor = thread::spawn(move || {
            assert!(prepare_thread());
            ready.send(()).expect("waited for");
            ARENA.visit(0, 0, |_| ());
        });
        is_ready.recv().expect("comes");
        let closer = thread::spawn(|| ARENA.close(5_000, thread::yield_now));
        let thread = visitor.as_pthread_t();
        let mut sent = 0;
        while !closer.is_finished() || sent < SIGNALS {
            // Signals of one kind do not add up: one at a time, so that each one interrupts.
            let before = HANDLED.load(Ordering::Relaxed);
            if visitor.is_finished() {
                break;
            }
            // SAFETY: the thread is not joined before the end of this test, so the handle is valid.
            if unsafe { libc::pthread_kill(thread, libc::SIGUSR1) } != 0 {
                break;
            }
            sent += 1;
            while HANDLED.load(Ordering::Relaxed) == before && !visitor.is_finished() {
                thread::yield_now();
            }
        }
        closer.join().expect("no panic");
        visitor.join().expect("no panic");
        ARENA.verdict().expect("nobody meets what was freed");
        assert!(HANDLED.load(Ordering::Relaxed) > 0);
    }
}
