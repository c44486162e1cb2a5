//! The registers of a model, as its device sees them.

use nova_core::bus::{Offset, Place, Register, Value};

use super::Kind;
use super::index::Index;

/// One register.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) offset: u32,
    pub(super) value: u32,
    pub(super) reset: u32,
    /// The cell that holds the value: itself, or the target of a pair or an alias.
    pub(super) holder: u16,
    pub(super) kind: Kind,
}

/// All registers of a model.
///
/// Nothing here has side effects: it is the storage behind the bus, for the device and for tests.
/// A register that was never added reads as zero and swallows what is stored; each such use is
/// counted in [`Counters::absent`](super::Counters::absent), which a test asserts to be zero.
#[derive(Debug)]
pub struct Cells<'a> {
    pub(super) index: Index<'a>,
    pub(super) all: &'a mut [Cell],
    pub(super) absent: &'a mut u64,
}

impl Cells<'_> {
    /// The value of a register, with its fields.
    pub fn get<P: Place>(&mut self, place: P) -> Value<P::Reg>
    where
        P::Reg: Register<Word = u32>,
    {
        Value::<P::Reg>::new(self.get_at(place.offset()))
    }

    /// Replaces the value of a register, read-only bits included.
    pub fn set<P: Place>(&mut self, place: P, value: u32)
    where
        P::Reg: Register<Word = u32>,
    {
        self.set_at(place.offset(), value);
    }

    /// Sets bits, for example pending interrupts.
    pub fn raise<P: Place>(&mut self, place: P, bits: u32)
    where
        P::Reg: Register<Word = u32>,
    {
        self.update_at(place.offset(), |value| value | bits);
    }

    /// Clears bits.
    pub fn lower<P: Place>(&mut self, place: P, bits: u32)
    where
        P::Reg: Register<Word = u32>,
    {
        self.update_at(place.offset(), |value| value & !bits);
    }

    /// Stores `value` in a [`Kind::Latch`] that is zero; says whether it did.
    pub fn capture<P: Place>(&mut self, place: P, value: u32) -> bool
    where
        P::Reg: Register<Word = u32>,
    {
        let mut captured = false;
        self.update_at(place.offset(), |old| {
            captured = old == 0;
            if captured { value } else { old }
        });
        captured
    }

    /// [`Cells::get`] at an offset known only at run time.
    pub fn get_at(&mut self, at: Offset<u32>) -> u32 {
        match self.holder_of(at) {
            Some(cell) => cell.value,
            None => 0,
        }
    }

    /// [`Cells::set`] at an offset known only at run time.
    pub fn set_at(&mut self, at: Offset<u32>, value: u32) {
        self.update_at(at, |_| value);
    }

    /// Replaces a value by what `f` makes of it.
    pub fn update_at(&mut self, at: Offset<u32>, f: impl FnOnce(u32) -> u32) {
        if let Some(cell) = self.holder_of(at) {
            cell.value = f(cell.value);
        }
    }

    /// Whether there is a register at `at`.
    pub fn contains(&self, at: Offset<u32>) -> bool {
        self.find(at).is_some()
    }

    /// Every register as offset, kind and value, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Kind, u32)> + '_ {
        self.all.iter().map(|cell| (cell.offset, cell.kind, self.held(*cell)))
    }

    #[inline]
    pub(super) fn find(&self, at: Offset<u32>) -> Option<usize> {
        let offset = at.bytes();
        self.index.find(offset, |number| self.all.get(number).is_some_and(|cell| cell.offset == offset))
    }

    /// The register that decodes `at`, aliases followed, and where it really is.
    #[inline]
    pub(super) fn resolve(&self, at: Offset<u32>) -> Option<(Offset<u32>, Cell)> {
        let cell = *self.all.get(self.find(at)?)?;
        match cell.kind {
            Kind::AliasOf(target) => Some((target, *self.all.get(usize::from(cell.holder))?)),
            _ => Some((at, cell)),
        }
    }

    /// The value a register stands for: its own, or that of its holder.
    #[inline]
    pub(super) fn held(&self, cell: Cell) -> u32 {
        self.all.get(usize::from(cell.holder)).map_or(cell.value, |holder| holder.value)
    }

    /// Replaces the value a register stands for.
    #[inline]
    pub(super) fn hold(&mut self, cell: Cell, value: u32) {
        if let Some(holder) = self.all.get_mut(usize::from(cell.holder)) {
            holder.value = value;
        }
    }

    fn holder_of(&mut self, at: Offset<u32>) -> Option<&mut Cell> {
        let found = self.find(at).and_then(|number| self.all.get(number));
        let Some(holder) = found.map(|cell| usize::from(cell.holder)) else {
            *self.absent += 1;
            return None;
        };
        self.all.get_mut(holder)
    }
}
