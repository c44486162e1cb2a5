//! What happened in a world, in short.

use std::collections::VecDeque;
use std::fmt;

use nova_core::hal::{Instant, Outcome};

use crate::rng::mix;
use nova_backends::threads::Kind;

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A callback is called.
    Calls(Kind, u32),
    /// A callback has returned.
    Returned(Kind, u32, Outcome),
    /// An action runs.
    Action(&'static str),
    /// A GPU sent an interrupt message; false when nobody had requested the vector.
    Message(bool),
    /// A callback was registered.
    Registered(Kind, u32),
    /// A callback was cancelled.
    Cancelled(u32),
    /// A driver asked for removal.
    RemovalRequested,
    /// A rule was broken.
    Violated(Violation),
}

/// A rule that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// An access reached the bus although the device had been removed.
    AccessAfterRemoval,
    /// An entry was cancelled while its callback was running underneath: the gate had not been drained.
    CancelledInside,
    /// A lock was taken inside itself.
    LockInsideItself,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessAfterRemoval => "an access reached the bus after the device had been removed",
            Self::CancelledInside => "an entry was cancelled while its callback was still inside the gate",
            Self::LockInsideItself => "a lock was taken inside itself, which is a deadlock on real hosts",
        })
    }
}

/// One line of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Number of the call or action it belongs to, from 1; 0 is the test itself.
    pub step: u64,
    /// When.
    pub at: Instant,
    /// How many callbacks and actions were interrupted by it.
    pub depth: u32,
    /// What.
    pub what: What,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = self.depth as usize * 2;
        write!(f, "{:>8} {:>14} ns {:indent$} ", self.step, self.at.nanos(), "")?;
        match self.what {
            What::Calls(kind, slot) => write!(f, "{kind:?} #{slot} called"),
            What::Returned(kind, slot, outcome) => write!(f, "{kind:?} #{slot} returned {outcome:?}"),
            What::Action(name) => write!(f, "action `{name}`"),
            What::Message(true) => f.write_str("interrupt message"),
            What::Message(false) => f.write_str("interrupt message for nobody"),
            What::Registered(kind, slot) => write!(f, "{kind:?} #{slot} registered"),
            What::Cancelled(slot) => write!(f, "#{slot} cancelled"),
            What::RemovalRequested => f.write_str("removal requested"),
            What::Violated(violation) => write!(f, "VIOLATION: {violation}"),
        }
    }
}

/// The last records, and a digest of all.
#[derive(Debug)]
pub(super) struct Journal {
    records: VecDeque<Record>,
    capacity: usize,
    digest: u64,
}

impl Journal {
    pub(super) fn new(capacity: usize) -> Self {
        Self { records: VecDeque::with_capacity(capacity), capacity, digest: 0 }
    }

    pub(super) fn push(&mut self, record: Record) {
        self.digest = mix(self.digest ^ record.at.nanos() ^ fingerprint(record.what) << 48);
        if self.capacity == 0 {
            return;
        }
        if self.records.len() == self.capacity {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub(super) const fn digest(&self) -> u64 {
        self.digest
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter()
    }
}

/// A few bits that tell events apart.
const fn fingerprint(what: What) -> u64 {
    match what {
        What::Calls(kind, slot) => 0x100 | (kind as u64) << 5 | slot as u64 & 31,
        What::Returned(kind, slot, outcome) => {
            let outcome = match outcome {
                Outcome::Interrupt(_) => 0,
                Outcome::Work => 1,
                Outcome::Timer(_) => 2,
                Outcome::Failed => 3,
                Outcome::Refused(_) => 4,
            };
            0x1000 | outcome << 9 | (kind as u64) << 5 | slot as u64 & 31
        }
        What::Action(name) => 0x200 | name.len() as u64 & 0xff,
        What::Message(wanted) => 0x300 | wanted as u64,
        What::Registered(kind, slot) => 0x400 | (kind as u64) << 5 | slot as u64 & 31,
        What::Cancelled(slot) => 0x500 | slot as u64 & 31,
        What::RemovalRequested => 0x600,
        What::Violated(violation) => 0x700 | violation as u64,
    }
}
