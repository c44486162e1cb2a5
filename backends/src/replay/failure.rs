//! How a replay ends badly.

use core::fmt;

use nova_core::bus::{self, ErrorKind};

use crate::access::Access;

/// The first thing that went wrong in a replay. It is kept, and every later access gives it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Failure<E> {
    /// The driver did something else than the trace.
    Diverged {
        /// What the trace has; its `seq` says where.
        want: Access,
        /// What the driver did; its `seq` counts the driver's own accesses.
        got: Access,
    },
    /// The driver went on past the end of the trace.
    Ended {
        /// The number the next access of the trace would have.
        index: u64,
        /// What the driver did.
        got: Access,
    },
    /// The trace lacks accesses here: they were lost while recording.
    Gap {
        /// The first access that is missing.
        index: u64,
        /// How many are missing.
        lost: u64,
    },
    /// The driver was done before the trace was.
    Unfinished {
        /// What the trace has next.
        want: Access,
    },
    /// The trace cannot be read.
    Source(E),
}

impl<E> Failure<E> {
    /// The access of the trace at which it happened, from 0; `None` when the trace cannot be read.
    pub const fn index(&self) -> Option<u64> {
        match self {
            Self::Diverged { want, .. } | Self::Unfinished { want } => Some(want.seq),
            Self::Ended { index, .. } | Self::Gap { index, .. } => Some(*index),
            Self::Source(_) => None,
        }
    }

    /// The kind of bus error it shows as.
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Protocol
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Diverged { want, got } => write!(
                f,
                "access {}: trace has {want}, the driver did {got}; \
                 see what led there, or record a new trace if the driver is right",
                want.seq
            ),
            Self::Ended { index, got } => write!(
                f,
                "access {index}: the trace ends here, the driver did {got}; \
                 record a longer trace, or see why the driver goes on"
            ),
            Self::Gap { index, lost } => write!(
                f,
                "access {index}: the trace lost {lost} accesses here and cannot be replayed past them; \
                 record again into a file or a larger ring"
            ),
            Self::Unfinished { want } => write!(
                f,
                "access {}: trace has {want}, the driver was done before; see why it stopped early",
                want.seq
            ),
            Self::Source(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Failure<E> {}

/// What a replayed bus reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ReplayError<E, L> {
    /// The replay failed, here or earlier.
    Failed(Failure<E>),
    /// The bus reported this when the trace was recorded.
    Recorded(ErrorKind),
    /// The lock could not be taken.
    Lock(L),
}

impl<E: fmt::Debug, L: bus::Error> bus::Error for ReplayError<E, L> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Failed(failure) => failure.kind(),
            Self::Recorded(kind) => *kind,
            Self::Lock(error) => error.kind(),
        }
    }
}

impl<E: fmt::Display, L: fmt::Display> fmt::Display for ReplayError<E, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::Recorded(kind) => write!(f, "{kind}, as it did when the trace was recorded"),
            Self::Lock(error) => error.fmt(f),
        }
    }
}

impl<E, L> core::error::Error for ReplayError<E, L>
where
    E: fmt::Debug + fmt::Display,
    L: fmt::Debug + fmt::Display,
{
}
