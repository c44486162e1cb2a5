//! Gates that break a promise: the suite finds each of them.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nova_backends::conformance::Broken;
use nova_backends::conformance::gate as suite;
use nova_backends::gate::{AsymmetricGate, Barriers};
use nova_core::lifecycle::{CounterGate, Gate};

use super::compete;

/// A gate of three lanes that does one thing wrong.
struct Liar<L> {
    honest: CounterGate<3>,
    other: [AtomicU32; 3],
    flag: AtomicBool,
    lie: PhantomData<fn() -> L>,
}

/// What it does, where that is not what it should do.
trait Lie: Sized + 'static {
    fn enter(gate: &Liar<Self>, lane: usize) -> bool {
        gate.honest.enter(lane).is_some()
    }
    fn leave(gate: &Liar<Self>, lane: usize) {
        gate.honest.leave(lane, ());
    }
    fn close(gate: &Liar<Self>) {
        gate.honest.close();
    }
    fn open(gate: &Liar<Self>) {
        gate.honest.open();
    }
    fn busy(gate: &Liar<Self>, from: usize) -> Option<usize> {
        gate.honest.busy(from)
    }
}

// SAFETY: it is none; nothing is ever behind these gates but the arena's atomics.
unsafe impl<L: Lie> Gate for Liar<L> {
    const NEW: Self = Self {
        honest: CounterGate::NEW,
        other: [const { AtomicU32::new(0) }; 3],
        flag: AtomicBool::new(false),
        lie: PhantomData,
    };
    type Pass = ();
    fn enter(&self, lane: usize) -> Option<()> {
        L::enter(self, lane).then_some(())
    }
    fn leave(&self, lane: usize, (): ()) {
        L::leave(self, lane);
    }
    fn close(&self) {
        L::close(self);
    }
    fn open(&self) {
        L::open(self);
    }
    fn busy(&self, from: usize) -> Option<usize> {
        L::busy(self, from)
    }
}

/// What one thread finds.
fn alone<G: Gate>() -> Result<(), Broken> {
    let gate = Box::new(G::NEW);
    suite::run(&*gate, 3)
}

macro_rules! lies {
    ($($name:ident: $case:literal { $($what:tt)* })*) => {$(
        #[test]
        fn $name() {
            struct Lies;
            impl Lie for Lies { $($what)* }
            let found = alone::<Liar<Lies>>().expect_err("a lie");
            assert_eq!(found.case, $case, "{found}");
        }
    )*};
}

type This<L> = Liar<L>;

fn add(gate: &Liar<impl Lie>, lane: usize, more: u32) {
    gate.other[lane].fetch_add(more, Ordering::SeqCst);
}

fn first(gate: &Liar<impl Lie>, from: usize) -> Option<usize> {
    (from..3).find(|lane| gate.other[*lane].load(Ordering::SeqCst) != 0)
}

