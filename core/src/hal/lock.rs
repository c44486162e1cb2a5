//! Mutual exclusion.

/// A value that one caller at a time may use.
///
/// The closure form means that no guard can be kept, and a host can hold interrupts off for exactly
/// the closure's length. A lock must not be taken inside itself; the simulator's host reports it.
pub trait Lock<T>: Send + Sync {
    /// A lock around `value`.
    fn new(value: T) -> Self;
    /// Runs `f` with the value.
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R;
}
