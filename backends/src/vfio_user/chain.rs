//! The capabilities that follow a region info.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian::U64};

use super::{
    error::{DecodeError, DecodeErrorKind},
    wire,
    writer::Writer,
};

const SPARSE_MMAP: u16 = 1;
const TYPE: u16 = 2;
const MSIX_MAPPABLE: u16 = 3;

/// Offsets in the chain count from the region info, and the first capability comes right after it.
const FIRST: usize = size_of::<wire::RegionInfo>();
const ALIGN: u32 = 8;

/// A part of a region that can be mapped.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct SparseArea {
    offset: U64,
    size: U64,
}

impl SparseArea {
    /// `size` bytes from `offset` in the region.
    pub const fn new(offset: u64, size: u64) -> Self {
        Self { offset: U64::new(offset), size: U64::new(size) }
    }

    /// Where it begins in the region, in bytes. The region's own offset is added for `mmap`.
    pub const fn offset(&self) -> u64 {
        self.offset.get()
    }

    /// How large it is, in bytes.
    pub const fn size(&self) -> u64 {
        self.size.get()
    }
}

impl fmt::Debug for SparseArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SparseArea({:#x}, {:#x})", self.offset(), self.size())
    }
}

/// A capability of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionCap<'a> {
    /// `VFIO_REGION_INFO_CAP_SPARSE_MMAP`: only these parts can be mapped.
    SparseMmap(&'a [SparseArea]),
    /// `VFIO_REGION_INFO_CAP_TYPE`: a region of the device's own.
    Type {
        /// Whose kind of region it is.
        kind: u32,
        /// Which one.
        subtype: u32,
    },
    /// `VFIO_REGION_INFO_CAP_MSIX_MAPPABLE`: the MSI-X table may be mapped with the rest.
    MsixMappable,
    /// One that is not known here.
    Other {
        /// Its number.
        id: u16,
        /// Its version.
        version: u16,
        /// What is in it, up to where the next one begins. Written, it is filled up to a multiple of 8.
        data: &'a [u8],
    },
}

impl RegionCap<'_> {
    const fn size(&self) -> usize {
        let body = match self {
            Self::SparseMmap(areas) => size_of::<wire::SparseMmap>()
                .saturating_add(areas.len().saturating_mul(size_of::<SparseArea>())),
            Self::Type { .. } => size_of::<wire::CapType>(),
            Self::MsixMappable => 0,
            Self::Other { data, .. } => data.len().next_multiple_of(ALIGN as usize),
        };
        body.saturating_add(size_of::<wire::CapHeader>())
    }

    fn encode(&self, next: u32, out: &mut Writer<'_>) {
        let header = |id: u16, version: u16| wire::CapHeader {
            id: id.into(),
            version: version.into(),
            next: next.into(),
        };
        match *self {
            Self::SparseMmap(areas) => {
                out.value(&header(SPARSE_MMAP, 1));
                out.value(&wire::SparseMmap { areas: (areas.len() as u32).into(), reserved: 0.into() });
                out.value(areas);
            }
            Self::Type { kind, subtype } => {
                out.value(&header(TYPE, 1));
                out.value(&wire::CapType { kind: kind.into(), subtype: subtype.into() });
            }
            Self::MsixMappable => out.value(&header(MSIX_MAPPABLE, 1)),
            Self::Other { id, version, data } => {
                out.value(&header(id, version));
                out.bytes(data);
                for _ in data.len()..data.len().next_multiple_of(ALIGN as usize) {
                    out.bytes(&[0]);
                }
            }
        }
    }
}

/// The capabilities of a region: a list to be sent, or a chain that was received and checked.
#[derive(Clone, Copy)]
pub struct RegionCaps<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    List(&'a [RegionCap<'a>]),
    /// The whole body, and where the first capability is; zero if there is none.
    Chain {
        body: &'a [u8],
        first: usize,
    },
}

impl<'a> RegionCaps<'a> {
    /// None.
    pub const NONE: Self = Self(Source::List(&[]));

