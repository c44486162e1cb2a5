//! What is counted, from whatever thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use nova_sim_glue::{Kind, Tally};

/// A count.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }
    /// Keeps the largest.
    pub(crate) fn max(&self, n: u64) {
        self.0.fetch_max(n, Relaxed);
    }
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How often something took how long: four steps to each doubling.
#[derive(Debug)]
pub(crate) struct Latencies(Box<[Count]>);

impl Default for Latencies {
    fn default() -> Self {
        Self((0..64 * 4).map(|_| Count::default()).collect())
    }
}

impl Latencies {
    fn add(&self, ns: u64) {
        let ns = ns.max(1);
        let octave = ns.ilog2();
        // The two bits below the highest one.
        let quarter = (u128::from(ns) << 2 >> octave) as usize & 3;
        if let Some(step) = self.0.get(octave as usize * 4 + quarter) {
            step.add(1);
        }
    }

    /// The steps that came, by their number: step `n` begins at about 2^(n/4) ns.
    #[cfg_attr(not(any(feature = "plot", test)), allow(dead_code, reason = "for pictures"))]
    pub(crate) fn steps(&self) -> impl Iterator<Item = (u32, u64)> {
        (0..).zip(self.0.iter().map(Count::get)).filter(|(_, count)| *count > 0)
    }
}

/// Calls of one kind of entry.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    /// The driver's code ran.
    pub(crate) ran: Count,
    /// It ran and failed, as it does on a GPU that is gone.
    pub(crate) failed: Count,
    /// The gate was closed and nothing ran.
    pub(crate) refused: Count,
}

impl Entry {
    fn take(&self, tally: Tally) {
        self.ran.add(tally.ran);
        self.failed.add(tally.failed);
        self.refused.add(tally.refused);
    }
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// In which round.
    pub(crate) round: u64,
    /// Which rule, and how.
    pub(crate) what: String,
}

/// So many violations end the run: the first one is the one to look at.
const ENOUGH: usize = 10;

/// Everything that is counted in one part of a run.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    pub(crate) rounds: Count,
    pub(crate) lifecycles: Count,
    pub(crate) interrupts: Entry,
    pub(crate) works: Entry,
    pub(crate) delayed_works: Entry,
    pub(crate) timers: Entry,
    pub(crate) sessions: Entry,
    pub(crate) accesses: Count,
    pub(crate) alarms_set: Count,
    pub(crate) alarms_fired: Count,
    /// Worst lateness of an alarm, in ns of GPU time; of those that no sleep of the device delayed.
    pub(crate) worst_alarm_ns: Count,
    pub(crate) waits_begun: Count,
    pub(crate) waits_ended: Count,
    /// When the last removal ended, on the host's clock.
    pub(crate) removed_at: Count,
    pub(crate) suspends: Count,
    pub(crate) losses: Count,
    /// Probes of a GPU that went away meanwhile.
    pub(crate) probes_undone: Count,
    /// Removals that found a callback inside, named it, and went on later.
    pub(crate) removes_blocked: Count,
    pub(crate) worst_remove_ns: Count,
    /// How long removals took.
    pub(crate) remove_ns: Latencies,
    violations: Mutex<Vec<Violation>>,
}

impl Tallies {
    /// Notes a broken rule.
    pub(crate) fn violate(&self, round: u64, what: impl Into<String>) {
        let mut violations = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
        if violations.len() < ENOUGH {
            violations.push(Violation { round, what: what.into() });
        }
    }

    /// Notes how long a removal took.
    pub(super) fn removed_within(&self, ns: u64) {
        self.worst_remove_ns.max(ns);
        self.remove_ns.add(ns);
    }

    /// Broken rules, the first first.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether going on would only find more of the same.
    pub(super) fn has_enough_violations(&self) -> bool {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).len() >= ENOUGH
    }

    /// Adds what a host counted.
    pub(super) fn take(&self, tally: impl Fn(Kind) -> Tally) {
        self.interrupts.take(tally(Kind::Interrupt));
        self.works.take(tally(Kind::Work));
        self.delayed_works.take(tally(Kind::DelayedWork));
        self.timers.take(tally(Kind::Timer));
    }
}

/// How often driver code ran on a host so far, failures included.
pub(super) fn ran(tally: impl Fn(Kind) -> Tally) -> u64 {
    Kind::ALL.into_iter().map(|kind| tally(kind).ran + tally(kind).failed).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_fall_into_quarters_of_a_doubling() {
        let latencies = Latencies::default();
        for ns in [0, 1, 4, 5, 6, 7, 8, 1000, u64::MAX] {
            latencies.add(ns);
        }
        let steps: Vec<_> = latencies.steps().collect();
        assert_eq!(steps, [(0, 2), (8, 1), (9, 1), (10, 1), (11, 1), (12, 1), (39, 1), (255, 1)]);
    }
}
