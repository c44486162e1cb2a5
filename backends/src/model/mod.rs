//! A register file with the semantics of hardware.
//!
//! A [`Model`] is a bounded table of 32-bit registers, each with a [`Kind`], and a [`Device`] that
//! adds what words alone cannot do. Offsets that no register decodes answer the way PRI does.
//! [`ModelBus`] puts it behind a lock and makes it a bus.
//!
//! 8 and 16-bit accesses act on the register that contains them, the way byte enables do: a read
//! has the side effects of the whole register, and a write carries only its own bits. The other
//! bits of a plain register stay, and those of a write-1-to-clear register are not written as one.

mod bus;
mod cells;
mod device;
mod error;
mod index;
mod kind;
#[cfg(test)]
mod tests;

use heapless::Vec;
use nova_core::bus::catalogue::Entry;
use nova_core::bus::{Offset, Place, Register, Word};

pub use bus::{CellBus, ModelBus};
use cells::Cell;
pub use cells::Cells;
pub use device::{DECODE_ERROR, Device, Write};
pub use error::{AddError, AddErrorKind};
use index::Slots;
pub use kind::Kind;

/// What went over the bus so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counters {
    /// All reads.
    pub reads: u64,
    /// All writes.
    pub writes: u64,
    /// Reads that nothing decoded.
    pub hole_reads: u64,
    /// Writes that nothing decoded; they were dropped.
    pub hole_writes: u64,
    /// Writes to read-only registers; they were dropped.
    pub refused_writes: u64,
    /// Uses of a register by the device or a test that the model does not have: a mistake in the model.
    pub absent: u64,
}

/// `N` registers and a device.
#[derive(Debug)]
pub struct Model<const N: usize, D = ()> {
    slots: Slots<N>,
    cells: Vec<Cell, N>,
    device: D,
    counters: Counters,
}

impl<const N: usize> Model<N> {
    /// A model without behaviour of its own.
    pub const fn plain() -> Self {
        Self::new(())
    }
}

impl<const N: usize, D> Model<N, D> {
    /// A model of `device`, without registers yet.
    pub const fn new(device: D) -> Self {
        let counters =
            Counters { reads: 0, writes: 0, hole_reads: 0, hole_writes: 0, refused_writes: 0, absent: 0 };
        Self { slots: Slots::new(), cells: Vec::new(), device, counters }
    }

    /// Adds a register.
    ///
    /// # Errors
    ///
    /// When all `N` are in use, when there is one at this place, and when the register `kind`
    /// names as its target is missing.
    pub fn add<P: Place>(&mut self, place: P, kind: Kind, reset: u32) -> Result<(), AddError>
    where
        P::Reg: Register<Word = u32>,
    {
        self.add_at(place.offset(), kind, reset)
    }

    /// [`Model::add`] at an offset known only at run time.
    ///
    /// # Errors
    ///
    /// As [`Model::add`].
    pub fn add_at(&mut self, at: Offset<u32>, kind: Kind, reset: u32) -> Result<(), AddError> {
        let offset = at.bytes();
        let fail = |kind| Err(AddError { offset, kind });
        if self.view().contains(at) {
            return fail(AddErrorKind::Duplicate);
        }
        let own = self.cells.len() as u16; // `Slots::new` has checked that N fits.
        let holder = match kind.target() {
            None => own,
            Some(target) => match self.holder(target) {
                Some(number) => number,
                None => return fail(AddErrorKind::NoTarget { target: target.bytes() }),
            },
        };
        let full = AddErrorKind::Full { capacity: N };
        if self.cells.push(Cell { offset, value: reset, reset, holder, kind }).is_err() {
            return fail(full);
        }
        if self.slots.insert(offset, own) { Ok(()) } else { fail(full) }
    }

    /// Adds every place of a catalogued register, behaving as its access mode says.
    ///
    /// # Errors
    ///
    /// As [`Model::add`], and when the register is not 32 bits wide.
    pub fn add_entry(&mut self, entry: &Entry, reset: u32) -> Result<(), AddError> {
        for instance in 0..entry.instances.len().max(1) {
            for index in 0..entry.count {
                let offset = entry.place(instance, index).unwrap_or(u32::MAX);
                let refused = AddError { offset, kind: AddErrorKind::Place };
                if entry.width != u32::BYTES {
                    return Err(refused);
                }
                let at = Offset::new(offset).map_err(|_| refused)?;
                self.add_at(at, Kind::of_access(entry.access), reset)?;
            }
        }
        Ok(())
    }

