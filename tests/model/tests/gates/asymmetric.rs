//! The asymmetric gate: its algorithm with explicit slots, and barriers that are fences on both sides.

use std::cell::Cell;

use loom::sync::atomic::{Ordering, fence};
use nova_backends::gate::{Barriers, RowPass, Rows};
use nova_core::lifecycle::Gate;

use super::here;

/// Barriers that are always to be had.
pub(super) struct Heavy;

// SAFETY: under loom a light barrier is a fence, and so is this.
unsafe impl Barriers for Heavy {
    fn light() -> bool {
        true
    }
    fn heavy() -> bool {
        fence(Ordering::SeqCst);
        true
    }
}

/// Barriers that are never to be had.
pub(super) struct Nothing;

// SAFETY: `heavy` never claims to have done anything.
unsafe impl Barriers for Nothing {
    fn light() -> bool {
        false
    }
    fn heavy() -> bool {
        false
    }
}

loom::thread_local! {
    /// How often a gate was opened by this thread.
    static OPENED: Cell<usize> = Cell::new(0);
}

/// Barriers that are not to be had at first.
pub(super) struct Later;

// SAFETY: as for `Heavy`.
unsafe impl Barriers for Later {
    fn light() -> bool {
        OPENED.with(|opened| opened.replace(opened.get() + 1) > 0)
    }
    fn heavy() -> bool {
        Heavy::heavy()
    }
}

/// The algorithm as a gate: `S` threads have a row of their own.
pub(super) struct Told<B, const S: usize>(Rows<B, S, 1>);

// SAFETY: `Rows` keeps the promises, given that a slot has one owner at a time, and the model's threads have
// different ones.
unsafe impl<B: Barriers, const S: usize> Gate for Told<B, S> {
    const NEW: Self = Self(Rows::new());
    type Pass = RowPass;

    fn enter(&self, lane: usize) -> Option<RowPass> {
        self.0.enter(here(), lane, || ())
    }
    fn leave(&self, lane: usize, pass: RowPass) {
        self.0.leave(lane, pass);
    }
    fn close(&self) {
        self.0.close();
    }
    fn open(&self) {
        self.0.open();
    }
    fn busy(&self, from: usize) -> Option<usize> {
        self.0.busy(from, || S)
    }
}

/// A row for everybody.
pub(super) type Own = Told<Heavy, 3>;
/// A row for the first visitor only.
pub(super) type Mixed = Told<Heavy, 1>;
/// Fences instead of barriers.
pub(super) type Fenced = Told<Nothing, 3>;
/// Fences at first.
pub(super) type Upgraded = Told<Later, 3>;
