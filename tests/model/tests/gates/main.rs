//! Every gate alone, under loom: the promises of `Gate`, and what the device builds on them.
#![cfg(nova_model = "loom")]

mod asymmetric;

use std::cell::Cell;
use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, Ordering, fence};
use loom::thread::{self, JoinHandle};
use nova_core::lifecycle::{CounterGate, Gate, Place, ShardedGate};
use nova_model::{explore, explore_up_to};

loom::thread_local! {
    /// Where a thread is. The main thread is where no visitor is.
    static HERE: Cell<usize> = Cell::new(2);
}

fn here() -> usize {
    HERE.with(Cell::get)
}

/// The place that the thread says it is at.
struct Told;

impl Place for Told {
    fn here() -> usize {
        here()
    }
}

/// Two copies: visitors are apart.
type Apart = ShardedGate<Told, 2, 1>;

/// Plain memory behind a gate.
struct Guarded<G> {
    gate: G,
    /// What the closing side writes and visitors read.
    payload: UnsafeCell<u32>,
    /// What visitors write, each his own, and the closing side reads.
    marks: [UnsafeCell<u32>; 2],
}

// SAFETY: loom runs its threads one at a time, and reports what would be a race.
unsafe impl<G: Sync> Sync for Guarded<G> {}
// SAFETY: as above.
unsafe impl<G: Send> Send for Guarded<G> {}

impl<G: Gate + 'static> Guarded<G> {
    fn new() -> Arc<Self> {
        let guarded = Self {
            gate: G::NEW,
            payload: UnsafeCell::new(1),
            marks: [UnsafeCell::new(0), UnsafeCell::new(0)],
        };
        // Makes loom's objects before there are other threads.
        guarded.gate.close();
        let _ = guarded.gate.busy(0);
        Arc::new(guarded)
    }

    /// What `visitor` finds, if let in.
    fn visit(&self, lane: usize, visitor: usize) -> Option<u32> {
        let pass = self.gate.enter(lane)?;
        // SAFETY: loom reports a write that is not ordered with this read.
        let found = self.payload.with(|payload| unsafe { *payload });
        // SAFETY: loom reports another access that is not ordered with this write.
        self.marks[visitor].with_mut(|mark| unsafe { *mark += 1 });
        self.gate.leave(lane, pass);
        Some(found)
    }

    fn visitor(self: &Arc<Self>, lane: usize, visitor: usize, visits: usize) -> JoinHandle<()> {
        let guarded = self.clone();
        thread::spawn(move || {
            HERE.with(|here| here.set(visitor));
            for _ in 0..visits {
                assert!(matches!(guarded.visit(lane, visitor), None | Some(1 | 2)));
            }
        })
    }

    /// Closes, waits until nobody is inside, and changes everything.
    fn change(&self) {
        self.gate.close();
        while self.gate.busy(0).is_some() {
            thread::yield_now();
        }
        // SAFETY: loom reports any other access that is not ordered with this write.
        self.payload.with_mut(|payload| unsafe { *payload = 2 });
        for mark in &self.marks {
            // SAFETY: as above.
            mark.with_mut(|mark| unsafe { *mark = 0 });
        }
    }
}

/// Promises 1 and 2: two visitors, then the closing side has all to itself, visible.
fn closes<G: Gate + 'static>(name: &str, bound: Option<usize>, lanes: [usize; 2]) {
    explore_up_to(bound, name, 3, move || {
        let guarded = Guarded::<G>::new();
        guarded.gate.open();
        let visitors = [0, 1].map(|visitor| guarded.visitor(lanes[visitor], visitor, 1));
        guarded.change();
        for visitor in visitors {
            visitor.join().expect("no panic");
        }
    });
}

/// Promise 1, to the one who closed and to one who was told so.
fn keeps_out<G: Gate + 'static>(name: &str) {
    explore(name, 3, || {
        let guarded = Guarded::<G>::new();
        guarded.gate.open();
        let closed = Arc::new(AtomicBool::new(false));
        let (late, told) = (guarded.clone(), closed.clone());
        let late = thread::spawn(move || {
            HERE.with(|here| here.set(1));
            assert!(!told.load(Ordering::Acquire) || late.visit(0, 1).is_none(), "let in after `close`");
        });
        let visitor = guarded.visitor(0, 0, 1);
        guarded.gate.close();
        assert!(guarded.gate.enter(0).is_none(), "let in after `close`");
        closed.store(true, Ordering::Release);
        late.join().expect("no panic");
        visitor.join().expect("no panic");
    });
}

