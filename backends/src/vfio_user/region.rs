//! What a region is, and access to it through messages.

use core::fmt;

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

use super::{
    chain::RegionCaps,
    error::{DecodeError, DecodeErrorKind},
    flags::RegionFlags,
    header::Limits,
    wire,
    writer::Writer,
};

/// The reply to `DEVICE_GET_REGION_INFO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionInfo<'a> {
    /// How much room the whole reply needs, in bytes. If it is more than the request had, the
    /// capabilities are missing, and the client asks again with this much.
    pub argsz: u32,
    /// What can be done with the region.
    pub flags: RegionFlags,
    /// Which region it is.
    pub index: u32,
    /// How large it is, in bytes; zero if there is none.
    pub size: u64,
    /// Where it begins in the file that can be mapped, in bytes.
    pub offset: u64,
    /// What else is to be known about it.
    pub caps: RegionCaps<'a>,
}

impl<'a> RegionInfo<'a> {
    /// How long the reply is without capabilities, in bytes.
    pub const FIXED_SIZE: u32 = size_of::<wire::RegionInfo>() as u32;

    /// A region with these capabilities. [`RegionFlags::CAPS`] is set if there are any.
    pub fn new(index: u32, flags: RegionFlags, size: u64, offset: u64, caps: RegionCaps<'a>) -> Self {
        let flags = if caps.is_empty() { flags } else { flags | RegionFlags::CAPS };
        Self { argsz: Self::room(&caps), flags, index, size, offset, caps }
    }

    fn room(caps: &RegionCaps<'_>) -> u32 {
        Self::FIXED_SIZE.saturating_add(u32::try_from(caps.size()).unwrap_or(u32::MAX))
    }

    /// The reply to a request with room for `argsz` bytes: without capabilities if they do not fit.
    #[must_use]
    pub fn within(mut self, argsz: u32) -> Self {
        if self.argsz > argsz {
            self.caps = RegionCaps::NONE;
        }
        self
    }

    /// Whether the capabilities did not fit into the reply.
    pub fn is_cut(&self) -> bool {
        self.argsz > Self::FIXED_SIZE && self.caps.is_empty()
    }

    pub(super) fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let (wire, rest) = wire::head::<wire::RegionInfo>("DEVICE_GET_REGION_INFO", body)?;
        let argsz = wire::argsz(wire.argsz.get(), size_of::<wire::RegionInfo>())?;
        let flags = RegionFlags::decode("region flags", wire.flags.get())?;
        let (size, offset) = (wire.size.get(), wire.offset.get());
        wire::range("region offset", offset, size)?;
        let caps = if rest.is_empty() {
            // What does not fit is left out, and then the offset of the first capability means nothing.
            RegionCaps::NONE
        } else {
            wire::exactly("DEVICE_GET_REGION_INFO", body, u64::from(argsz))?;
            let first = if flags.contains(RegionFlags::CAPS) { wire.cap_offset.get() } else { 0 };
            RegionCaps::decode(body, first, size)?
        };
        Ok(Self { argsz, flags, index: wire.index.get(), size, offset, caps })
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        // Capabilities that are left out still count; those that are here are what the length is.
        let (argsz, cap_offset) = if !self.caps.is_empty() {
            (Self::room(&self.caps), Self::FIXED_SIZE)
        } else if self.is_cut() {
            // Where they would be. QEMU refuses a region that has capabilities nowhere, before it asks again for all.
            (self.argsz, Self::FIXED_SIZE)
        } else {
            (self.argsz, 0)
        };
        out.value(&wire::RegionInfo {
            argsz: argsz.into(),
            flags: self.flags.bits().into(),
            index: self.index.into(),
            cap_offset: cap_offset.into(),
            size: self.size.into(),
            offset: self.offset.into(),
        });
        self.caps.encode(out);
    }
}

/// Which part of a region `REGION_READ` and `REGION_WRITE` are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RegionAccess {
    /// Where it begins in the region, in bytes.
    pub offset: u64,
    /// Which region.
    pub region: u32,
    /// How long it is, in bytes.
    pub count: u32,
}

impl RegionAccess {
    pub(super) fn decode<'a>(
        what: &'static str,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<(Self, &'a [u8]), DecodeError> {
        let (wire, data) = wire::head::<wire::RegionAccess>(what, body)?;
        let access = Self { offset: wire.offset.get(), region: wire.region.get(), count: wire.count.get() };
        limits.transfer(what, u64::from(access.count))?;
        wire::range(what, access.offset, u64::from(access.count))?;
        Ok((access, data))
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        out.value(&wire::RegionAccess {
            offset: self.offset.into(),
            region: self.region.into(),
            count: self.count.into(),
        });
    }
}

/// Data of a region: what `REGION_WRITE` writes, and what the reply to `REGION_READ` has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RegionData<'a> {
    /// Where it begins in the region, in bytes.
    pub offset: u64,
    /// Which region.
    pub region: u32,
    /// The data.
    pub data: &'a [u8],
}

impl<'a> RegionData<'a> {
    /// The access without its data: the reply to a write.
    pub const fn access(&self) -> RegionAccess {
        RegionAccess { offset: self.offset, region: self.region, count: self.data.len() as u32 }
    }

    pub(super) fn decode(what: &'static str, body: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        let (access, data) = RegionAccess::decode(what, body, limits)?;
        wire::exactly(what, data, u64::from(access.count))?;
        Ok(Self { offset: access.offset, region: access.region, data })
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        self.access().encode(out);
        out.bytes(self.data);
    }
}

/// One of the writes of `REGION_WRITE_MULTI`, of at most eight bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct MultiWrite {
    offset: U64,
    region: U32,
    count: U32,
    data: [u8; 8],
}

impl MultiWrite {
    /// A write of `data`, or nothing if that is more than eight bytes.
    pub fn new(region: u32, offset: u64, data: &[u8]) -> Option<Self> {
        let mut padded = [0; 8];
        padded.get_mut(..data.len())?.copy_from_slice(data);
        let count = U32::new(data.len() as u32);
        Some(Self { offset: U64::new(offset), region: U32::new(region), count, data: padded })
    }

    /// Where it begins in the region, in bytes.
    pub const fn offset(&self) -> u64 {
        self.offset.get()
    }

    /// Which region.
    pub const fn region(&self) -> u32 {
        self.region.get()
    }

    /// What is written.
    pub fn data(&self) -> &[u8] {
        self.data.get(..self.count.get() as usize).unwrap_or_default()
    }

    pub(super) fn decode<'a>(body: &'a [u8], limits: &Limits) -> Result<&'a [Self], DecodeError> {
        const WHAT: &str = "REGION_WRITE_MULTI";
        let (count, rest) = wire::head::<U64>(WHAT, body)?;
        let writes: &[Self] = wire::array(WHAT, rest, count.get())?;
        for write in writes {
            let (count, offset) = (u64::from(write.count.get()), write.offset());
            if count > write.data.len() as u64 {
                return Err(DecodeError::new(WHAT, DecodeErrorKind::Value(count)));
            }
            limits.transfer(WHAT, count)?;
            wire::range(WHAT, offset, count)?;
        }
        Ok(writes)
    }

    pub(super) fn encode_all(writes: &[Self], out: &mut Writer<'_>) {
        out.value(&U64::new(writes.len() as u64));
        out.value(writes);
    }
}

impl fmt::Debug for MultiWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiWrite")
            .field("region", &self.region())
            .field("offset", &self.offset())
            .field("data", &self.data())
            .finish()
    }
}
