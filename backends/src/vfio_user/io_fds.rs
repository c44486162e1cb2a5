//! `DEVICE_GET_REGION_IO_FDS`: parts of a region that KVM can report accesses to without the client.

use core::fmt;

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

use super::{
    error::{DecodeError, DecodeErrorKind},
    flags::IoFdFlags,
    wire,
    writer::Writer,
};

const IOEVENTFD: u32 = 0;
const IOREGIONFD: u32 = 1;

/// How accesses to a sub-region are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum IoFdKind {
    /// An eventfd is signalled, if the flags say so only for this value.
    IoEventFd {
        /// The value.
        datamatch: u64,
    },
    /// A message is written to a file descriptor.
    IoRegionFd {
        /// What stands in the message.
        user_data: u64,
    },
}

/// A part of a region, as it stands on the wire.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct SubRegion {
    offset: U64,
    size: U64,
    fd_index: U32,
    kind: U32,
    flags: U32,
    padding: U32,
    value: U64,
}

impl SubRegion {
    /// `size` bytes from `offset` in the region; zero if the size of the access does not matter.
    pub const fn new(offset: u64, size: u64, fd_index: u32, flags: IoFdFlags, kind: IoFdKind) -> Self {
        let (kind, value) = match kind {
            IoFdKind::IoEventFd { datamatch } => (IOEVENTFD, datamatch),
            IoFdKind::IoRegionFd { user_data } => (IOREGIONFD, user_data),
        };
        Self {
            offset: U64::new(offset),
            size: U64::new(size),
            fd_index: U32::new(fd_index),
            kind: U32::new(kind),
            flags: U32::new(flags.bits()),
            padding: U32::ZERO,
            value: U64::new(value),
        }
    }

    /// Where it begins in the region, in bytes.
    pub const fn offset(&self) -> u64 {
        self.offset.get()
    }

    /// How large it is, in bytes.
    pub const fn size(&self) -> u64 {
        self.size.get()
    }

    /// Which of the file descriptors that came with the reply.
    pub const fn fd_index(&self) -> u32 {
        self.fd_index.get()
    }

    /// What KVM is asked for.
    pub fn flags(&self) -> IoFdFlags {
        IoFdFlags::from_bits(self.flags.get()).unwrap_or_default()
    }

    /// How accesses are reported.
    pub const fn kind(&self) -> IoFdKind {
        match self.kind.get() {
            IOEVENTFD => IoFdKind::IoEventFd { datamatch: self.value.get() },
            _ => IoFdKind::IoRegionFd { user_data: self.value.get() },
        }
    }

    fn check(&self, fds: usize) -> Result<(), DecodeError> {
        if self.kind.get() > IOREGIONFD {
            let kind = DecodeErrorKind::Value(u64::from(self.kind.get()));
            return Err(DecodeError::new("sub-region type", kind));
        }
        if self.fd_index() as usize >= fds {
            return Err(DecodeError::new("sub-region fd_index", DecodeErrorKind::FdIndex(self.fd_index())));
        }
        IoFdFlags::decode("sub-region flags", self.flags.get())?;
        wire::range("sub-region", self.offset(), self.size())
    }
}

impl fmt::Debug for SubRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubRegion")
            .field("offset", &self.offset())
            .field("size", &self.size())
            .field("fd_index", &self.fd_index())
            .field("flags", &self.flags())
            .field("kind", &self.kind())
            .finish()
    }
}

/// The reply to `DEVICE_GET_REGION_IO_FDS`.
#[derive(Clone, Copy)]
pub struct RegionIoFds<'a> {
    /// How much room the whole reply needs, in bytes. If it is more than the request had, the
    /// sub-regions are missing, and the client asks again with this much.
    pub argsz: u32,
    /// Which region.
    pub index: u32,
    /// How many sub-regions there are, whether they are here or not.
    pub count: u32,
    entries: &'a [u8],
    // A peer may send longer entries than the document has.
    stride: usize,
}

impl<'a> RegionIoFds<'a> {
    /// A region with these sub-regions.
    pub fn new(index: u32, sub_regions: &'a [SubRegion]) -> Self {
        let entries = sub_regions.as_bytes();
        let fixed = size_of::<wire::IndexCount>();
        Self {
            argsz: u32::try_from(fixed.saturating_add(entries.len())).unwrap_or(u32::MAX),
            index,
            count: sub_regions.len() as u32,
            entries,
            stride: size_of::<SubRegion>(),
        }
    }

    /// The reply to a request with room for `argsz` bytes: without sub-regions if they do not fit.
    #[must_use]
    pub fn within(mut self, argsz: u32) -> Self {
        if self.argsz > argsz {
            self.entries = &[];
        }
        self
    }

    /// The sub-regions that came with the reply.
    pub fn sub_regions(&self) -> impl Iterator<Item = &'a SubRegion> + use<'a> {
        // The stride is never less than an entry, so each chunk has one.
        self.entries
            .chunks_exact(self.stride)
            .filter_map(|entry| Some(SubRegion::ref_from_prefix(entry).ok()?.0))
    }

    pub(super) fn decode(body: &'a [u8], fds: usize) -> Result<Self, DecodeError> {
        const WHAT: &str = "DEVICE_GET_REGION_IO_FDS";
        let (wire, entries) = wire::head::<wire::IndexCount>(WHAT, body)?;
        let argsz = wire::argsz(wire.argsz.get(), size_of::<wire::IndexCount>())?;
        wire::zero("region io fds flags", u64::from(wire.flags.get()))?;
        let count = wire.count.get();
        let stride = if entries.is_empty() {
            size_of::<SubRegion>()
        } else {
            wire::exactly(WHAT, body, u64::from(argsz))?;
            stride(entries, count)?
        };
        let reply = Self { argsz, index: wire.index.get(), count, entries, stride };
        for sub_region in reply.sub_regions() {
            sub_region.check(fds)?;
        }
        Ok(reply)
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        out.value(&wire::IndexCount {
            argsz: self.argsz.into(),
            flags: 0.into(),
            index: self.index.into(),
            count: self.count.into(),
        });
        out.bytes(self.entries);
    }
}

/// All entries are equally long, and at least as long as the document has them.
fn stride(entries: &[u8], count: u32) -> Result<usize, DecodeError> {
    let (length, count) = (entries.len(), count as usize);
    match (length.checked_div(count), length.checked_rem(count)) {
        (Some(stride), Some(0)) if stride >= size_of::<SubRegion>() => Ok(stride),
        _ => {
            let needed = (count as u64).saturating_mul(size_of::<SubRegion>() as u64);
            let kind = DecodeErrorKind::BodySize { needed, found: length as u64 };
            Err(DecodeError::new("sub-regions", kind))
        }
    }
}

impl PartialEq for RegionIoFds<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.argsz, self.index, self.count) == (other.argsz, other.index, other.count)
            && self.sub_regions().eq(other.sub_regions())
    }
}

impl Eq for RegionIoFds<'_> {}

impl fmt::Debug for RegionIoFds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegionIoFds {{ argsz: {}, index: {}, sub_regions: ", self.argsz, self.index)?;
        f.debug_list().entries(self.sub_regions()).finish()?;
        f.write_str(" }")
    }
}
