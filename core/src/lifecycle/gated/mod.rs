//! The audited module: a value behind a gate. All `unsafe` of this crate is in this folder.
//!
//! [`Gated`] holds one value. Visitors reach it shared, through the gate; so does who has a [`Hold`], which
//! a visitor can take to stay beyond the visit. One claim holder at a time may put a value in, open the
//! gate, close it, and, *once the gate is closed, nobody is inside and nobody holds on*, get the value
//! exclusively or take it out. Everything above this module is safe Rust, whatever it does with guards and
//! claims, `mem::forget` included:
//!
//! * A forgotten [`Visit`] or [`Hold`] counts for ever, so the value is never freed: a leak.
//! * A forgotten [`Claim`] is never given back, so the value is never freed: a leak.
//! * Dropping the cell itself needs `&mut`, which proves that no visit, hold or claim is in use.

#![allow(unsafe_code)]

mod gate;
mod hold;
#[cfg(all(test, nova_model = "loom"))]
mod model;

pub use gate::{CounterGate, Gate, Place, ShardedGate};
pub use hold::Anchor;
pub(super) use hold::{HasCell, Hold};

use core::cell::UnsafeCell;
use core::ops::Deref;

use crate::sync::{AtomicBool, AtomicU32, Ordering, Reading, Watch};

/// A value behind a gate.
pub(super) struct Gated<T, G> {
    gate: G,
    /// How many holds there are. Grows only while the one who takes the hold is inside the gate.
    holds: AtomicU32,
    claimed: AtomicBool,
    slot: UnsafeCell<Option<T>>,
    /// Tells a model checker about every use of `slot`.
    watch: Watch,
}

// SAFETY: visitors share `&T` across threads (T: Sync) and the claim holder moves the value in on one
// thread and out on another (T: Send). The slot is written only through a `Claim`, of which there is
// one at a time, and only while the gate is closed and empty and nobody holds on; see `Claim::exclusive`.
unsafe impl<T: Send + Sync, G: Gate> Sync for Gated<T, G> {}

impl<T, G: Gate> Gated<T, G> {
    /// An empty cell, closed.
    pub(super) const fn new() -> Self {
        Self {
            gate: G::NEW,
            holds: AtomicU32::new(0),
            claimed: AtomicBool::new(false),
            slot: UnsafeCell::new(None),
            watch: Watch::new(),
        }
    }

    /// Goes in through `lane`.
    #[inline]
    pub(super) fn enter(&self, lane: usize) -> Option<Visit<'_, T, G>> {
        let pass = self.gate.enter(lane)?;
        let reading = self.watch.read();
        Some(Visit { reading, inside: Inside { cell: self, lane, pass } })
    }

    /// Lets nobody in any more. Anyone may close; only a claim opens.
    pub(super) fn close(&self) {
        self.gate.close();
    }

    /// The first lane at or after `from` that somebody is inside of.
    pub(super) fn busy(&self, from: usize) -> Option<usize> {
        self.gate.busy(from)
    }

    /// The value of a cell that nobody else can reach.
    pub(super) fn get_mut(&mut self) -> &mut Option<T> {
        self.slot.get_mut()
    }

    /// Becomes the one who may change the cell, if nobody else is.
    pub(super) fn claim(&self) -> Option<Claim<'_, T, G>> {
        let free = self.claimed.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        // Lazily: dropping a `Claim` gives it back.
        free.then(|| Claim { cell: self, drain: Drain::NotBegun })
    }

    /// Makes every object that a model checker keeps for this cell.
    #[cfg(any(nova_model = "loom", nova_model = "shuttle"))]
    pub(super) fn touch(&self) {
        self.gate.close();
        let _ = self.gate.busy(0);
        self.holds.load(Ordering::Relaxed);
        self.claimed.load(Ordering::Relaxed);
        self.watch.write();
    }
}

/// Somebody inside the gate.
pub(super) struct Visit<'a, T, G: Gate> {
    // Dropped in this order: the last read is before the leaving.
    #[allow(dead_code, reason = "its life is the reading")]
    reading: Reading,
    inside: Inside<'a, T, G>,
}

/// One that is counted, and counted out when dropped.
struct Inside<'a, T, G: Gate> {
    cell: &'a Gated<T, G>,
    lane: usize,
    pass: G::Pass,
}

impl<T, G: Gate> Deref for Visit<'_, T, G> {
    type Target = Option<T>;
    #[inline]
    fn deref(&self) -> &Option<T> {
        // SAFETY: this visit is counted in the gate and leaves it only when dropped. The slot is
        // written only while the gate is closed and counts nobody, so not during this borrow.
        unsafe { &*self.inside.cell.slot.get() }
    }
}

impl<T, G: Gate> Drop for Inside<'_, T, G> {
    #[inline]
    fn drop(&mut self) {
        self.cell.gate.leave(self.lane, self.pass);
    }
}

/// The right to change the cell. There is at most one at a time.
pub(super) struct Claim<'a, T, G: Gate> {
    cell: &'a Gated<T, G>,
    drain: Drain,
}

/// How far a claim has come in getting everybody out. Kept, for two reasons: the gate is closed once and
/// not at each look, and a look after the drain may show a visitor that is being turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drain {
    NotBegun,
    /// This claim has closed the gate, and has not opened it since.
    Closed,
    /// ... and has seen it empty.
    Empty,
}