    /// How many registers there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The registers, without side effects.
    pub fn cells(&mut self) -> Cells<'_> {
        self.view()
    }

    /// The device.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// The registers and the device, for what happens without an access: time passes, a fault
    /// is raised.
    pub fn parts(&mut self) -> (Cells<'_>, &mut D) {
        let cells =
            Cells { index: self.slots.view(), all: &mut self.cells, absent: &mut self.counters.absent };
        (cells, &mut self.device)
    }

    /// What went over the bus so far.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    #[inline]
    fn view(&mut self) -> Cells<'_> {
        self.parts().0
    }

    /// The number of the cell at `at`, if it holds its value itself.
    fn holder(&mut self, at: Offset<u32>) -> Option<u16> {
        let number = self.view().find(at)?;
        let cell = self.cells.get(number)?;
        (usize::from(cell.holder) == number).then_some(cell.holder)
    }
}

impl<const N: usize, D: Device> Model<N, D> {
    /// Reads, with all side effects.
    #[inline]
    pub fn read<W: Word>(&mut self, at: Offset<W>) -> W {
        let (word, shift) = containing(at);
        W::truncate(self.read_word(word) >> shift)
    }

    /// Writes, with all side effects.
    #[inline]
    pub fn write<W: Word>(&mut self, at: Offset<W>, value: W) {
        let (word, shift) = containing(at);
        let ones = u32::MAX >> (32 - 8 * W::BYTES);
        self.write_word(Write { at: word, value: value.into() << shift, lanes: ones << shift });
    }

    /// Returns every register to its reset value, then tells the device.
    pub fn reset(&mut self) {
        for cell in &mut self.cells {
            cell.value = cell.reset;
        }
        let (mut cells, device) = self.parts();
        device.reset(&mut cells);
    }

    #[inline]
    fn read_word(&mut self, at: Offset<u32>) -> u32 {
        self.counters.reads += 1;
        let (mut cells, device) = self.parts();
        let Some((at, cell)) = cells.resolve(at) else {
            return self.read_hole(at);
        };
        let value = match cell.kind {
            Kind::WriteOnly => 0,
            Kind::Custom(id) => device.read(&mut cells, id, at),
            Kind::SetOf(_) | Kind::ClearOf(_) => cells.held(cell),
            _ => cell.value,
        };
        device.after_read(&mut cells, at, value);
        value
    }

    fn write_word(&mut self, write: Write) {
        self.counters.writes += 1;
        let (mut cells, device) = self.parts();
        let Some((at, cell)) = cells.resolve(write.at) else {
            return self.write_hole(write);
        };
        let write = Write { at, ..write };
        let old = cells.held(cell);
        let mut refused = false;
        if let Kind::Custom(id) = cell.kind {
            device.write(&mut cells, id, write);
        } else if let Some(new) = cell.kind.written(old, write) {
            cells.hold(cell, new);
        } else {
            refused = true;
        }
        let new = cells.held(cell);
        device.wrote(&mut cells, write, old, new);
        self.counters.refused_writes += u64::from(refused);
    }

    #[cold]
    fn read_hole(&mut self, at: Offset<u32>) -> u32 {
        let (mut cells, device) = self.parts();
        device.read_hole(&mut cells, at).unwrap_or_else(|| {
            self.counters.hole_reads += 1;
            DECODE_ERROR
        })
    }

    #[cold]
    fn write_hole(&mut self, write: Write) {
        let (mut cells, device) = self.parts();
        if !device.write_hole(&mut cells, write) {
            self.counters.hole_writes += 1;
        }
    }
}

/// The 32-bit word that contains `at`, and how far up in it `at` stands, in bits.
#[inline]
fn containing<W: Word>(at: Offset<W>) -> (Offset<u32>, u32) {
    const ORIGIN: Offset<u32> = match Offset::new(0) {
        Ok(origin) => origin,
        Err(_) => unreachable!(),
    };
    let shift = at.bytes() % u32::BYTES * 8;
    // The word around any byte inside the window lies inside the window: `ORIGIN` is never used.
    (Offset::new(at.bytes() & !3).unwrap_or(ORIGIN), shift)
}
