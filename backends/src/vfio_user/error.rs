//! What is wrong with a message.

use core::fmt;

use super::{command::Command, errno::Errno, json::JsonError};

/// The kind of mistake in a message that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The header says that the message is shorter than a header, or longer than the limit.
    MessageSize {
        /// What the header says, in bytes.
        found: u32,
        /// The limit that was given, in bytes.
        limit: u32,
    },
    /// The body is not as long as the message has to be.
    BodySize {
        /// The least it could be, in bytes.
        needed: u64,
        /// How long it is, in bytes.
        found: u64,
    },
    /// Bits that mean nothing, or that exclude each other.
    Flags {
        /// The flags.
        found: u32,
        /// Those that may be set.
        known: u32,
    },
    /// The type of the message is neither command nor reply.
    Type(u8),
    /// A command where a reply has to stand, or a reply where a command has to.
    Direction,
    /// The reply is to another message than the one that was sent.
    OtherMessage {
        /// The command that was sent.
        sent: Command,
        /// The number of the command in the reply.
        found: u16,
    },
    /// A command that the protocol does not have.
    UnknownCommand(u16),
    /// Part of an older or newer revision of the protocol.
    Unsupported(u64),
    /// A value that the field must not have.
    Value(u64),
    /// The field has to be zero.
    NotZero(u64),
    /// More than the limit that was negotiated.
    TooMuch {
        /// What was asked for.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The range goes past the end of the address space.
    Wraps {
        /// Where it begins.
        start: u64,
        /// How long it is.
        length: u64,
    },
    /// Another number of file descriptors than the message has to have.
    Fds {
        /// How many came.
        found: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// The index of a file descriptor that did not come with the message.
    FdIndex(u32),
    /// A capability that does not begin where one can.
    Chain {
        /// The offset, from the start of the region info.
        offset: u32,
    },
    /// The text has no end, or goes on after it.
    Nul,
    /// The version data is not JSON, or not what it should be.
    Json(JsonError),
}

/// A message that cannot be used: which field, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DecodeError {
    /// The field, with the name that the document gives it.
    pub what: &'static str,
    /// What is wrong with it.
    pub kind: DecodeErrorKind,
}

impl DecodeError {
    pub(super) const fn new(what: &'static str, kind: DecodeErrorKind) -> Self {
        Self { what, kind }
    }

    /// What is wrong.
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// Whether nobody can tell any more where the next message begins, so the connection has to be
    /// closed. After every other error the next message can be read, and the peer can be told.
    pub const fn loses_step(&self) -> bool {
        matches!(self.kind, DecodeErrorKind::MessageSize { .. })
    }

    /// What a server answers to a request with this mistake.
    pub const fn errno(&self) -> Errno {
        match self.kind {
            DecodeErrorKind::UnknownCommand(_) | DecodeErrorKind::Unsupported(_) => Errno::EOPNOTSUPP,
            DecodeErrorKind::TooMuch { .. } => Errno::E2BIG,
            DecodeErrorKind::MessageSize { .. }
            | DecodeErrorKind::Type(_)
            | DecodeErrorKind::Direction
            | DecodeErrorKind::OtherMessage { .. } => Errno::EPROTO,
            _ => Errno::EINVAL,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.kind)
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::MessageSize { found, limit } => {
                write!(f, "a message of {found} bytes, between 16 and {limit} can be; close the connection")
            }
            Self::BodySize { needed, found } => {
                write!(f, "a body of {found} bytes where {needed} have to be; the peer's length is wrong")
            }
            Self::Flags { found, known } => {
                write!(f, "flags {found:#x} that are unknown or exclude each other; {known:#x} are known")
            }
            Self::Type(found) => write!(f, "a message of type {found}; 0 is a command and 1 a reply"),
            Self::Direction => {
                f.write_str("a command where a reply has to be, or the reverse; the peers are out of step")
            }
            Self::OtherMessage { sent, found } => {
                write!(f, "an answer to command {found}, and {sent} was sent; the peers are out of step")
            }
            Self::UnknownCommand(number) => write!(f, "the protocol has no command {number}"),
            Self::Unsupported(value) => {
                write!(f, "{value:#x} belongs to a revision of the protocol that is not spoken here")
            }
            Self::Value(value) => write!(f, "must not be {value:#x}"),
            Self::NotZero(value) => write!(f, "has to be zero and is {value:#x}"),
            Self::TooMuch { found, limit } => {
                write!(f, "{found} is more than the negotiated {limit}; ask for less at a time")
            }
            Self::Wraps { start, length } => {
                write!(f, "{length:#x} bytes from {start:#x} go past the end of the address space")
            }
            Self::Fds { found, allowed } => {
                write!(f, "came with {found} file descriptors, and {allowed} can be used; close them")
            }
            Self::FdIndex(index) => write!(f, "no file descriptor {index} came with the message"),
            Self::Chain { offset } => write!(
                f,
                "a capability at {offset:#x} is outside the message, not aligned to 8, or not after the one before"
            ),
            Self::Nul => f.write_str("has to end with one NUL, and nothing may follow it"),
            Self::Json(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DecodeError {}

/// A message that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small; nothing in it may be sent.
    TooSmall {
        /// How long the message is, in bytes.
        needed: usize,
        /// How long the buffer is, in bytes.
        available: usize,
    },
    /// The message is longer than a header can say.
    TooLong {
        /// How long it would be, in bytes.
        length: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { needed, available } => {
                write!(f, "the message has {needed} bytes, the buffer {available}; give a larger one")
            }
            Self::TooLong { length } => {
                write!(
                    f,
                    "a message of {length} bytes is longer than the protocol can say; send less at a time"
                )
            }
        }
    }
}

impl core::error::Error for EncodeError {}
