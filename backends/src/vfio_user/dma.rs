//! DMA mappings, and memory of the client that is read and written through messages.

use super::{
    error::{DecodeError, DecodeErrorKind},
    flags::{DmaMapFlags, DmaUnmapFlags},
    header::Limits,
    wire,
    writer::Writer,
};

/// `DMA_MAP`: memory that the device may use. If a file descriptor comes with it, it can be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DmaMap {
    /// What the device may do.
    pub flags: DmaMapFlags,
    /// Where the memory begins in the file, in bytes.
    pub offset: u64,
    /// Where the memory begins for the device.
    pub address: u64,
    /// How much it is, in bytes; not zero.
    pub size: u64,
}

impl DmaMap {
    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let wire = wire::whole::<wire::DmaMap>("DMA_MAP", body)?;
        wire::argsz(wire.argsz.get(), size_of::<wire::DmaMap>())?;
        let map = Self {
            flags: DmaMapFlags::decode("DMA_MAP flags", wire.flags.get())?,
            offset: wire.offset.get(),
            address: wire.address.get(),
            size: wire.size.get(),
        };
        if map.size == 0 {
            return Err(DecodeError::new("DMA_MAP size", DecodeErrorKind::Value(0)));
        }
        wire::range("DMA_MAP address", map.address, map.size)?;
        wire::range("DMA_MAP offset", map.offset, map.size)?;
        Ok(map)
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        out.value(&wire::DmaMap {
            argsz: (size_of::<wire::DmaMap>() as u32).into(),
            flags: self.flags.bits().into(),
            offset: self.offset.into(),
            address: self.address.into(),
            size: self.size.into(),
        });
    }
}

/// `DMA_UNMAP`, and its reply: a mapping is taken back.
///
/// In the older revisions that had a dirty bitmap here, bit 0 of the flags asked for it. It is refused
/// as unsupported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DmaUnmap {
    /// How.
    pub flags: DmaUnmapFlags,
    /// Where the mapping begins.
    pub address: u64,
    /// How large it is, in bytes; not zero, except if all are taken back.
    pub size: u64,
}

impl DmaUnmap {
    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        const DIRTY_BITMAP: u32 = 1 << 0;
        let (wire, bitmap) = wire::head::<wire::DmaUnmap>("DMA_UNMAP", body)?;
        if wire.flags.get() & DIRTY_BITMAP != 0 {
            let kind = DecodeErrorKind::Unsupported(u64::from(wire.flags.get()));
            return Err(DecodeError::new("DMA_UNMAP flags", kind));
        }
        wire::exactly("DMA_UNMAP", bitmap, 0)?;
        wire::argsz(wire.argsz.get(), size_of::<wire::DmaUnmap>())?;
        let unmap = Self {
            flags: DmaUnmapFlags::decode("DMA_UNMAP flags", wire.flags.get())?,
            address: wire.address.get(),
            size: wire.size.get(),
        };
        if !unmap.flags.contains(DmaUnmapFlags::UNMAP_ALL) {
            if unmap.size == 0 {
                return Err(DecodeError::new("DMA_UNMAP size", DecodeErrorKind::Value(0)));
            }
            wire::range("DMA_UNMAP address", unmap.address, unmap.size)?;
        }
        Ok(unmap)
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        out.value(&wire::DmaUnmap {
            argsz: (size_of::<wire::DmaUnmap>() as u32).into(),
            flags: self.flags.bits().into(),
            address: self.address.into(),
            size: self.size.into(),
        });
    }
}

/// Which memory of the client `DMA_READ` and `DMA_WRITE` are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DmaAccess {
    /// Where it begins for the device.
    pub address: u64,
    /// How much it is, in bytes.
    pub count: u64,
}

impl DmaAccess {
    pub(super) fn decode<'a>(
        what: &'static str,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<(Self, &'a [u8]), DecodeError> {
        let (wire, data) = wire::head::<wire::DmaAccess>(what, body)?;
        let access = Self { address: wire.address.get(), count: wire.count.get() };
        limits.transfer(what, access.count)?;
        wire::range(what, access.address, access.count)?;
        Ok((access, data))
    }

    pub(super) fn decode_with_data<'a>(
        what: &'static str,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<(u64, &'a [u8]), DecodeError> {
        let (access, data) = Self::decode(what, body, limits)?;
        wire::exactly(what, data, access.count)?;
        Ok((access.address, data))
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        out.value(&wire::DmaAccess { address: self.address.into(), count: self.count.into() });
    }
}

/// The reply to `DMA_WRITE`: what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DmaWritten {
    /// Where it begins for the device.
    pub address: u64,
    /// How much it is, in bytes.
    pub count: u32,
}

impl DmaWritten {
    /// The count has four bytes in the document. Peers that use one structure for both directions
    /// send eight, and QEMU sends no body at all.
    pub(super) fn decode(body: &[u8], limits: &Limits) -> Result<Option<Self>, DecodeError> {
        const WHAT: &str = "DMA_WRITE";
        if body.is_empty() {
            return Ok(None);
        }
        let (address, count) = if body.len() == size_of::<wire::DmaAccess>() {
            let wire = wire::whole::<wire::DmaAccess>(WHAT, body)?;
            (wire.address.get(), wire.count.get())
        } else {
            let wire = wire::whole::<wire::DmaWritten>(WHAT, body)?;
            (wire.address.get(), u64::from(wire.count.get()))
        };
        limits.transfer(WHAT, count)?;
        wire::range(WHAT, address, count)?;
        let too_much =
            |_| DecodeError::new(WHAT, DecodeErrorKind::TooMuch { found: count, limit: u64::from(u32::MAX) });
        Ok(Some(Self { address, count: u32::try_from(count).map_err(too_much)? }))
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        out.value(&wire::DmaWritten { address: self.address.into(), count: self.count.into() });
    }
}
