//! The fixed structures, byte for byte as the document's tables have them.
//!
//! The document says that numbers are in the order of the host; every host that QEMU's client runs on
//! is little-endian in practice, and so are these.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U16, U32, U64},
};

use super::error::{DecodeError, DecodeErrorKind};

macro_rules! wire {
    ($($name:ident { $($field:ident: $type:ty,)* })*) => {$(
        #[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
        #[repr(C)]
        pub(super) struct $name {
            $(pub(super) $field: $type,)*
        }
    )*};
}

wire! {
    Header { id: U16, command: U16, size: U32, flags: U32, error: U32, }
    Version { major: U16, minor: U16, }
    DmaMap { argsz: U32, flags: U32, offset: U64, address: U64, size: U64, }
    DmaUnmap { argsz: U32, flags: U32, address: U64, size: U64, }
    DeviceInfo { argsz: U32, flags: U32, regions: U32, irqs: U32, }
    RegionInfo { argsz: U32, flags: U32, index: U32, cap_offset: U32, size: U64, offset: U64, }
    CapHeader { id: U16, version: U16, next: U32, }
    CapType { kind: U32, subtype: U32, }
    SparseMmap { areas: U32, reserved: U32, }
    // DEVICE_GET_REGION_IO_FDS and DEVICE_GET_IRQ_INFO are the same four words.
    IndexCount { argsz: U32, flags: U32, index: U32, count: U32, }
    SetIrqs { argsz: U32, flags: U32, index: U32, start: U32, count: U32, }
    RegionAccess { offset: U64, region: U32, count: U32, }
    DmaAccess { address: U64, count: U64, }
    DmaWritten { address: U64, count: U32, }
    MigData { argsz: U32, size: U32, }
    Feature { argsz: U32, flags: U32, }
    MigState { state: U32, data_fd: U32, }
    LoggingStart { page_size: U64, ranges: U32, reserved: U32, }
    LoggingReport { iova: U64, length: U64, page_size: U64, }
}

/// The structure at the start of a body, and what follows it.
pub(super) fn head<'a, T: FromBytes + KnownLayout + Immutable + Unaligned>(
    what: &'static str,
    body: &'a [u8],
) -> Result<(&'a T, &'a [u8]), DecodeError> {
    T::ref_from_prefix(body).map_err(|_| too_short(what, size_of::<T>() as u64, body))
}

/// A body that is this structure and nothing else.
pub(super) fn whole<'a, T: FromBytes + KnownLayout + Immutable + Unaligned>(
    what: &'static str,
    body: &'a [u8],
) -> Result<&'a T, DecodeError> {
    T::ref_from_bytes(body).map_err(|_| too_short(what, size_of::<T>() as u64, body))
}

/// A body that is this many structures and nothing else.
pub(super) fn array<'a, T: FromBytes + KnownLayout + Immutable + Unaligned>(
    what: &'static str,
    bytes: &'a [u8],
    count: u64,
) -> Result<&'a [T], DecodeError> {
    let needed = count.saturating_mul(size_of::<T>() as u64);
    exactly(what, bytes, needed)?;
    <[T]>::ref_from_bytes(bytes).map_err(|_| too_short(what, needed, bytes))
}

/// Checks that there are this many bytes, not more and not less.
pub(super) fn exactly(what: &'static str, bytes: &[u8], needed: u64) -> Result<(), DecodeError> {
    if bytes.len() as u64 == needed { Ok(()) } else { Err(too_short(what, needed, bytes)) }
}

/// Checks that the peer left room for the fixed part of the reply.
pub(super) fn argsz(found: u32, least: usize) -> Result<u32, DecodeError> {
    if found as usize >= least {
        Ok(found)
    } else {
        Err(DecodeError::new("argsz", DecodeErrorKind::Value(u64::from(found))))
    }
}

/// Checks a field that has to be zero.
pub(super) fn zero(what: &'static str, found: u64) -> Result<(), DecodeError> {
    if found == 0 { Ok(()) } else { Err(DecodeError::new(what, DecodeErrorKind::NotZero(found))) }
}

/// Checks that a range ends within 64 bits; the last byte may be the very last.
pub(super) fn range(what: &'static str, start: u64, length: u64) -> Result<(), DecodeError> {
    match start.checked_add(length.saturating_sub(1)) {
        Some(_) => Ok(()),
        None => Err(DecodeError::new(what, DecodeErrorKind::Wraps { start, length })),
    }
}

fn too_short(what: &'static str, needed: u64, bytes: &[u8]) -> DecodeError {
    DecodeError::new(what, DecodeErrorKind::BodySize { needed, found: bytes.len() as u64 })
}
