//! Counters that are apart for visitors from different processors.

use core::fmt;
use core::marker::PhantomData;

use super::{Gate, counter};
use crate::sync::AtomicU32;

/// Where a visitor is: what keeps visitors of different processors off each other's cache lines.
///
/// A hint only. Any answer is correct, also one that changes between two calls of the same visitor.
pub trait Place: Send + Sync + 'static {
    /// The number of the present processor or thread.
    fn here() -> usize;
}

/// A counter gate for hosts with several processors: `S` copies of the counters, each on cache lines of
/// its own, and a visitor is counted in the copy of the place it comes from.
///
/// As long as places do not share a copy, entering and leaving touch no cache line that another processor
/// writes to. Each copy is a [`CounterGate`](super::CounterGate) and is correct for the same reason; closing
/// and looking who is inside take `S` times as long. It has `S * N * 4` bytes, rounded up to 128 for each copy.
pub struct ShardedGate<P, const S: usize, const N: usize> {
    shards: [Shard<N>; S],
    place: PhantomData<fn() -> P>,
}

/// 128 bytes: two cache lines of 64, because processors fetch them in pairs.
#[repr(align(128))]
struct Shard<const N: usize>([AtomicU32; N]);

/// The copy that a visitor was counted in.
#[derive(Debug, Clone, Copy)]
pub struct ShardPass(u32);

impl<P, const S: usize, const N: usize> ShardedGate<P, S, N> {
    fn lane(&self, pass: ShardPass, lane: usize) -> Option<&AtomicU32> {
        self.shards.get(pass.0 as usize)?.0.get(lane)
    }

    fn all(&self) -> impl Iterator<Item = &AtomicU32> {
        self.shards.iter().flat_map(|shard| &shard.0)
    }
}

// SAFETY: each word is used as `CounterGate` uses its words, and a visitor is counted in exactly one, the
// one its pass names. `close` closes all of them, and `busy` says `None` only if none of them counts anybody.
unsafe impl<P: Place, const S: usize, const N: usize> Gate for ShardedGate<P, S, N> {
    const NEW: Self = Self {
        shards: [const { Shard([const { AtomicU32::new(counter::CLOSED) }; N]) }; S],
        place: PhantomData,
    };
    type Pass = ShardPass;

    #[inline]
    fn enter(&self, lane: usize) -> Option<ShardPass> {
        // A gate without copies lets nobody in.
        let pass = ShardPass(P::here().checked_rem(S)? as u32);
        counter::enter(self.lane(pass, lane)?).map(|()| pass)
    }

    #[inline]
    fn leave(&self, lane: usize, pass: ShardPass) {
        if let Some(lane) = self.lane(pass, lane) {
            counter::leave(lane);
        }
    }

    fn close(&self) {
        self.all().for_each(counter::close);
    }

    fn open(&self) {
        self.all().for_each(counter::open);
    }

    fn busy(&self, from: usize) -> Option<usize> {
        (from..N).find(|lane| self.shards.iter().filter_map(|s| s.0.get(*lane)).any(counter::is_busy))
    }
}

impl<P, const S: usize, const N: usize> fmt::Debug for ShardedGate<P, S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.shards.iter().map(|shard| &shard.0)).finish()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::cell::Cell;

    std::thread_local!(static HERE: Cell<usize> = const { Cell::new(0) });

    struct Told;
    impl Place for Told {
        fn here() -> usize {
            HERE.get()
        }
    }

    #[test]
    fn one_who_moved_leaves_where_they_came_in() {
        let gate = ShardedGate::<Told, 2, 1>::NEW;
        gate.open();
        let pass = gate.enter(0).expect("open");
        HERE.set(1);
        gate.leave(0, pass);
        gate.close();
        assert_eq!(gate.busy(0), None);
    }

    #[test]
    fn places_are_on_cache_lines_of_their_own() {
        assert_eq!(align_of::<Shard<1>>(), 128);
        assert_eq!(size_of::<ShardedGate<Told, 4, 16>>(), 4 * 128);
    }

    #[test]
    fn a_gate_without_copies_stays_closed() {
        let gate = ShardedGate::<Told, 0, 1>::NEW;
        gate.open();
        assert!(gate.enter(0).is_none());
    }
}
