//! The header of a message, and where a message ends.

use super::{
    command::Command,
    errno::Errno,
    error::{DecodeError, DecodeErrorKind},
    wire,
};

/// How long a header is, in bytes.
pub const HEADER_SIZE: usize = 16;

const TYPE: u32 = 0xf;
const NO_REPLY: u32 = 1 << 4;
const ERROR: u32 = 1 << 5;
const KNOWN: u32 = TYPE | NO_REPLY | ERROR;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// A request.
    Command {
        /// The sender waits for no answer, and none may be sent.
        no_reply: bool,
    },
    /// The answer to a request.
    Reply,
    /// The answer that it failed.
    Error(Errno),
}

/// The header of a message.
///
/// `command` is the number as it came: a server answers an unknown command with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header {
    /// Chosen by the sender of the request and repeated in the reply.
    pub id: u16,
    /// The number of the command.
    pub command: u16,
    /// The length of the whole message, in bytes, header included.
    pub size: u32,
    /// What the message is.
    pub kind: Kind,
}

impl Header {
    /// The header of a request. [`Request::encode`](super::Request::encode) fills in the size.
    pub const fn request(id: u16, command: Command, no_reply: bool) -> Self {
        Self { id, command: command.number(), size: HEADER_SIZE as u32, kind: Kind::Command { no_reply } }
    }

    /// The header of the answer to this request.
    #[must_use]
    pub const fn reply(&self) -> Self {
        Self { id: self.id, command: self.command, size: HEADER_SIZE as u32, kind: Kind::Reply }
    }

    /// The whole answer to this request, if it failed.
    #[must_use]
    pub const fn error(&self, errno: Errno) -> Self {
        Self { id: self.id, command: self.command, size: HEADER_SIZE as u32, kind: Kind::Error(errno) }
    }

    /// Whether this is a request that has to be answered.
    pub const fn wants_reply(&self) -> bool {
        matches!(self.kind, Kind::Command { no_reply: false })
    }

    /// How long the body is, in bytes.
    pub const fn body_size(&self) -> usize {
        (self.size as usize).saturating_sub(HEADER_SIZE)
    }

    /// Reads a header.
    ///
    /// # Errors
    ///
    /// The size cannot be, which means that the stream is out of step; or the flags cannot be.
    pub fn decode(bytes: &[u8; HEADER_SIZE], limits: &Limits) -> Result<Self, DecodeError> {
        let wire: wire::Header = zerocopy::transmute!(*bytes);
        let size = wire.size.get();
        if size < HEADER_SIZE as u32 || size > limits.message {
            let kind = DecodeErrorKind::MessageSize { found: size, limit: limits.message };
            return Err(DecodeError::new("message size", kind));
        }
        let kind = kind(wire.flags.get(), Errno(wire.error.get()))?;
        if matches!(kind, Kind::Error(_)) && size != HEADER_SIZE as u32 {
            let kind = DecodeErrorKind::BodySize { needed: 0, found: u64::from(size) - HEADER_SIZE as u64 };
            return Err(DecodeError::new("error reply", kind));
        }
        Ok(Self { id: wire.id.get(), command: wire.command.get(), size, kind })
    }

    /// The header as it stands on the wire.
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let (flags, errno) = match self.kind {
            Kind::Command { no_reply: false } => (0, 0),
            Kind::Command { no_reply: true } => (NO_REPLY, 0),
            Kind::Reply => (1, 0),
            Kind::Error(errno) => (1 | ERROR, errno.0),
        };
        let wire = wire::Header {
            id: self.id.into(),
            command: self.command.into(),
            size: self.size.into(),
            flags: flags.into(),
            error: errno.into(),
        };
        zerocopy::transmute!(wire)
    }
}

fn kind(flags: u32, errno: Errno) -> Result<Kind, DecodeError> {
    let bad = || Err(DecodeError::new("flags", DecodeErrorKind::Flags { found: flags, known: KNOWN }));
    if flags & !KNOWN != 0 {
        return bad();
    }
    match (flags & TYPE, flags & NO_REPLY != 0, flags & ERROR != 0) {
        (0, no_reply, false) => Ok(Kind::Command { no_reply }),
        (1, false, false) => Ok(Kind::Reply),
        (1, false, true) => Ok(Kind::Error(errno)),
        (0 | 1, ..) => bad(),
        (other, ..) => Err(DecodeError::new("flags", DecodeErrorKind::Type(other as u8))),
    }
}

/// What a side takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Limits {
    /// The longest message, in bytes, header included.
    pub message: u32,
    /// The most data in one transfer, in bytes: the `max_data_xfer_size` that this side announced.
    pub data: u64,
}

impl Limits {
    /// Room in a message for everything that is not the data of a transfer.
    const OVERHEAD: u32 = 64 * 1024;

    /// Limits for transfers of at most `data` bytes.
    pub const fn for_data(data: u32) -> Self {
        Self { message: data.saturating_add(Self::OVERHEAD), data: data as u64 }
    }

    pub(super) fn transfer(&self, what: &'static str, count: u64) -> Result<(), DecodeError> {
        if count > self.data {
            let kind = DecodeErrorKind::TooMuch { found: count, limit: self.data };
            return Err(DecodeError::new(what, kind));
        }
        Ok(())
    }
}

impl Default for Limits {
    /// Those of the document: one mebibyte in one transfer.
    fn default() -> Self {
        Self::for_data(super::capabilities::DEFAULT_MAX_DATA_XFER_SIZE)
    }
}

/// What is at the start of a stream of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Frame<'a> {
    /// Less than a message.
    Incomplete {
        /// How many bytes to read next, at least one. They do not reach past the message.
        more: usize,
    },
    /// A message.
    Whole {
        /// Its header.
        header: Header,
        /// Its body.
        body: &'a [u8],
        /// What comes after it.
        rest: &'a [u8],
    },
}

impl<'a> Frame<'a> {
    /// Looks for a message at the start of `bytes`.
    ///
    /// # Errors
    ///
    /// The header is wrong, see [`Header::decode`].
    pub fn split(bytes: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        let Some((head, rest)) = bytes.split_first_chunk::<HEADER_SIZE>() else {
            return Ok(Self::Incomplete { more: HEADER_SIZE.saturating_sub(bytes.len()) });
        };
        let header = Header::decode(head, limits)?;
        match rest.split_at_checked(header.body_size()) {
            Some((body, rest)) => Ok(Self::Whole { header, body, rest }),
            None => Ok(Self::Incomplete { more: header.body_size().saturating_sub(rest.len()) }),
        }
    }
}
