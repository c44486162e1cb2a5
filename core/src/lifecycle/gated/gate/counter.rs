//! One counter per lane.

use super::Gate;
use crate::sync::{AtomicU32, Ordering};

/// Set in a lane that is closed; the other bits count the visitors.
pub(super) const CLOSED: u32 = 1 << 31;
/// Visitors a lane takes at most. The gap to `CLOSED` is room for those that are being turned away.
pub(super) const CROWD: u32 = 1 << 30;

/// The gate for every host: one counter per lane, one atomic instruction in and one out.
///
/// Count and closed bit share a word, so a visitor and the closing side meet in one modification
/// order and need no fence between two locations.
#[derive(Debug)]
pub struct CounterGate<const N: usize> {
    lanes: [AtomicU32; N],
}

// SAFETY: 1. `close` sets CLOSED in every lane with an RMW; a later `enter` of that lane reads a value
// from after it in the lane's modification order, sees the bit, and fails. 2. A visitor that got in
// added one before CLOSED was set and subtracts it with Release; `busy` reads zero with Acquire only
// from a value in the release sequence of every such subtraction (all writes to a lane are RMWs).
// 3. `open` clears the bit with Release, a successful `enter` reads a value that follows it with Acquire.
unsafe impl<const N: usize> Gate for CounterGate<N> {
    const NEW: Self = Self { lanes: [const { AtomicU32::new(CLOSED) }; N] };
    type Pass = ();

    #[inline]
    fn enter(&self, lane: usize) -> Option<()> {
        enter(self.lanes.get(lane)?)
    }

    #[inline]
    fn leave(&self, lane: usize, (): ()) {
        if let Some(lane) = self.lanes.get(lane) {
            leave(lane);
        }
    }

    fn close(&self) {
        self.lanes.iter().for_each(close);
    }

    fn open(&self) {
        self.lanes.iter().for_each(open);
    }

    fn busy(&self, from: usize) -> Option<usize> {
        (from..N).find(|lane| self.lanes.get(*lane).is_some_and(is_busy))
    }
}

/// Goes in, if the lane is open and has room.
#[inline]
pub(super) fn enter(lane: &AtomicU32) -> Option<()> {
    // Turned away without a write: a storm at a closed gate must not keep `busy` from seeing zero.
    if lane.load(Ordering::Relaxed) & CLOSED != 0 {
        return None;
    }
    let before = lane.fetch_add(1, Ordering::Acquire);
    if before & CLOSED != 0 || before >= CROWD {
        // Relaxed: nothing was touched, and an RMW goes on with the release sequence of those who left.
        lane.fetch_sub(1, Ordering::Relaxed);
        return None;
    }
    Some(())
}

#[inline]
pub(super) fn leave(lane: &AtomicU32) {
    lane.fetch_sub(1, Ordering::Release);
}

pub(super) fn close(lane: &AtomicU32) {
    lane.fetch_or(CLOSED, Ordering::Release);
}

pub(super) fn open(lane: &AtomicU32) {
    lane.fetch_and(!CLOSED, Ordering::Release);
}

pub(super) fn is_busy(lane: &AtomicU32) -> bool {
    lane.load(Ordering::Acquire) & !CLOSED != 0
}

#[cfg(test)]
impl<const N: usize> CounterGate<N> {
    /// Adds to the count of lane 0, wrapping, as a visitor does that is turned away after it had looked.
    pub(in crate::lifecycle) fn count_for_test(&self, by: u32) {
        self.lanes[0].fetch_add(by, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowded_lane_turns_visitors_away_instead_of_overflowing() {
        let gate = CounterGate::<1>::NEW;
        gate.open();
        let [lane] = &gate.lanes;
        lane.store(CROWD, Ordering::Relaxed);
        assert_eq!(gate.enter(0), None);
        assert_eq!(gate.busy(0), Some(0));
        assert_eq!(lane.load(Ordering::Relaxed), CROWD, "the one turned away has taken itself back");
    }

    #[test]
    fn one_turned_away_at_the_last_moment_changes_nothing() {
        let gate = CounterGate::<1>::NEW;
        gate.open();
        assert_eq!(gate.enter(0), Some(()));
        gate.close();
        assert_eq!(gate.enter(0), None);
        let [lane] = &gate.lanes;
        assert_eq!(lane.load(Ordering::Relaxed), CLOSED | 1);
    }
}
