//! What a host can fail at.

use core::fmt;

/// The kind of a host error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HostErrorKind {
    /// No memory left.
    NoMemory,
    /// There is no such vector, queue or the like.
    NoResource,
    /// Somebody else has it.
    Busy,
    /// This host does not offer it.
    Unsupported,
    /// Anything else.
    Other,
}

/// A request the host could not fulfil.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HostError {
    /// The kind.
    pub kind: HostErrorKind,
    /// What was asked for, for example `interrupt vector`.
    pub what: &'static str,
}

impl HostError {
    /// An error of this kind about `what`.
    pub const fn new(kind: HostErrorKind, what: &'static str) -> Self {
        Self { kind, what }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            HostErrorKind::NoMemory => "no memory left",
            HostErrorKind::NoResource => "there is none",
            HostErrorKind::Busy => "somebody else has it",
            HostErrorKind::Unsupported => "this host does not offer it",
            HostErrorKind::Other => "the host failed",
        };
        write!(f, "{}: {why}", self.what)
    }
}

impl core::error::Error for HostError {}
