//! The audited module: a value behind a gate. All `unsafe` of this crate is in this folder.
//!
//! [`Gated`] holds one value. Visitors reach it shared, through the gate. One claim holder at a time
//! may put a value in, open the gate, close it, and, *once the gate is closed and nobody is inside*,
//! get the value exclusively or take it out. Everything above this module is safe Rust, whatever it
//! does with guards and claims, `mem::forget` included:
//!
//! * A forgotten [`Visit`] counts as inside for ever, so the value is never freed: a leak.
//! * A forgotten [`Claim`] is never given back, so the value is never freed: a leak.
//! * Dropping the cell itself needs `&mut`, which proves that no visit or claim is in use.

#![allow(unsafe_code)]

mod gate;

pub use gate::{CounterGate, Gate};

use core::cell::UnsafeCell;
use core::ops::Deref;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value behind a gate.
pub(super) struct Gated<T, G> {
    gate: G,
    claimed: AtomicBool,
    slot: UnsafeCell<Option<T>>,
}

// SAFETY: visitors share `&T` across threads (T: Sync) and the claim holder moves the value in on one
// thread and out on another (T: Send). The slot is written only through a `Claim`, of which there is
// one at a time, and only while the gate is closed and empty; see `Claim::exclusive`.
unsafe impl<T: Send + Sync, G: Gate> Sync for Gated<T, G> {}

impl<T, G: Gate> Gated<T, G> {
    /// An empty cell, closed.
    pub(super) const fn new() -> Self {
        Self { gate: G::NEW, claimed: AtomicBool::new(false), slot: UnsafeCell::new(None) }
    }

    /// Goes in through `lane`.
    #[inline]
    pub(super) fn enter(&self, lane: usize) -> Option<Visit<'_, T, G>> {
        // Lazily: a `Visit` that was never let in must not leave.
        self.gate.enter(lane).then(|| Visit { cell: self, lane })
    }

    /// Lets nobody in any more. Anyone may close; only a claim opens.
    pub(super) fn close(&self) {
        self.gate.close();
    }

    /// The value of a cell that nobody else can reach.
    pub(super) fn get_mut(&mut self) -> &mut Option<T> {
        self.slot.get_mut()
    }

    /// Becomes the one who may change the cell, if nobody else is.
    pub(super) fn claim(&self) -> Option<Claim<'_, T, G>> {
        let free = self.claimed.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        // Lazily: dropping a `Claim` gives it back.
        free.then(|| Claim { cell: self, drained: false })
    }
}

/// Somebody inside the gate.
pub(super) struct Visit<'a, T, G: Gate> {
    cell: &'a Gated<T, G>,
    lane: usize,
}

impl<T, G: Gate> Deref for Visit<'_, T, G> {
    type Target = Option<T>;
    #[inline]
    fn deref(&self) -> &Option<T> {
        // SAFETY: this visit is counted in the gate and leaves it only when dropped. The slot is
        // written only while the gate is closed and counts nobody, so not during this borrow.
        unsafe { &*self.cell.slot.get() }
    }
}

impl<T, G: Gate> Drop for Visit<'_, T, G> {
    #[inline]
    fn drop(&mut self) {
        self.cell.gate.leave(self.lane);
    }
}

/// The right to change the cell. There is at most one at a time.
pub(super) struct Claim<'a, T, G: Gate> {
    cell: &'a Gated<T, G>,
    /// The gate was seen closed and empty, and has not been opened since.
    ///
    /// Kept, because a look at the gate later may show a visitor that is being turned away.
    drained: bool,
}

impl<T, G: Gate> Claim<'_, T, G> {
    /// Lets visitors in.
    pub(super) fn open(&mut self) {
        self.drained = false;
        self.cell.gate.open();
    }

    /// Lets nobody in any more; true once everybody has left.
    pub(super) fn drained(&mut self) -> bool {
        if !self.drained {
            self.cell.gate.close();
            self.drained = self.cell.gate.busy().is_none();
        }
        self.drained
    }

    /// A lane that somebody is inside of.
    pub(super) fn busy(&self) -> Option<usize> {
        self.cell.gate.busy()
    }

    /// The value, shared with whoever is inside.
    pub(super) fn get(&self) -> Option<&T> {
        // SAFETY: the slot is written only through the claim, exclusively borrowed; `&self` rules
        // that out for the length of this borrow.
        unsafe { (*self.cell.slot.get()).as_ref() }
    }

    /// The slot, exclusively: closes the gate, and gives nothing while somebody is inside.
    pub(super) fn exclusive(&mut self) -> Option<&mut Option<T>> {
        if !self.drained() {
            return None;
        }
        // SAFETY: the gate was closed by this claim and then seen empty, so no `Visit` refers to the
        // slot, and none will before the gate is opened. Only a claim opens the gate, which clears
        // `drained`; there is one claim, and it is borrowed exclusively for as long as the result lives.
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