/// Promise 3: who comes in after the gate was opened again sees what was done before.
fn reopens<G: Gate + 'static>(name: &str, visits: usize) {
    explore(name, 2, move || {
        let guarded = Guarded::<G>::new();
        guarded.gate.open();
        let visitor = guarded.visitor(0, 0, visits);
        guarded.change();
        guarded.gate.open();
        visitor.join().expect("no panic");
        assert_eq!(guarded.visit(0, 0), Some(2));
    });
}

/// The two together with a second visitor on the same lane.
fn reopens_for_two<G: Gate + 'static>(name: &str) {
    explore_up_to(Some(2), name, 3, || {
        let guarded = Guarded::<G>::new();
        guarded.gate.open();
        let visitors = [0, 1].map(|visitor| guarded.visitor(0, visitor, 1));
        guarded.change();
        guarded.gate.open();
        for visitor in visitors {
            visitor.join().expect("no panic");
        }
    });
}

/// Parking: a note, a fence, a try; against opening, a fence, a look for notes. One sees the other.
fn parks<G: Gate + 'static>(name: &str) {
    explore(name, 3, || {
        let guarded = Guarded::<G>::new();
        let notes: Arc<[AtomicBool; 2]> = Arc::new([0, 1].map(|_| AtomicBool::new(false)));
        let parkers = [0, 1].map(|parker| {
            let (guarded, notes) = (guarded.clone(), notes.clone());
            thread::spawn(move || {
                HERE.with(|here| here.set(parker));
                notes[parker].store(true, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                guarded.visit(0, parker).is_some()
            })
        });
        guarded.gate.open();
        fence(Ordering::SeqCst);
        let found = [0, 1].map(|parker| notes[parker].swap(false, Ordering::Relaxed));
        for (parker, found) in parkers.into_iter().zip(found) {
            assert!(parker.join().expect("no panic") || found, "refused, and the note was not found");
        }
    });
}

/// What `lose` relies on: who opens a gate that another has just closed sees, after a fence, why.
fn is_closed_by_another<G: Gate + 'static>(name: &str) {
    explore(name, 3, || {
        let guarded = Guarded::<G>::new();
        let lost = Arc::new(AtomicBool::new(false));
        let (closing, why) = (guarded.clone(), lost.clone());
        let closer = thread::spawn(move || {
            why.store(true, Ordering::Release);
            closing.gate.close();
        });
        let visitor = guarded.visitor(0, 0, 1);
        guarded.gate.open();
        fence(Ordering::SeqCst);
        if lost.load(Ordering::Acquire) {
            guarded.gate.close();
        }
        closer.join().expect("no panic");
        visitor.join().expect("no panic");
        assert!(guarded.visit(0, 0).is_none(), "open although it was closed, and nobody opened it since");
    });
}

#[test]
fn closes_on_two_lanes() {
    closes::<CounterGate<2>>("counter-closes-two-lanes", None, [0, 1]);
}

macro_rules! models {
    ($($module:ident: $gate:ty, $bound:expr;)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn closes_on_one_lane() {
                closes::<$gate>(concat!(stringify!($module), "-closes-one-lane"), $bound, [0, 0]);
            }
            #[test]
            fn keeps_out_once_closed() {
                keeps_out::<$gate>(concat!(stringify!($module), "-keeps-out"));
            }
            #[test]
            fn opens_again() {
                reopens::<$gate>(concat!(stringify!($module), "-reopens"), 2);
            }
            #[test]
            fn opens_again_for_two() {
                reopens_for_two::<$gate>(concat!(stringify!($module), "-reopens-for-two"));
            }
            #[test]
            fn lets_nobody_sleep_who_parks() {
                parks::<$gate>(concat!(stringify!($module), "-parks"));
            }
            #[test]
            fn stays_closed_when_another_closed_it() {
                is_closed_by_another::<$gate>(concat!(stringify!($module), "-closed-by-another"));
            }
        }
    )*};
}

models! {
    counter: CounterGate<2>, None;
    sharded: Apart, None;
    // Every thread has a row of its own, and the closing side sends barriers.
    rows: asymmetric::Own, Some(2);
    // One visitor has a row of its own, the other shares with the main thread.
    rows_shared: asymmetric::Mixed, Some(2);
    // There are no barriers: visitors fence.
    rows_fenced: asymmetric::Fenced, Some(2);
    // Barriers can be had from the second opening on.
    rows_upgraded: asymmetric::Upgraded, Some(2);
}
