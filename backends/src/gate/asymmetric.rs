//! The gate of a process.
#![allow(unsafe_code)]

use core::fmt;

use nova_core::lifecycle::Gate;

use super::slots::{self, ROWS};
use super::{Barriers, Process, RowPass, Rows};

/// The gate for hosts in userspace: to enter and to leave takes plain loads and stores, no locked
/// instruction, and no cache line that another thread writes to. Closing pays for it, with a system call once
/// nobody is seen.
///
/// The first [`SLOTS`](super::SLOTS) threads have a row of counters of their own in every gate. Those beyond
/// share one and pay an atomic instruction each way, as does a thread whose thread-locals are being
/// destroyed.
///
/// A visit that is never ended counts for ever, also when its thread has ended. A pass goes back before its
/// thread's thread-local destructors run, and a signal handler ends the visits that it begins.
pub struct AsymmetricGate<const N: usize, B = Process> {
    rows: Rows<B, ROWS, N>,
}

// SAFETY: `Rows` keeps the three promises (see there), given that each slot has one owner at a time, that the
// owners of a slot are ordered (`slots`: Release when it is given back, Acquire when it is taken), and that
// `used` was raised before a slot's owner first enters. A pass is not `Send`, so it goes back on its own
// thread.
unsafe impl<B: Barriers, const N: usize> Gate for AsymmetricGate<N, B> {
    const NEW: Self = Self { rows: Rows::new() };
    type Pass = RowPass;

    #[inline]
    fn enter(&self, lane: usize) -> Option<RowPass> {
        // A thread's first visit is counted in the shared row; for the next one it has its own.
        self.rows.enter(slots::mine(), lane, slots::claim)
    }

    #[inline]
    fn leave(&self, lane: usize, pass: RowPass) {
        self.rows.leave(lane, pass);
    }

    fn close(&self) {
        self.rows.close();
    }

    fn open(&self) {
        self.rows.open();
    }

    fn busy(&self, from: usize) -> Option<usize> {
        self.rows.busy(from, slots::used)
    }
}

impl<B: Barriers, const N: usize> fmt::Debug for AsymmetricGate<N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.fmt(f)
    }
}
