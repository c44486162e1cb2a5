//! Every gate keeps its promises, and the suite that says so catches gates that do not.

#[path = "gates/liars.rs"]
mod liars;
#[path = "gates/threads.rs"]
mod threads;

use std::thread;

use nova_backends::conformance::Broken;
use nova_backends::conformance::gate::{self as suite, Arena, Summary};
use nova_backends::gate::{AsymmetricGate, Fences, Mode, Process, ThreadPlace, mode};
use nova_core::lifecycle::{CounterGate, Gate, ShardedGate};

/// Lives of an arena's payload.
const LIVES: u32 = 2_000;

/// Runs an arena: a thread for each visitor, the closer on this one.
fn compete<G: Gate, const V: usize>(lanes: usize, lives: u32) -> Result<Summary, Broken> {
    let arena = Box::new(Arena::<G, V>::new());
    thread::scope(|scope| {
        for number in 0..V {
            let arena = &arena;
            scope.spawn(move || {
                arena.visit(number, number % lanes, |tries| {
                    // Mostly in a tight loop, where the races are, but never for a whole slice of time.
                    if tries.is_multiple_of(64) {
                        thread::yield_now();
                    }
                });
            });
        }
        arena.close(lives, thread::yield_now);
    });
    arena.verdict()
}

/// Everything about one kind of gate, of one lane, of several, and of many.
fn conforms<One: Gate, Some: Gate, Many: Gate>() {
    let (one, other) = (Box::new(Some::NEW), Box::new(Some::NEW));
    suite::run(&*Box::new(One::NEW), 1).expect("one lane");
    suite::run(&*one, 5).expect("five lanes");
    suite::run(&*Box::new(Many::NEW), 64).expect("64 lanes");
    suite::strangers(&*one, &*other).expect("two gates");
    for summary in [compete::<One, 1>(1, LIVES), compete::<One, 3>(1, LIVES), compete::<Some, 6>(5, LIVES)] {
        let summary = summary.expect("nobody meets what was freed");
        assert_eq!(summary.lives, LIVES);
        assert!(summary.visits >= LIVES);
    }
}

#[test]
fn the_counter_gate_keeps_its_promises() {
    conforms::<CounterGate<1>, CounterGate<5>, CounterGate<64>>();
    suite::run(&*Box::new(CounterGate::<0>::NEW), 0).expect("no lanes");
}

#[test]
fn the_sharded_gate_keeps_its_promises() {
    type Sharded<const N: usize> = ShardedGate<ThreadPlace, 4, N>;
    conforms::<Sharded<1>, Sharded<5>, Sharded<64>>();
    suite::run(&*Box::new(Sharded::<0>::NEW), 0).expect("no lanes");
}

#[test]
fn the_asymmetric_gate_keeps_its_promises_with_the_barriers_of_this_machine() {
    conforms::<AsymmetricGate<1>, AsymmetricGate<5>, AsymmetricGate<64>>();
    suite::run(&*Box::new(AsymmetricGate::<0>::NEW), 0).expect("no lanes");
}

#[test]
fn the_asymmetric_gate_keeps_its_promises_with_fences() {
    type Fenced<const N: usize> = AsymmetricGate<N, Fences>;
    conforms::<Fenced<1>, Fenced<5>, Fenced<64>>();
}

#[test]
fn one_device_s_remove_never_waits_for_another_device_s_readers() {
    static ONE: AsymmetricGate<4> = AsymmetricGate::NEW;
    let other = Box::new(AsymmetricGate::<4>::NEW);
    ONE.open();
    other.open();
    // A reader that is stuck in one gate, on a thread of its own, until it is let go.
    let (is_in, came_in) = std::sync::mpsc::channel();
    let (let_go, go) = std::sync::mpsc::channel::<()>();
    let reader = thread::spawn(move || {
        let pass = ONE.enter(2).expect("open");
        is_in.send(()).expect("waited for");
        go.recv().expect("let go");
        ONE.leave(2, pass);
    });
    came_in.recv().expect("comes in");
    other.close();
    assert_eq!(other.busy(0), None, "at the first look");
    ONE.close();
    assert_eq!(ONE.busy(0), Some(2));
    let_go.send(()).expect("waits");
    reader.join().expect("no panic");
    assert_eq!(ONE.busy(0), None);
}

#[test]
fn the_mode_says_what_it_is() {
    let said = mode().to_string();
    match mode() {
        Mode::Membarrier => assert_eq!(said, "membarrier"),
        Mode::Fence(_) => assert!(said.starts_with("fence ("), "{said}"),
    }
    if std::env::var("NOVA_GATE").as_deref() == Ok("fence") {
        assert_eq!(said, "fence (NOVA_GATE=fence)");
    }
}

#[test]
fn fences_are_taken_where_the_environment_says_so() {
    let me = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(me)
        .args(["--exact", "the_mode_says_what_it_is"])
        .env("NOVA_GATE", "fence")
        .output()
        .expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A barrier that cannot be had any more: `light` was promised, `heavy` fails.
mod broken_barrier {
    use super::*;
    use nova_backends::gate::Barriers;
    use std::sync::atomic::{AtomicBool, Ordering};

    static WORKS: AtomicBool = AtomicBool::new(true);

    struct Flaky;
    // SAFETY: it says that it failed, or is the barrier of this process.
    unsafe impl Barriers for Flaky {
        fn light() -> bool {
            Process::light()
        }
        fn heavy() -> bool {
            WORKS.load(Ordering::Relaxed) && Process::heavy()
        }
    }

    #[test]
    fn a_gate_that_cannot_be_shown_empty_says_that_it_is_busy() {
        if mode() != Mode::Membarrier {
            return;
        }
        let gate = Box::new(AsymmetricGate::<2, Flaky>::NEW);
        assert_eq!(gate.busy(0), None, "never opened: there is nothing to show");
        gate.open();
        WORKS.store(false, Ordering::Relaxed);
        gate.close();
        assert_eq!(gate.busy(0), Some(0));
        gate.open();
        let pass = gate.enter(1).expect("open");
        gate.close();
        assert_eq!(gate.busy(0), Some(1), "who is seen is named");
        gate.leave(1, pass);
        assert_eq!(gate.busy(0), Some(0));
        WORKS.store(true, Ordering::Relaxed);
        assert_eq!(gate.busy(0), None, "the next look tries again");
    }
}
