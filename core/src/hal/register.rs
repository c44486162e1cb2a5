//! What a host gives back for a registered callback.

use super::Instant;

/// A callback the host knows of.
///
/// Dropping a registration frees it; a host may rely on `cancel` having been called before.
pub trait Registration: Send + Sync + 'static {
    /// Ends the registration: when this returns, the host is not inside the callback, will not
    /// call it again, and answers later `queue` and `arm` calls with "not queued".
    ///
    /// nova calls it once, from a context that may wait, after the gate has been closed and drained,
    /// so a callback that is on its way gets refused and returns at once. Calling it again does nothing.
    fn cancel(&self);

    /// Calls the callback once more, soon, in a context of its own kind and never at the same time as
    /// another call of it; on top of whatever is queued or set, which stays. Does nothing once cancelled.
    ///
    /// nova asks for it after resume, for a callback that was refused while the device slept.
    fn replay(&self);
}

/// A requested interrupt.
pub trait Interrupt: Registration {
    /// Lets the interrupt through. A message that arrived while it was disabled is delivered now.
    /// Enabling twice is enabling once: a host that counts keeps a flag.
    fn enable(&self);
    /// Holds the interrupt back, without waiting for a handler that runs. Disabling twice is disabling
    /// once.
    fn disable(&self);
}

/// A work item: runs once for each time it was idle and got queued.
pub trait Work: Registration {
    /// Queues the item. `false` when it is queued already or cancelled.
    fn queue(&self) -> bool;
}

/// A work item that can be queued for later.
pub trait DelayedWork: Registration {
    /// Queues the item to run at `at`. `false` when it is queued already or cancelled.
    fn queue_at(&self, at: Instant) -> bool;
}

/// A one-shot timer.
pub trait Timer: Registration {
    /// Sets the timer to fire at `at`, replacing an earlier setting. `false` when cancelled.
    fn arm(&self, at: Instant) -> bool;
    /// Takes the setting back, without waiting for a callback that runs.
    fn disarm(&self);
}
