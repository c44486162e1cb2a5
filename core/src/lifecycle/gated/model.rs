//! The cell under loom: every interleaving and every reordering that the memory model allows.
//!
//! The value is memory that loom watches, so an ordering that is missing is a race it reports, and not only
//! the interleaving that would show it. Run by `RUSTFLAGS='--cfg nova_model="loom"' cargo test --release -p
//! nova-core --lib gated::model`; tests/model/README.md says what each model covers.

extern crate std;

use std::format;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as O};

use loom::cell;
use loom::thread;

use super::*;

/// What is in the cell: plain memory, and where each of two visitors puts its name.
struct Value {
    number: cell::UnsafeCell<u32>,
    names: [cell::UnsafeCell<bool>; 2],
}

// SAFETY: loom runs its threads one at a time, and reports what would be a race.
unsafe impl Send for Value {}
// SAFETY: as above.
unsafe impl Sync for Value {}

impl Value {
    fn new(number: u32) -> Self {
        Self {
            number: cell::UnsafeCell::new(number),
            names: [cell::UnsafeCell::new(false), cell::UnsafeCell::new(false)],
        }
    }

    fn read(&self) -> u32 {
        // SAFETY: loom reports a write that is not ordered with this read.
        self.number.with(|number| unsafe { *number })
    }

    fn sign(&self, visitor: usize) {
        // SAFETY: loom reports any other access that is not ordered with this write.
        self.names[visitor].with_mut(|name| unsafe { *name = true });
    }

    /// By who has it alone: a visitor's last access must be visible by now.
    fn close_book(&self) {
        // SAFETY: loom reports any other access that is not ordered with this write.
        self.number.with_mut(|number| unsafe { *number += 100 });
        self.names.iter().for_each(|name| drop(name.get()));
    }
}

struct Cell(Gated<Value, CounterGate<1>>);

impl HasCell for Cell {
    type Value = Value;
    type Gate = CounterGate<1>;
    fn cell(&self) -> &Gated<Value, CounterGate<1>> {
        &self.0
    }
}

/// A shared cell as an anchor. Not loom's `Arc`: a count of references would order what the cell must order.
#[derive(Clone)]
struct Shared(Arc<Cell>);

impl Deref for Shared {
    type Target = Cell;
    fn deref(&self) -> &Cell {
        &self.0
    }
}

// SAFETY: an `Arc` gives the same place, and the place lives as long as any of its clones.
unsafe impl Anchor for Shared {}

/// Explores `model`, and prints how much there was.
fn explore(name: &str, threads: usize, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicU64::new(0));
    let counted = executions.clone();
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 20_000;
    let preemptions = builder.preemption_bound.map_or("unbounded".into(), |bound| format!("{bound}"));
    builder.check(move || {
        counted.fetch_add(1, O::Relaxed);
        model();
    });
    let executions = executions.load(O::Relaxed);
    let line =
        format!("model: {name} | threads {threads} | preemptions {preemptions} | executions {executions}\n");
    // Past the test harness, which would keep it to itself.
    let _ = std::io::stdout().write_all(line.as_bytes());
}

/// A cell with a value, its gate open.
fn open() -> Shared {
    let cell = Shared(Arc::new(Cell(Gated::new())));
    cell.0.0.touch();
    fill(&cell, &mut cell.0.0.claim().expect("nobody else"), 1);
    cell
}

fn fill(_: &Shared, claim: &mut Claim<'_, Value, CounterGate<1>>, number: u32) {
    *claim.exclusive().expect("nobody is in there") = Some(Value::new(number));
    claim.open();
}

/// Waits for whoever is in there, and takes the value out.
fn empty(claim: &mut Claim<'_, Value, CounterGate<1>>) {
    let value = loop {
        match claim.exclusive() {
            Some(slot) => break slot.take(),
            None => thread::yield_now(),
        }
    };
    value.expect("it was there").close_book();
}

fn visit(cell: &Shared, visitor: usize) {
    let Some(visit) = cell.0.0.enter(0) else { return };
    // Empty: between two values, which is no matter of the cell's.
    let Some(value) = visit.as_ref() else { return };
    assert!(matches!(value.read(), 1 | 2), "a value that has been taken out");
    value.sign(visitor);
}

fn visitors(cell: &Shared, first: usize, last: usize) -> std::vec::Vec<thread::JoinHandle<()>> {
    let spawn = |visitor| {
        let cell = cell.clone();
        thread::spawn(move || visit(&cell, visitor))
    };
    (first..=last).map(spawn).collect()
}

fn join(threads: std::vec::Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn a_value_is_taken_out_once_nobody_visits() {
    explore("cell-visit-take", 3, || {
        let cell = open();
        let threads = visitors(&cell, 0, 1);
        empty(&mut cell.0.0.claim().expect("nobody else"));
        join(threads);
    });
}

#[test]
fn the_next_value_is_seen_whole() {
    explore("cell-visit-refill", 2, || {
        let cell = open();
        let threads = visitors(&cell, 0, 0);
        let mut claim = cell.0.0.claim().expect("nobody else");
        empty(&mut claim);
        fill(&cell, &mut claim, 2);
        drop(claim);
        join(threads);
    });
}

#[test]
fn two_who_claim_hand_the_cell_over() {
    explore("cell-claims", 3, || {
        let cell = open();
        let refill = |cell: &Shared, number| {
            let Some(mut claim) = cell.0.0.claim() else { return };
            let _ = claim.get().map(Value::read);
            empty(&mut claim);
            fill(cell, &mut claim, number);
        };
        let other = cell.clone();
        let other = thread::spawn(move || refill(&other, 2));
        let threads = visitors(&cell, 0, 0);
        refill(&cell, 2);
        other.join().expect("no panic");
        join(threads);
    });
}

/// A value that a hold keeps beyond the visit it was taken in.
fn held(cell: &Shared) {
    let visit = cell.0.0.enter(0);
    let hold = visit.as_ref().and_then(|visit| Hold::take(cell, visit));
    drop(visit);
    let Some(hold) = hold else { return };
    hold.value().sign(0);
    assert!(matches!(hold.value().read(), 1 | 2), "a value that has been taken out");
}

#[test]
fn a_hold_keeps_the_value() {
    explore("cell-hold", 2, || {
        let cell = open();
        let holder = cell.clone();
        let holder = thread::spawn(move || held(&holder));
        empty(&mut cell.0.0.claim().expect("nobody else"));
        holder.join().expect("no panic");
    });
}

#[test]
fn a_hold_and_a_visit_keep_the_value() {
    explore("cell-hold-visit", 3, || {
        let cell = open();
        let holder = cell.clone();
        let holder = thread::spawn(move || held(&holder));
        let threads = visitors(&cell, 1, 1);
        empty(&mut cell.0.0.claim().expect("nobody else"));
        holder.join().expect("no panic");
        join(threads);
    });
}

#[test]
fn anybody_may_close() {
    explore("cell-close", 3, || {
        let cell = open();
        let closer = cell.clone();
        let closer = thread::spawn(move || {
            closer.0.0.close();
            assert!(closer.0.0.enter(0).is_none(), "let in after the closing");
        });
        let threads = visitors(&cell, 0, 0);
        empty(&mut cell.0.0.claim().expect("nobody else"));
        closer.join().expect("no panic");
        join(threads);
    });
}
