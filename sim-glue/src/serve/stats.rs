//! What a server has seen and done.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use super::dma::DmaStats;

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident),* $(,)?) => {
        /// Counted by the loop, read by anybody.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $name: AtomicU64),*
        }

        /// What a server has counted since its start.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub struct Counts {
            $($(#[doc = $doc])* pub $name: u64),*
        }

        impl Counters {
            pub(super) fn read(&self) -> Counts {
                Counts { $($name: self.$name.load(Relaxed)),* }
            }
        }
    };
}

counters! {
    /// Times that the loop woke up; none while nothing happens.
    wakeups,
    /// Clients that were served.
    clients,
    /// Clients that were turned away because another was there.
    refused,
    /// Clients that were cut off: what they sent was out of step.
    out_of_step,
    /// Clients that were cut off: they did not say their version, stalled in the middle of a message, or took no
    /// answer.
    stalled,
    /// Requests, whether answered or not.
    requests,
    /// Requests that failed.
    failed,
    /// Accesses to a window that was not decoded: off in COMMAND, or the function asleep.
    undecoded,
    /// Resets, by whatever way.
    resets,
    /// Interrupts by wire that were signalled to the client.
    intx,
    /// Interrupts by message that were signalled to the client.
    messages,
    /// Interrupts by message that the client had no eventfd for.
    messages_untold,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }
}

/// What went over the bus of the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BusStats {
    /// Reads that reached the registers.
    pub reads: u64,
    /// Writes that reached the registers.
    pub writes: u64,
    /// Accesses that did not: the GPU was gone, off, behind its firewall, or the range was blocked.
    pub lost: u64,
    /// Accesses that nothing decodes.
    pub undecoded: u64,
    /// Interrupt messages that the GPU sent.
    pub messages: u64,
    /// Accesses that a fault acted on, since the faults were cleared.
    pub faulted: u64,
}

impl From<crate::gpu::Stats> for BusStats {
    fn from(stats: crate::gpu::Stats) -> Self {
        Self {
            reads: stats.reads,
            writes: stats.writes,
            lost: stats.lost,
            undecoded: stats.undecoded_reads + stats.undecoded_writes,
            messages: stats.messages,
            faulted: 0,
        }
    }
}

/// Everything there is to tell of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServeStats {
    /// The chip.
    pub chip: String,
    /// Whether a client is connected.
    pub connected: bool,
    /// `present`, `gone` or `off`.
    pub power: String,
    /// Counts.
    pub server: Counts,
    /// The registers.
    pub bus: BusStats,
    /// The device's accesses to the client's memory.
    pub dma: DmaStats,
}
