//! The MSI-X table in BAR0: storage and nothing more, since a client's eventfds take its place.

use crate::pci::{MessageKind, PciFunction};

/// Where the table and its pending bits are, with 16 bytes for each vector.
const TABLE: u64 = 0xb9_0000;
const PENDING: u64 = 0xba_0000;
const PENDING_BYTES: u64 = 8;
const ENTRY: usize = 16;

/// The table of a function; empty where it has no MSI-X.
#[derive(Debug)]
pub(super) struct MsixTable(Vec<u8>);

/// What of it an access is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// These bytes of the table.
    Table(core::ops::Range<usize>),
    /// Pending bits, of which none is ever set.
    Pending,
}

impl MsixTable {
    pub(super) fn new(pci: &PciFunction) -> Self {
        Self(vec![0; usize::from(pci.vectors(MessageKind::MsiX)) * ENTRY])
    }

    /// What an access is to; `None` when it is to registers.
    pub(super) fn part(&self, offset: u64, len: usize) -> Option<Part> {
        let start = offset.checked_sub(TABLE)?;
        if let Some(pending) = offset.checked_sub(PENDING) {
            let inside = pending + len as u64 <= PENDING_BYTES && !self.0.is_empty();
            return inside.then_some(Part::Pending);
        }
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(len)?;
        (end <= self.0.len()).then_some(Part::Table(start..end))
    }

    pub(super) fn read(&self, part: Part, into: &mut [u8]) {
        match part {
            Part::Table(range) => into.copy_from_slice(&self.0[range]),
            Part::Pending => into.fill(0),
        }
    }

    pub(super) fn write(&mut self, part: Part, from: &[u8]) {
        if let Part::Table(range) = part {
            self.0[range].copy_from_slice(from);
        }
    }
}