lies! {
    one_that_starts_open: "a gate starts closed" {
        fn enter(gate: &This<Self>, lane: usize) -> bool {
            !gate.flag.load(Ordering::SeqCst) || gate.honest.enter(lane).is_some()
        }
        fn open(gate: &This<Self>) {
            gate.flag.store(true, Ordering::SeqCst);
            gate.honest.open();
        }
    }
    one_that_counts_whom_it_refused: "a gate starts closed" {
        fn enter(gate: &This<Self>, lane: usize) -> bool {
            let refused = gate.honest.enter(lane).is_none();
            if refused && lane < 3 {
                add(gate, lane, 1);
            }
            !refused
        }
        fn busy(gate: &This<Self>, from: usize) -> Option<usize> {
            first(gate, from).or(gate.honest.busy(from))
        }
    }
    one_that_opens_nothing: "an open gate lets in through every lane" {
        fn open(_: &This<Self>) {}
    }
    one_that_has_one_lane_less: "an open gate lets in through every lane" {
        fn enter(gate: &This<Self>, lane: usize) -> bool {
            lane < 2 && gate.honest.enter(lane).is_some()
        }
    }
    one_that_counts_nobody_out: "an open gate lets in through every lane" {
        fn leave(_: &This<Self>, _: usize) {}
    }
    one_that_leaves_through_another_lane: "an open gate lets in through every lane" {
        fn leave(gate: &This<Self>, lane: usize) {
            gate.honest.leave((lane + 1) % 3, ());
        }
    }
    one_that_closes_nothing: "a closed gate lets nobody in" {
        fn close(_: &This<Self>) {}
    }
    one_that_closes_one_lane: "a closed gate lets nobody in" {
        fn enter(gate: &This<Self>, lane: usize) -> bool {
            if lane == 0 || !gate.flag.load(Ordering::SeqCst) {
                return gate.honest.enter(lane).is_some();
            }
            lane < 3
        }
        fn leave(gate: &This<Self>, lane: usize) {
            if !gate.flag.load(Ordering::SeqCst) {
                gate.honest.leave(lane, ());
            }
        }
        fn close(gate: &This<Self>) {
            gate.flag.store(true, Ordering::SeqCst);
            gate.honest.close();
        }
        fn open(gate: &This<Self>) {
            gate.flag.store(false, Ordering::SeqCst);
            gate.honest.open();
        }
    }
    one_that_is_never_busy: "every lane is named" {
        fn busy(_: &This<Self>, _: usize) -> Option<usize> {
            None
        }
    }
    one_that_names_another_lane: "every lane is named" {
        fn busy(gate: &This<Self>, from: usize) -> Option<usize> {
            gate.honest.busy(from).map(|lane| (lane + 1) % 3)
        }
    }
    one_that_counts_all_in_one_lane: "every lane is named" {
        fn enter(gate: &This<Self>, lane: usize) -> bool {
            lane < 3 && gate.honest.enter(0).is_some()
        }
        fn leave(gate: &This<Self>, _: usize) {
            gate.honest.leave(0, ());
        }
    }
    one_that_throws_everybody_out_when_it_closes: "every lane is named" {
        fn busy(gate: &This<Self>, from: usize) -> Option<usize> {
            if gate.flag.load(Ordering::SeqCst) { None } else { gate.honest.busy(from) }
        }
        fn close(gate: &This<Self>) {
            gate.flag.store(true, Ordering::SeqCst);
            gate.honest.close();
        }
        fn open(gate: &This<Self>) {
            gate.flag.store(false, Ordering::SeqCst);
            gate.honest.open();
        }
    }
    one_that_always_looks_from_the_start: "a look may begin anywhere" {
        fn busy(gate: &This<Self>, _: usize) -> Option<usize> {
            gate.honest.busy(0)
        }
    }
    one_that_looks_at_the_first_only: "a look may begin anywhere" {
        fn busy(gate: &This<Self>, from: usize) -> Option<usize> {
            gate.honest.busy(0).filter(|lane| *lane >= from)
        }
    }
    one_with_a_flag_for_a_count: "visits nest" {
        fn enter(gate: &This<Self>, lane: usize) -> bool {
            let inside = gate.honest.enter(lane).is_some();
            if inside {
                gate.honest.leave(lane, ());
                gate.other[lane].store(1, Ordering::SeqCst);
            }
            inside
        }
        fn leave(gate: &This<Self>, lane: usize) {
            gate.other[lane].store(0, Ordering::SeqCst);
        }
        fn busy(gate: &This<Self>, from: usize) -> Option<usize> {
            first(gate, from)
        }
    }
    one_that_counts_to_sixteen: "many may be inside" {
        fn busy(gate: &This<Self>, from: usize) -> Option<usize> {
            (from..3).find(|lane| !gate.other[*lane].load(Ordering::SeqCst).is_multiple_of(16))
        }
        fn enter(gate: &This<Self>, lane: usize) -> bool {
            let inside = gate.honest.enter(lane).is_some();
            if inside {
                add(gate, lane, 1);
            }
            inside
        }
        fn leave(gate: &This<Self>, lane: usize) {
            gate.honest.leave(lane, ());
            add(gate, lane, u32::MAX);
        }
    }
    one_with_lanes_beyond_its_last: "a lane that is not there is closed" {
        fn enter(gate: &This<Self>, lane: usize) -> bool {
            gate.honest.enter(lane % 3).is_some()
        }
        fn leave(gate: &This<Self>, lane: usize) {
            gate.honest.leave(lane % 3, ());
        }
    }
    one_that_the_second_closing_opens: "closing twice does nothing" {
        fn close(gate: &This<Self>) {
            if gate.flag.swap(true, Ordering::SeqCst) { gate.honest.open() } else { gate.honest.close() }
        }
        fn open(gate: &This<Self>) {
            gate.flag.store(false, Ordering::SeqCst);
            gate.honest.open();
        }
    }
    one_that_forgets_when_it_opens: "opening keeps who is inside" {
        fn enter(gate: &This<Self>, lane: usize) -> bool {
            let inside = gate.honest.enter(lane).is_some();
            if inside {
                gate.honest.leave(lane, ());
                add(gate, lane, 1);
            }
            inside
        }
        fn leave(gate: &This<Self>, lane: usize) {
            let fewer = |inside: u32| Some(inside.saturating_sub(1));
            let _ = gate.other[lane].fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
        }
        fn busy(gate: &This<Self>, from: usize) -> Option<usize> {
            first(gate, from)
        }
        fn open(gate: &This<Self>) {
            gate.other.iter().for_each(|inside| inside.store(0, Ordering::SeqCst));
            gate.honest.open();
        }
    }
    one_that_counts_out_whom_it_refuses: "being refused changes nothing" {
        fn enter(gate: &This<Self>, lane: usize) -> bool {
            let inside = gate.honest.enter(lane).is_some();
            if !inside && gate.honest.busy(lane) == Some(lane) {
                gate.honest.leave(lane, ());
                add(gate, lane, 1);
            }
            inside
        }
        fn leave(gate: &This<Self>, lane: usize) {
            if gate.other[lane].load(Ordering::SeqCst) == 0 {
                gate.honest.leave(lane, ());
            } else {
                add(gate, lane, u32::MAX);
            }
        }
    }
}

