//! Gates: who is inside, and may anybody still come in.

mod counter;
mod sharded;

pub use counter::CounterGate;
pub use sharded::{Place, ShardedGate};

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
/// 2. When `close` has returned and then `busy(0)` returns `None`, every `enter` that succeeded has been
///    matched by a `leave` that happened before that return (in the memory-model sense: everything
///    the visitor did before `leave` is visible to the caller of `busy`).
/// 3. When `enter` succeeds, everything done before the `open` that let it in is visible to the visitor.
///
/// 4. What was done before a `close` is visible to whoever calls `open` after it took effect, once that
///    one has passed a sequentially consistent fence.
///
/// In turn it may rely on this: only the holder of the cell's claim calls `open`; each `leave` gives back
/// the lane and the pass of one `enter`, by a thread that may have them (a pass that is not `Send` comes
/// back on its own thread). Visits of one thread nest, also when a signal handler or an interrupt makes them.
///
/// `busy` may also name a lane whose visitor is just being turned away.
///
/// Parking relies on one thing more: a sequentially consistent fence, then `enter`, on one side, and
/// `open`, then such a fence, on the other, are ordered like plain atomic accesses would be.
///
/// `nova_backends::conformance::gate` tests what can be seen by running: a new gate passes it. What only another
/// processor would show (promise 4 and parking above all) is for a model checker: `tests/model`.
pub unsafe trait Gate: Send + Sync {
    /// A closed gate with nobody inside.
    const NEW: Self;
    /// What a visitor keeps while inside: for example where it was counted.
    type Pass: Copy;
    /// Tries to go in through `lane`. Who gets a pass owes one `leave` with it.
    fn enter(&self, lane: usize) -> Option<Self::Pass>;
    /// Goes out through the same lane.
    fn leave(&self, lane: usize, pass: Self::Pass);
    /// Lets nobody in any more. Does not wait for visitors. Closing twice does nothing.
    fn close(&self);
    /// Lets visitors in.
    fn open(&self);
    /// The first lane at or after `from` that somebody is inside of.
    fn busy(&self, from: usize) -> Option<usize>;
}
