//! How a world behaves.

use nova_core::hal::Level;

/// Costs and habits of a [`World`](super::World). All times are in ns of its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldConfig {
    /// Mean number of preemption points (bus accesses and host calls) from one that is used to the next; 0 for never.
    pub preempt_every: u32,
    /// How many callbacks and actions may be interrupted by one another at a time.
    pub depth: u32,
    /// What a bus access takes.
    pub access_ns: u64,
    /// What looking at the clock takes, so that code that only does that gets anywhere.
    pub clock_ns: u64,
    /// What calling a callback takes, at least 1.
    pub call_ns: u64,
    /// The longest time from an interrupt message or a queued work item to its start.
    pub latency_ns: u64,
    /// How many records the journal keeps; its digest covers all.
    pub journal: usize,
    /// Messages below this level are thrown away.
    pub log_level: Level,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            preempt_every: 8,
            depth: 3,
            access_ns: 250,
            clock_ns: 20,
            call_ns: 500,
            latency_ns: 2_000,
            journal: 256,
            log_level: Level::Warn,
        }
    }
}
