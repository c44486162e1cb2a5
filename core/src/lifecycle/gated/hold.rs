//! Holds: to stay at a value beyond a visit.

use core::ops::Deref;
use core::ptr;

use super::{Gate, Gated, Visit};
use crate::sync::{Ordering, Reading};

/// A reference that stays where it is: what a [`Parent`](crate::lifecycle::Parent) keeps its device by.
///
/// # Safety
///
/// Every `deref` of one value, and of its clones, gives the same place, also after the value was moved, and
/// that place stays valid until the value is dropped.
pub unsafe trait Anchor: Deref + Clone {}

// SAFETY: a shared reference is `Copy`: moving it changes nothing about where it points.
unsafe impl<T: 'static> Anchor for &'static T {}

#[cfg(feature = "alloc")]
// SAFETY: an `Arc` points to its heap allocation, which lives until the last `Arc` to it is dropped.
unsafe impl<T> Anchor for alloc::sync::Arc<T> {}

/// Something that has a cell in it, always the same one. Of this crate only; its one implementation is
/// `Device`, which gives a field.
pub(in crate::lifecycle) trait HasCell {
    type Value;
    type Gate: Gate;
    fn cell(&self) -> &Gated<Self::Value, Self::Gate>;
}

/// Most holds at a time. Far below where the counter would wrap, whoever comes in between.
const MOST: u32 = 1 << 30;

/// The value of a cell, held. While there is a hold, the value is neither changed nor freed.
pub(in crate::lifecycle) struct Hold<A>
where
    A: Anchor<Target: HasCell>,
{
    // Dropped in this order: the last read is before the letting go.
    #[allow(dead_code, reason = "its life is the reading")]
    reading: Reading,
    counted: Counted<A>,
}

/// One hold that is counted, and counted out when dropped.
struct Counted<A: Anchor<Target: HasCell>> {
    anchor: A,
}

type ValueOf<A> = <<A as Deref>::Target as HasCell>::Value;
type GateOf<A> = <<A as Deref>::Target as HasCell>::Gate;

impl<A: Anchor<Target: HasCell>> Hold<A> {
    /// Takes a hold during a visit of the same cell. `None` if it is of another one, there is no value, or
    /// there are too many holds.
    pub(in crate::lifecycle) fn take(anchor: &A, visit: &Visit<'_, ValueOf<A>, GateOf<A>>) -> Option<Self> {
        let anchor = anchor.clone();
        let cell = anchor.cell();
        if !ptr::eq(cell, visit.inside.cell) || visit.is_none() {
            return None;
        }
        // Relaxed: the visit's leaving carries it to the one who drains the gate and then looks here.
        if cell.holds.fetch_add(1, Ordering::Relaxed) >= MOST {
            cell.holds.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self { reading: cell.watch.read(), counted: Counted { anchor } })
    }

    /// What keeps the cell.
    pub(in crate::lifecycle) fn anchor(&self) -> &A {
        &self.counted.anchor
    }

    /// The value.
    #[inline(always)]
    pub(in crate::lifecycle) fn value(&self) -> &ValueOf<A> {
        let slot = self.counted.anchor.cell().slot.get();
        // SAFETY: this hold is counted in that very cell (an `Anchor` always gives the same one), from
        // before the end of a visit until it is dropped. The slot is written only when the gate has been
        // drained and no hold is counted, so not during this borrow.
        let slot = unsafe { &*slot };
        // SAFETY: the slot had a value when the hold was taken, and has not been written since.
        unsafe { slot.as_ref().unwrap_unchecked() }
    }
}

impl<A: Anchor<Target: HasCell>> Drop for Counted<A> {
    fn drop(&mut self) {
        // Release: the one who sees the hold gone sees everything that was done with it.
        self.anchor.cell().holds.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::CounterGate;
    use super::*;
    use std::boxed::Box;

    struct Cell(Gated<u32, CounterGate<1>>);

    impl HasCell for Cell {
        type Value = u32;
        type Gate = CounterGate<1>;
        fn cell(&self) -> &Gated<u32, CounterGate<1>> {
            &self.0
        }
    }

    fn open() -> &'static Cell {
        let cell: &'static Cell = Box::leak(Box::new(Cell(Gated::new())));
        let mut claim = cell.0.claim().expect("nobody else");
        *claim.exclusive().expect("empty") = Some(5);
        claim.open();
        cell
    }

    #[test]
    fn a_hold_keeps_the_value_after_the_visit() {
        let cell = open();
        let hold = Hold::take(&cell, &cell.0.enter(0).expect("open")).expect("the same cell");
        let mut claim = cell.0.claim().expect("nobody else");
        assert!(claim.drained(), "a hold is not somebody inside");
        assert!(claim.held());
        assert!(claim.exclusive().is_none());
        assert_eq!(*hold.value(), 5);
        drop(hold);
        assert!(!claim.held());
        assert_eq!(claim.exclusive().expect("nobody is left").take(), Some(5));
    }

    #[test]
    fn a_hold_is_of_the_cell_that_is_visited() {
        let (one, other) = (open(), open());
        assert!(Hold::take(&one, &other.0.enter(0).expect("open")).is_none());
        let claim = one.0.claim().expect("nobody else");
        assert!(!claim.held());
    }

    #[test]
    fn too_many_holds_are_refused_instead_of_wrapping() {
        let cell = open();
        cell.0.holds.store(MOST, Ordering::Relaxed);
        assert!(Hold::take(&cell, &cell.0.enter(0).expect("open")).is_none());
        assert_eq!(cell.0.holds.load(Ordering::Relaxed), MOST);
    }

    #[test]
    fn l12_a_forgotten_hold_leaks_the_value_instead_of_freeing_it() {
        let cell = open();
        core::mem::forget(Hold::take(&cell, &cell.0.enter(0).expect("open")));
        let mut claim = cell.0.claim().expect("nobody else");
        assert!(claim.exclusive().is_none());
    }
}