/// Looks, and counts itself in only then: between the two the gate may close.
struct LooksFirst;

impl Lie for LooksFirst {
    fn enter(gate: &Liar<Self>, lane: usize) -> bool {
        let inside = gate.flag.load(Ordering::SeqCst);
        if inside && lane < 3 {
            std::thread::yield_now();
            add(gate, lane, 1);
        }
        inside && lane < 3
    }
    fn leave(gate: &Liar<Self>, lane: usize) {
        add(gate, lane, u32::MAX);
    }
    fn close(gate: &Liar<Self>) {
        gate.flag.store(false, Ordering::SeqCst);
    }
    fn open(gate: &Liar<Self>) {
        gate.flag.store(true, Ordering::SeqCst);
    }
    fn busy(gate: &Liar<Self>, from: usize) -> Option<usize> {
        first(gate, from)
    }
}

#[test]
fn one_that_looks_first_is_found_by_several_threads_only() {
    alone::<Liar<LooksFirst>>().expect("one thread sees nothing wrong");
    let found = compete::<Liar<LooksFirst>, 3>(3, 1_000_000).expect_err("a visitor comes in late");
    assert_eq!(found.case, "visitors and a closer at the same time");
}

/// The asymmetric gate with half of its barriers: visitors rely on one that nobody has made.
struct NoBarrier;

// SAFETY: it is not; nothing is ever behind this gate but the arena's atomics.
unsafe impl Barriers for NoBarrier {
    fn light() -> bool {
        true
    }
    fn heavy() -> bool {
        true
    }
}

#[test]
#[ignore = "takes two processors, luck, and up to minutes; the model checker finds it every time"]
fn one_without_the_heavy_barrier_is_found_by_several_threads_only() {
    alone::<AsymmetricGate<3, NoBarrier>>().expect("one thread sees nothing wrong");
    compete::<AsymmetricGate<3, NoBarrier>, 3>(3, 10_000_000).expect_err("a write overtaken by a read");
}
