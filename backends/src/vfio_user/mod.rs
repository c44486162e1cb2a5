//! The vfio-user protocol: a device of one process in another, over a socket.
//!
//! Everything here turns bytes into messages and messages into bytes, and does nothing else: no socket,
//! no memory of its own, no copies of data. A server is made of [`Frame::split`], [`Request::decode`] and
//! [`Reply::encode`]; a client of [`Request::encode`], [`Frame::split`] and [`Reply::decode`].
//!
//! Source: docs/interop/vfio-user.rst of QEMU, as of its commit 1053bb627cf5; the numbers of VFIO, which that
//! document refers to, are those of `linux/vfio.h`. Where the document and peers differ:
//!
//! | message | the document | peers |
//! |---|---|---|
//! | `DMA_UNMAP` request | no flags | QEMU sends `VFIO_DMA_UNMAP_FLAG_ALL`: read here |
//! | `DMA_UNMAP` reply | the request's body | may be empty: read here |
//! | `DMA_READ`, `DMA_WRITE` | eight bytes of count, then data | QEMU's client has four, so its data is four bytes early: not read here; pass file descriptors with `DMA_MAP` |
//! | `DMA_WRITE` reply | address and four bytes of count | eight bytes of count, or no body: read here |
//! | `DIRTY_PAGES` (14), dirty bitmap of `DMA_UNMAP` | gone | refused as unsupported |
//!
//! Numbers from the peer are checked before they are used: sizes against the limits, ranges against the
//! end of the address space, counts against the bytes that are there, indices of file descriptors against those
//! that came. A mistake is a [`DecodeError`], which knows the error number to answer and
//! whether the connection can go on.
//!
//! ```
//! use nova_backends::vfio_user::{
//!     Errno, Frame, Limits, RegionAccess, RegionReadReply, Reply, Request, index,
//! };
//!
//! let mut wire = [0; 64];
//! let access = RegionAccess { offset: 0, region: index::region::BAR0, count: 4 };
//! let length = Request::RegionRead(access).encode(7, false, &mut wire)?;
//!
//! // The server has read some bytes; there is a whole message in them.
//! let limits = Limits::default();
//! let mut answer = [0; 64];
//! let Frame::Whole { header, body, .. } = Frame::split(&wire[..length], &limits)? else { panic!() };
//! let length = match Request::decode(&header, body, 0, &limits) {
//!     Ok(Request::RegionRead(access)) => {
//!         let reply = RegionReadReply::begin(&header, access, &mut answer)?;
//!         reply.data.copy_from_slice(&0x1720_00a1u32.to_le_bytes());
//!         reply.length
//!     }
//!     Ok(_) => Reply::Error(Errno::EOPNOTSUPP).encode(&header, &mut answer)?,
//!     Err(error) => Reply::Error(error.errno()).encode(&header, &mut answer)?,
//! };
//! assert_eq!(length, 36);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod capabilities;
mod chain;
mod command;
mod dma;
mod errno;
mod error;
pub mod feature;
mod flags;
mod header;
pub mod index;
mod io_fds;
mod irq;
mod json;
mod region;
mod reply;
mod request;
mod version;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

pub use capabilities::{Capabilities, DEFAULT_MAX_DATA_XFER_SIZE, Migration, TwinSocket};
pub use chain::{RegionCap, RegionCaps, RegionCapsIter, SparseArea};
pub use command::{Command, Side};
pub use dma::{DmaAccess, DmaMap, DmaUnmap, DmaWritten};
pub use errno::Errno;
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use feature::DeviceFeature;
pub use flags::{DeviceFlags, DmaMapFlags, DmaUnmapFlags, FeatureFlags, IoFdFlags, IrqFlags, RegionFlags};
pub use header::{Frame, HEADER_SIZE, Header, Kind, Limits};
pub use io_fds::{IoFdKind, RegionIoFds, SubRegion};
pub use irq::{IrqAction, IrqData, IrqInfo, SetIrqs};
pub use json::JsonError;
pub use region::{MultiWrite, RegionAccess, RegionData, RegionInfo};
pub use reply::{DeviceInfo, RegionReadReply, Reply};
pub use request::Request;
pub use version::Version;
