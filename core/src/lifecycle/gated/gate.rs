//! Gates: who is inside, and may anybody still come in.

use core::sync::atomic::{AtomicU32, Ordering};

/// Counts who is inside, lane by lane, and keeps everybody out once closed.
///
/// A gate has as many lanes as its device has entries, so that a device that waits can say which
/// entry it waits for. A gate starts closed.
///
/// # Safety
///
/// The cell behind the gate is freed on this trait's word. An implementation promises, for calls
/// from any threads:
///
/// 1. When `close` has returned, every later `enter` fails until the next `open`.
/// 2. When `close` has returned and then `busy` returns `None`, every `enter` that succeeded has been
///    matched by a `leave` that happened before that return (in the memory-model sense: everything
///    the visitor did before `leave` is visible to the caller of `busy`).
/// 3. When `enter` succeeds, everything done before the `open` that let it in is visible to the visitor.
///
/// Nobody but the holder of the cell's claim calls `open`. `busy` may also name a lane whose visitor is
/// just being turned away.
///
/// Parking relies on one thing more: a sequentially consistent fence, then `enter`, on one side, and
/// `open`, then such a fence, on the other, are ordered like plain atomic accesses would be.
pub unsafe trait Gate: Send + Sync {
    /// A closed gate with nobody inside.
    const NEW: Self;
    /// Tries to go in through `lane`. On `true` the caller owes one `leave` of the same lane.
    fn enter(&self, lane: usize) -> bool;
    /// Goes out.
    fn leave(&self, lane: usize);
    /// Lets nobody in any more. Does not wait. Closing twice does nothing.
    fn close(&self);
    /// Lets visitors in.
    fn open(&self);
    /// A lane that somebody is inside of.
    fn busy(&self) -> Option<usize>;
}

/// Set in a lane that is closed; the other bits count the visitors.
const CLOSED: u32 = 1 << 31;
/// Visitors a lane takes at most. The gap to `CLOSED` is room for those that are being turned away.
const CROWD: u32 = 1 << 30;

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

    #[inline]
    fn enter(&self, lane: usize) -> bool {
        let Some(lane) = self.lanes.get(lane) else { return false };
        // Turned away without a write: a storm at a closed gate must not keep `busy` from seeing zero.
        if lane.load(Ordering::Relaxed) & CLOSED != 0 {
            return false;
        }
        let before = lane.fetch_add(1, Ordering::Acquire);
        if before & CLOSED != 0 || before >= CROWD {
            lane.fetch_sub(1, Ordering::Release);
            return false;
        }
        true
    }

    #[inline]
    fn leave(&self, lane: usize) {
        if let Some(lane) = self.lanes.get(lane) {
            lane.fetch_sub(1, Ordering::Release);
        }
    }

    fn close(&self) {
        for lane in &self.lanes {
            lane.fetch_or(CLOSED, Ordering::AcqRel);
        }
    }

    fn open(&self) {
        for lane in &self.lanes {
            lane.fetch_and(!CLOSED, Ordering::Release);
        }
    }

    fn busy(&self) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.load(Ordering::Acquire) & !CLOSED != 0)
    }
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
    fn a_new_gate_is_closed() {
        let gate = CounterGate::<2>::NEW;
        assert!(!gate.enter(0));
        assert_eq!(gate.busy(), None);
    }

    #[test]
    fn a_closed_gate_names_who_is_inside() {
        let gate = CounterGate::<3>::NEW;
        gate.open();
        assert!(gate.enter(2));
        assert!(gate.enter(2));
        gate.close();
        assert!(!gate.enter(2));
        assert!(!gate.enter(0));
        gate.leave(2);
        assert_eq!(gate.busy(), Some(2));
        gate.leave(2);
        assert_eq!(gate.busy(), None);
    }

    #[test]
    fn a_lane_that_does_not_exist_is_closed() {
        let gate = CounterGate::<1>::NEW;
        gate.open();
        assert!(!gate.enter(1));
    }

    #[test]
    fn a_crowded_lane_turns_visitors_away_instead_of_overflowing() {
        let gate = CounterGate::<1>::NEW;
        gate.open();
        let [lane] = &gate.lanes;
        lane.store(CROWD, Ordering::Relaxed);
        assert!(!gate.enter(0));
        assert_eq!(gate.busy(), Some(0));
    }
}
