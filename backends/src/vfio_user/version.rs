//! `VERSION`: the first message of each side.

use super::{
    capabilities::Capabilities,
    error::{DecodeError, DecodeErrorKind},
    wire,
    writer::Writer,
};

/// A version of the protocol, and what its speaker can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Version {
    /// Differs if the sides cannot talk.
    pub major: u16,
    /// The side with the larger one speaks the other's.
    pub minor: u16,
    /// What the sender can do.
    pub capabilities: Capabilities,
}

impl Version {
    /// The major version that is spoken here.
    pub const MAJOR: u16 = 0;
    /// The minor version that is spoken here.
    pub const MINOR: u16 = 1;

    /// The version that is spoken here, with these capabilities.
    pub const fn new(capabilities: Capabilities) -> Self {
        Self { major: Self::MAJOR, minor: Self::MINOR, capabilities }
    }

    /// What a server with the version and capabilities of `self` answers to a proposal.
    ///
    /// # Errors
    ///
    /// Another major version: the connection has to be closed.
    pub fn answer(&self, proposed: &Self) -> Result<Self, DecodeError> {
        if proposed.major != self.major {
            return Err(DecodeError::new(
                "version major",
                DecodeErrorKind::Unsupported(u64::from(proposed.major)),
            ));
        }
        Ok(Self {
            major: self.major,
            minor: self.minor.min(proposed.minor),
            capabilities: self.capabilities.common(&proposed.capabilities),
        })
    }

    /// Whether a client that proposed `self` can go on with this answer.
    ///
    /// # Errors
    ///
    /// Another major version, a newer minor one, or a capability that was not proposed: the
    /// connection has to be closed.
    pub fn accept(&self, answer: &Self) -> Result<(), DecodeError> {
        let refuse = |what, value| Err(DecodeError::new(what, DecodeErrorKind::Value(value)));
        let (ours, theirs) = (&self.capabilities, &answer.capabilities);
        if answer.major != self.major {
            refuse("version major", u64::from(answer.major))
        } else if answer.minor > self.minor {
            refuse("version minor", u64::from(answer.minor))
        } else if theirs.twin_socket.supported && !ours.twin_socket.supported {
            refuse("twin_socket", 1)
        } else if theirs.write_multiple && !ours.write_multiple {
            refuse("write_multiple", 1)
        } else {
            Ok(())
        }
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let (fixed, data) = wire::head::<wire::Version>("VERSION", body)?;
        Ok(Self {
            major: fixed.major.get(),
            minor: fixed.minor.get(),
            capabilities: Capabilities::decode(data)?,
        })
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        out.value(&wire::Version { major: self.major.into(), minor: self.minor.into() });
        self.capabilities.encode(out);
    }
}