impl<T, G: Gate> Claim<'_, T, G> {
    /// Lets visitors in.
    pub(super) fn open(&mut self) {
        self.drain = Drain::NotBegun;
        self.cell.gate.open();
    }

    /// Lets nobody in any more.
    pub(super) fn close(&mut self) {
        if self.drain == Drain::NotBegun {
            self.cell.gate.close();
            self.drain = Drain::Closed;
        }
    }

    /// Closes the gate; true once everybody has left. There may be holds.
    pub(super) fn drained(&mut self) -> bool {
        self.close();
        if self.drain == Drain::Closed && self.cell.gate.busy(0).is_none() {
            self.drain = Drain::Empty;
        }
        self.drain == Drain::Empty
    }

    /// Whether somebody holds on to the value. With the gate drained, `false` stays.
    pub(super) fn held(&self) -> bool {
        self.cell.holds.load(Ordering::Acquire) != 0
    }

    /// The first lane that somebody is inside of.
    pub(super) fn busy(&self) -> Option<usize> {
        self.cell.gate.busy(0)
    }

    /// The value, shared with whoever is inside.
    pub(super) fn get(&self) -> Option<&T> {
        let _ = self.cell.watch.read();
        // SAFETY: the slot is written only through the claim, exclusively borrowed; `&self` rules
        // that out for the length of this borrow.
        unsafe { (*self.cell.slot.get()).as_ref() }
    }

    /// The slot, exclusively: closes the gate, and gives nothing while somebody is inside or holds on.
    pub(super) fn exclusive(&mut self) -> Option<&mut Option<T>> {
        // In this order: a hold is taken inside the gate, so none appears once that is drained.
        if !self.drained() || self.held() {
            return None;
        }
        self.cell.watch.write();
        // SAFETY: the gate was closed by this claim and then seen empty, so no `Visit` refers to the
        // slot, and none will before the gate is opened; then no `Hold` was counted, and only a visit
        // makes one. Only a claim opens the gate, which forgets the drain; there is one claim, and it is
        // borrowed exclusively for as long as the result lives.
        Some(unsafe { &mut *self.cell.slot.get() })
    }
}

impl<T, G: Gate> Drop for Claim<'_, T, G> {
    fn drop(&mut self) {
        self.cell.claimed.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::sync::Arc;
    use std::thread;

    type Cell = Gated<Arc<()>, CounterGate<2>>;

    fn filled(value: &Arc<()>) -> Cell {
        let cell = Cell::new();
        let mut claim = cell.claim().expect("nobody else");
        *claim.exclusive().expect("empty") = Some(value.clone());
        claim.open();
        drop(claim);
        cell
    }

    #[test]
    fn a_cell_starts_closed_and_empty() {
        let cell = Cell::new();
        assert!(cell.enter(0).is_none());
        cell.claim().expect("nobody else").open();
        assert!(cell.enter(0).expect("open").is_none());
        assert_eq!(cell.claim().expect("nobody else").busy(), None);
    }

    #[test]
    fn being_turned_away_changes_nothing() {
        let cell = filled(&Arc::new(()));
        let claim = cell.claim().expect("nobody else");
        cell.close();
        assert!(cell.enter(0).is_none());
        assert_eq!(claim.busy(), None);
        assert!(cell.claim().is_none());
        assert!(cell.claim().is_none(), "the failed attempt must not give the claim back");
    }

    #[test]
    fn a_visitor_being_turned_away_does_not_undo_a_drain() {
        let cell = filled(&Arc::new(()));
        let mut claim = cell.claim().expect("nobody else");
        assert!(claim.drained());
        // What a visitor does that comes between the drain and the exclusive access.
        cell.gate.count_for_test(1);
        assert!(claim.exclusive().is_some());
        cell.gate.count_for_test(u32::MAX);
        claim.open();
        let visit = cell.enter(0);
        assert!(claim.exclusive().is_none());
        drop(visit);
        assert!(claim.exclusive().is_some());
    }

    #[test]
    fn there_is_one_claim_at_a_time() {
        let cell = Cell::new();
        let claim = cell.claim();
        assert!(claim.is_some());
        assert!(cell.claim().is_none());
        drop(claim);
        assert!(cell.claim().is_some());
    }

    #[test]
    fn l12_a_forgotten_visit_leaks_the_value_instead_of_freeing_it() {
        let value = Arc::new(());
        let cell = filled(&value);
        core::mem::forget(cell.enter(1).expect("open"));
        let mut claim = cell.claim().expect("nobody else");
        assert!(claim.exclusive().is_none());
        assert_eq!(claim.busy(), Some(1));
        drop(claim);
        // The owner of the cell may still drop it: nobody can hold a borrow of it any more.
        drop(cell);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn l12_a_forgotten_claim_leaks_the_value_instead_of_freeing_it() {
        let value = Arc::new(());
        let cell = filled(&value);
        core::mem::forget(cell.claim());
        assert!(cell.claim().is_none());
        assert!(cell.enter(0).is_some());
    }

    #[test]
    fn a_value_moves_between_threads_and_is_taken_once_nobody_is_inside() {
        let value = Arc::new(());
        let cell = Arc::new(filled(&value));
        let visitors: std::vec::Vec<_> = (0..2)
            .map(|lane| {
                let cell = cell.clone();
                thread::spawn(move || {
                    let mut visits = 0;
                    while let Some(visit) = cell.enter(lane) {
                        assert!(visit.is_some());
                        visits += 1;
                        if visits == 10_000 {
                            break;
                        }
                    }
                })
            })
            .collect();
        let taken = loop {
            let mut claim = cell.claim().expect("nobody else claims");
            if let Some(slot) = claim.exclusive() {
                break slot.take();
            }
            thread::yield_now();
        };
        assert!(taken.is_some());
        for visitor in visitors {
            visitor.join().expect("visitor");
        }
        drop(taken);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
