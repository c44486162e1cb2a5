//! The trace and where in it the driver is.

use core::convert::Infallible;
use core::{fmt, slice};

use super::Failure;
use crate::access::{Access, Op};

/// Where a replay gets its accesses from.
pub trait Source {
    /// Why the next access cannot be had. Kept and given again, hence `Copy`.
    type Error: fmt::Debug + fmt::Display + Copy;

    /// The next access; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the trace cannot be read.
    fn next_access(&mut self) -> Result<Option<Access>, Self::Error>;
}

/// Accesses in memory.
impl Source for slice::Iter<'_, Access> {
    type Error = Infallible;
    fn next_access(&mut self) -> Result<Option<Access>, Infallible> {
        Ok(self.next().copied())
    }
}

/// How exactly the driver has to follow the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode {
    /// Access by access.
    #[default]
    Strict,
    /// A read that the driver repeats may stand in the trace once, as in logs that note a run of
    /// identical polls as one.
    Collapse,
}

/// A trace being replayed: what the lock of a [`Replay`](super::Replay) protects.
#[derive(Debug, Clone)]
pub struct Script<S: Source> {
    source: S,
    mode: Mode,
    /// The next access of the trace, once it was looked at.
    ahead: Option<Access>,
    /// The access of the trace that was replayed last.
    last: Option<Access>,
    driver_accesses: u64,
    failure: Option<Failure<S::Error>>,
}

impl<S: Source> Script<S> {
    /// The trace that `source` gives, from its start.
    pub const fn new(source: S, mode: Mode) -> Self {
        Self { source, mode, ahead: None, last: None, driver_accesses: 0, failure: None }
    }

    /// The first thing that went wrong, if anything did.
    pub const fn failure(&self) -> Option<Failure<S::Error>> {
        self.failure
    }

    /// How many accesses the driver made.
    pub const fn driver_accesses(&self) -> u64 {
        self.driver_accesses
    }

    /// The verdict when the driver is done: nothing went wrong and the trace is used up.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong.
    pub fn finish(&mut self) -> Result<(), Failure<S::Error>> {
        let rest = self.guarded(Self::peek)?;
        match rest {
            None => Ok(()),
            Some(want) => self.guarded(|_| Err(Failure::Unfinished { want })),
        }
    }

    /// Matches an access of the driver, and gives the one of the trace that answers it.
    pub(super) fn step(&mut self, mut got: Access) -> Result<Access, Failure<S::Error>> {
        self.guarded(|script| {
            got.seq = script.driver_accesses;
            script.driver_accesses += 1;
            script.matching(got)
        })
    }

    fn matching(&mut self, got: Access) -> Result<Access, Failure<S::Error>> {
        let want = self.peek()?;
        if let Some(want) = want.filter(|want| want.same_request(&got)) {
            self.ahead = None;
            self.last = Some(want);
            return Ok(want);
        }
        if let Some(last) = self.last.filter(|last| self.repeats(last, &got)) {
            return Ok(last);
        }
        Err(match want {
            Some(want) => Failure::Diverged { want, got },
            None => Failure::Ended { index: self.index(), got },
        })
    }

    fn repeats(&self, last: &Access, got: &Access) -> bool {
        self.mode == Mode::Collapse && got.op == Op::Read && last.same_request(got)
    }

    /// The next access of the trace, left where it is.
    fn peek(&mut self) -> Result<Option<Access>, Failure<S::Error>> {
        if self.ahead.is_none() {
            self.ahead = self.source.next_access().map_err(Failure::Source)?;
            if let (Some(next), Some(_)) = (self.ahead, self.last) {
                let index = self.index();
                if next.seq != index {
                    return Err(Failure::Gap { index, lost: next.seq.saturating_sub(index) });
                }
            }
        }
        Ok(self.ahead)
    }

    /// The number of the next access of the trace.
    fn index(&self) -> u64 {
        self.last.map_or(0, |last| last.seq.saturating_add(1))
    }

    /// Runs `f` unless the replay has failed already, and keeps its failure.
    fn guarded<T>(
        &mut self,
        f: impl FnOnce(&mut Self) -> Result<T, Failure<S::Error>>,
    ) -> Result<T, Failure<S::Error>> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        f(self).inspect_err(|failure| self.failure = Some(*failure))
    }
}