    /// These, to be sent in this order.
    pub const fn list(list: &'a [RegionCap<'a>]) -> Self {
        Self(Source::List(list))
    }

    /// The capabilities, in order.
    pub fn iter(&self) -> RegionCapsIter<'a> {
        RegionCapsIter(self.0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The parts of the region that can be mapped, if only parts can.
    pub fn sparse_areas(&self) -> Option<&'a [SparseArea]> {
        self.iter().find_map(|cap| match cap {
            RegionCap::SparseMmap(areas) => Some(areas),
            _ => None,
        })
    }

    /// How long they are on the wire, in bytes.
    pub(super) fn size(&self) -> usize {
        self.iter().fold(0, |sum, cap| sum.saturating_add(cap.size()))
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        let mut caps = self.iter().peekable();
        let mut end = FIRST;
        while let Some(cap) = caps.next() {
            end = end.saturating_add(cap.size());
            let next = if caps.peek().is_some() { end as u32 } else { 0 };
            cap.encode(next, out);
        }
    }

    /// Checks a chain to its end: every capability is after the one before it, so the chain cannot loop.
    pub(super) fn decode(body: &'a [u8], first: u32, region_size: u64) -> Result<Self, DecodeError> {
        let mut at = first;
        let mut least = FIRST;
        while at != 0 {
            if (at as usize) < least {
                return Err(misplaced(at));
            }
            let (cap, next) = one(body, at)?;
            if let RegionCap::SparseMmap(areas) = cap {
                check_areas(areas, region_size)?;
            }
            least = (at as usize).saturating_add(size_of::<wire::CapHeader>());
            at = next;
        }
        Ok(Self(Source::Chain { body, first: first as usize }))
    }
}

impl Default for RegionCaps<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

impl PartialEq for RegionCaps<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for RegionCaps<'_> {}

impl fmt::Debug for RegionCaps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The capabilities of a region, in order.
#[derive(Clone)]
pub struct RegionCapsIter<'a>(Source<'a>);

impl<'a> Iterator for RegionCapsIter<'a> {
    type Item = RegionCap<'a>;

    fn next(&mut self) -> Option<RegionCap<'a>> {
        match &mut self.0 {
            Source::List(list) => {
                let (first, rest) = list.split_first()?;
                *list = rest;
                Some(*first)
            }
            Source::Chain { first: 0, .. } => None,
            Source::Chain { body, first } => {
                // The chain was checked when it was made.
                let (cap, next) = one(body, *first as u32).ok()?;
                *first = next as usize;
                Some(cap)
            }
        }
    }
}

impl<'a> IntoIterator for &RegionCaps<'a> {
    type Item = RegionCap<'a>;
    type IntoIter = RegionCapsIter<'a>;

    fn into_iter(self) -> RegionCapsIter<'a> {
        self.iter()
    }
}

/// The capability at this offset, and where the next one is.
fn one(body: &[u8], at: u32) -> Result<(RegionCap<'_>, u32), DecodeError> {
    let bytes = match body.get(at as usize..) {
        Some(bytes) if (at as usize) >= FIRST && (at & (ALIGN - 1)) == 0 => bytes,
        _ => return Err(misplaced(at)),
    };
    let (header, rest) = wire::head::<wire::CapHeader>("capability", bytes).map_err(|_| misplaced(at))?;
    let next = header.next.get();
    // A capability ends where the next one begins.
    let room = match next {
        0 => rest.len(),
        next => (next as usize)
            .checked_sub((at as usize).saturating_add(size_of::<wire::CapHeader>()))
            .ok_or(misplaced(next))?,
    };
    let rest = rest.get(..room).ok_or(misplaced(next))?;
    let cap = match (header.id.get(), header.version.get()) {
        (SPARSE_MMAP, 1) => RegionCap::SparseMmap(areas(rest)?),
        (TYPE, 1) => {
            let (wire, _) = wire::head::<wire::CapType>("capability TYPE", rest)?;
            RegionCap::Type { kind: wire.kind.get(), subtype: wire.subtype.get() }
        }
        (MSIX_MAPPABLE, 1) => RegionCap::MsixMappable,
        (id, version) => RegionCap::Other { id, version, data: rest },
    };
    Ok((cap, next))
}

fn areas(bytes: &[u8]) -> Result<&[SparseArea], DecodeError> {
    const WHAT: &str = "capability SPARSE_MMAP";
    let (wire, rest) = wire::head::<wire::SparseMmap>(WHAT, bytes)?;
    let needed = u64::from(wire.areas.get()).saturating_mul(size_of::<SparseArea>() as u64);
    let bytes = usize::try_from(needed).ok().and_then(|needed| rest.get(..needed));
    let bytes = bytes
        .ok_or(DecodeError::new(WHAT, DecodeErrorKind::BodySize { needed, found: rest.len() as u64 }))?;
    wire::array(WHAT, bytes, u64::from(wire.areas.get()))
}

fn check_areas(areas: &[SparseArea], region_size: u64) -> Result<(), DecodeError> {
    for area in areas {
        let (start, length) = (area.offset(), area.size());
        match start.checked_add(length) {
            Some(end) if end <= region_size => {}
            Some(end) => {
                let kind = DecodeErrorKind::TooMuch { found: end, limit: region_size };
                return Err(DecodeError::new("sparse mmap area", kind));
            }
            None => {
                return Err(DecodeError::new("sparse mmap area", DecodeErrorKind::Wraps { start, length }));
            }
        }
    }
    Ok(())
}

const fn misplaced(offset: u32) -> DecodeError {
    DecodeError::new("region capability", DecodeErrorKind::Chain { offset })
}
