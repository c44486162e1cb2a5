//! Something to wait for, outside every callback.

use super::Instant;

/// A counter of signals that can be waited on.
///
/// It lives in the device itself, not in the driver's state, so a waiter outlives a removal.
pub trait Event: Send + Sync {
    /// An event that was never signalled.
    const NEW: Self;
    /// How many signals there were so far; wraps. What was done before a signal is visible to whoever sees
    /// it counted here.
    fn epoch(&self) -> u32;
    /// Counts one signal and wakes every waiter. Callable from an interrupt handler.
    fn signal(&self);
    /// Blocks until the epoch is no longer `seen`, or the host's clock reaches `until`.
    /// May also return early for no reason.
    fn wait(&self, seen: u32, until: Instant);
}
