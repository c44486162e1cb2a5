//! Replay: a bus that answers from a trace and checks that the driver does the same again.
//!
//! Only requests are compared, never times: a driver may be slower or faster than it was.

mod failure;
mod script;
#[cfg(test)]
mod tests;

use core::cell::RefCell;

use nova_core::bus::{Bus, Offset, Word};

pub use failure::{Failure, ReplayError};
pub use script::{Mode, Script, Source};

use crate::access::{Access, Op, Width};
use crate::lock::Lock;

/// A bus that is a trace.
#[derive(Debug)]
pub struct Replay<L>(L);

/// A replay for one thread.
pub type CellReplay<S> = Replay<RefCell<Script<S>>>;

impl<S: Source> CellReplay<S> {
    /// Replays what `source` gives.
    pub const fn new(source: S, mode: Mode) -> Self {
        Self(RefCell::new(Script::new(source, mode)))
    }
}

impl<S: Source, L: Lock<Inner = Script<S>>> Replay<L> {
    /// Replays the script that `lock` protects.
    pub const fn locked(lock: L) -> Self {
        Self(lock)
    }

    /// The verdict when the driver is done: it did what the trace has, all of it.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong, or the lock's error.
    pub fn finish(&self) -> Result<(), ReplayError<S::Error, L::Error>> {
        self.0.with(Script::finish).map_err(ReplayError::Lock)?.map_err(ReplayError::Failed)
    }

    /// The first thing that went wrong, if anything did.
    ///
    /// # Errors
    ///
    /// When the lock cannot be taken.
    pub fn failure(&self) -> Result<Option<Failure<S::Error>>, L::Error> {
        self.0.with(|script| script.failure())
    }

    fn get<W: Word>(&self, at: Offset<W>) -> Result<W, ReplayError<S::Error, L::Error>> {
        self.step(Op::Read, at, 0).map(|answer| W::truncate(answer.value))
    }

    fn put<W: Word>(&self, at: Offset<W>, value: W) -> Result<(), ReplayError<S::Error, L::Error>> {
        self.step(Op::Write, at, value.into()).map(drop)
    }

    fn step<W: Word>(
        &self,
        op: Op,
        at: Offset<W>,
        value: u32,
    ) -> Result<Access, ReplayError<S::Error, L::Error>> {
        let width = Width::of::<W>();
        let got = Access { seq: 0, time_ns: 0, op, width, offset: at.bytes(), value, error: None };
        let answer = self
            .0
            .with(|script| script.step(got))
            .map_err(ReplayError::Lock)?
            .map_err(ReplayError::Failed)?;
        match answer.error {
            Some(kind) => Err(ReplayError::Recorded(kind)),
            None => Ok(answer),
        }
    }
}

impl<S: Source, L: Lock<Inner = Script<S>>> Bus for Replay<L> {
    type Error = ReplayError<S::Error, L::Error>;
    bus_methods!();
}
