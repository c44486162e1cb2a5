//! What the two sides tell each other at the start.

use core::fmt::Write;

use super::{
    error::{DecodeError, DecodeErrorKind},
    json::{Json, JsonError},
    writer::Writer,
};

/// What holds if a peer does not name its `max_data_xfer_size`, in bytes.
pub const DEFAULT_MAX_DATA_XFER_SIZE: u32 = 1 << 20;

/// What one side can do. A missing entry has the document's default, and entries that are not
/// known are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Capabilities {
    /// How many file descriptors the sender takes in one message.
    pub max_msg_fds: u64,
    /// How much data one transfer may have, in bytes.
    pub max_data_xfer_size: u64,
    /// How many DMA mappings there may be at a time.
    pub max_dma_maps: u64,
    /// The page sizes of DMA mappings, in bytes, or'ed together.
    pub pgsizes: u64,
    /// Requests of the server on a socket of their own.
    pub twin_socket: TwinSocket,
    /// Whether `REGION_WRITE_MULTI` is understood.
    pub write_multiple: bool,
    /// Tracking of dirty pages as older revisions of the protocol had it; the document no longer
    /// names it, peers still send it.
    pub migration: Option<Migration>,
}

/// Requests of the server on a socket of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TwinSocket {
    /// Whether the sender can do it; in a reply, whether it is done.
    pub supported: bool,
    /// Only in a reply: which of the file descriptors is the client's end.
    pub fd_index: Option<u64>,
}

/// Tracking of dirty pages in older revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Migration {
    /// The page size of dirty bitmaps, in bytes.
    pub pgsize: u64,
    /// The largest dirty bitmap, in bytes, if the peer says so.
    pub max_bitmap_size: Option<u64>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            max_msg_fds: 1,
            max_data_xfer_size: u64::from(DEFAULT_MAX_DATA_XFER_SIZE),
            max_dma_maps: 65535,
            pgsizes: 4096,
            twin_socket: TwinSocket::default(),
            write_multiple: false,
            migration: None,
        }
    }
}

impl Capabilities {
    /// What both sides can do: what a server answers to a proposal.
    ///
    /// Limits become the smaller of the two. Migration as older revisions had it is not answered, and
    /// the server adds the index of a twin socket itself.
    #[must_use]
    pub fn common(&self, proposed: &Self) -> Self {
        Self {
            max_msg_fds: self.max_msg_fds.min(proposed.max_msg_fds),
            max_data_xfer_size: self.max_data_xfer_size.min(proposed.max_data_xfer_size),
            max_dma_maps: self.max_dma_maps.min(proposed.max_dma_maps),
            pgsizes: self.pgsizes & proposed.pgsizes,
            twin_socket: TwinSocket {
                supported: self.twin_socket.supported && proposed.twin_socket.supported,
                fd_index: None,
            },
            write_multiple: self.write_multiple && proposed.write_multiple,
            migration: None,
        }
    }

    /// Reads version data: nothing, or JSON and a NUL.
    pub(super) fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "version data";
        let mut capabilities = Self::default();
        if data.is_empty() {
            return Ok(capabilities);
        }
        let text = match data.split_last() {
            Some((0, text)) if !text.contains(&0) => text,
            _ => return Err(DecodeError::new(WHAT, DecodeErrorKind::Nul)),
        };
        let json = |error| DecodeError::new(WHAT, DecodeErrorKind::Json(error));
        let text = core::str::from_utf8(text)
            .map_err(|error| json(JsonError { at: error.valid_up_to(), expected: "UTF-8" }))?;
        capabilities.read(text).map_err(json)?;
        Ok(capabilities)
    }

    fn read(&mut self, text: &str) -> Result<(), JsonError> {
        let mut json = Json::new(text);
        json.object(|name, json| {
            if name.is("capabilities") {
                json.object(|name, json| self.member(name, json))
            } else {
                json.skip()
            }
        })?;
        json.end()
    }

    fn member<'a>(&mut self, name: super::json::Text<'a>, json: &mut Json<'a>) -> Result<(), JsonError> {
        if name.is("max_msg_fds") {
            self.max_msg_fds = json.number()?;
        } else if name.is("max_data_xfer_size") {
            self.max_data_xfer_size = json.number()?;
        } else if name.is("max_dma_maps") {
            self.max_dma_maps = json.number()?;
        } else if name.is("pgsizes") {
            self.pgsizes = json.number()?;
        } else if name.is("write_multiple") {
            self.write_multiple = json.boolean()?;
        } else if name.is("twin_socket") {
            self.twin_socket = TwinSocket::read(json)?;
        } else if name.is("migration") {
            self.migration = Some(Migration::read(json)?);
        } else {
            json.skip()?;
        }
        Ok(())
    }

    /// Writes version data, the NUL included.
    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        // A Writer takes everything: what does not fit is found when the message is finished.
        let _ = self.write(out);
    }

    fn write(&self, out: &mut Writer<'_>) -> core::fmt::Result {
        write!(
            out,
            r#"{{"capabilities":{{"max_msg_fds":{},"max_data_xfer_size":{},"max_dma_maps":{},"pgsizes":{}"#,
            self.max_msg_fds, self.max_data_xfer_size, self.max_dma_maps, self.pgsizes
        )?;
        if self.twin_socket != TwinSocket::default() {
            write!(out, r#","twin_socket":{{"supported":{}"#, self.twin_socket.supported)?;
            if let Some(index) = self.twin_socket.fd_index {
                write!(out, r#","fd_index":{index}"#)?;
            }
            out.write_str("}")?;
        }
        if self.write_multiple {
            out.write_str(r#","write_multiple":true"#)?;
        }
        if let Some(migration) = self.migration {
            write!(out, r#","migration":{{"pgsize":{}"#, migration.pgsize)?;
            if let Some(size) = migration.max_bitmap_size {
                write!(out, r#","max_bitmap_size":{size}"#)?;
            }
            out.write_str("}")?;
        }
        out.write_str("}}\0")
    }
}

impl TwinSocket {
    fn read(json: &mut Json<'_>) -> Result<Self, JsonError> {
        let mut twin = Self::default();
        json.object(|name, json| {
            if name.is("supported") {
                twin.supported = json.boolean()?;
            } else if name.is("fd_index") {
                twin.fd_index = Some(json.number()?);
            } else {
                json.skip()?;
            }
            Ok(())
        })?;
        Ok(twin)
    }
}

impl Migration {
    fn read(json: &mut Json<'_>) -> Result<Self, JsonError> {
        let mut migration = Self { pgsize: 4096, max_bitmap_size: None };
        json.object(|name, json| {
            if name.is("pgsize") {
                migration.pgsize = json.number()?;
            } else if name.is("max_bitmap_size") {
                migration.max_bitmap_size = Some(json.number()?);
            } else {
                json.skip()?;
            }
            Ok(())
        })?;
        Ok(migration)
    }
}
