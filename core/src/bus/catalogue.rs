//! The registers at run time: names, fields, enum values and documentation.
//!
//! The `registers!` macro makes an [`Entry`] from the very definition that makes the typed
//! register, so the tool that decodes a value and the driver that reads it cannot disagree.

use core::fmt;

use tock_registers::debug::{FieldValueEnumSeq, RegisterDebugInfo};

use super::access::Mode;
use super::{Access, Pure, Register, Word};
use crate::chip::FamilySet;

/// Calls back for every field of a register value, with the field's value and its tock-registers name.
type Decoder = fn(u32, &mut dyn FnMut(u32, &dyn fmt::Debug));

/// One register.
#[derive(Debug)]
pub struct Entry {
    /// NVIDIA's name, for example `NV_PTIMER_TIME_0`.
    pub name: &'static str,
    /// Documentation, a line each.
    pub doc: &'static [&'static str],
    /// Byte offset in BAR0 of element 0; from the instance's base if `instances` is not empty.
    pub offset: u32,
    /// Number of elements; 1 for a plain register.
    pub count: u32,
    /// Distance of elements in bytes.
    pub stride: u32,
    /// Width in bytes: 1, 2 or 4.
    pub width: u32,
    /// What may be done with it.
    pub access: Access,
    /// Whether a read has side effects.
    pub pure: Pure,
    /// On which families the register exists.
    pub families: FamilySet,
    /// Where the unit's instances stand, as name and base; empty for an absolute register.
    pub instances: &'static [(&'static str, u32)],
    /// The fields, in the order of the definition.
    pub fields: &'static [FieldInfo],
    decode: Decoder,
}

/// One field of a register.
#[derive(Debug)]
pub struct FieldInfo {
    /// NVIDIA's name.
    pub name: &'static str,
    /// Documentation, a line each.
    pub doc: &'static [&'static str],
    /// Highest bit.
    pub msb: u32,
    /// Lowest bit.
    pub lsb: u32,
    /// The named values.
    pub values: &'static [ValueInfo],
}

/// A named value of a field.
#[derive(Debug)]
pub struct ValueInfo {
    /// The name.
    pub name: &'static str,
    /// The number, in units of the field.
    pub value: u32,
}

impl FieldInfo {
    /// The largest value that fits.
    pub const fn max(&self) -> u32 {
        u32::MAX >> (31 - (self.msb - self.lsb))
    }
    /// The field's bits in place.
    pub const fn mask(&self) -> u32 {
        self.max() << self.lsb
    }
    /// The field's value in a register value.
    pub const fn extract(&self, register: u32) -> u32 {
        (register >> self.lsb) & self.max()
    }
}

/// A field as found in a register value.
#[derive(Debug, Clone, Copy)]
pub struct Decoded {
    /// Which field.
    pub field: &'static FieldInfo,
    /// Its value.
    pub value: u32,
    /// The value's name, where it has one.
    pub name: Option<&'static str>,
}

impl Entry {
    /// The byte offset of element `index` of instance `instance`, if there is such a one.
    pub fn place(&self, instance: usize, index: u32) -> Option<u32> {
        let base = match self.instances {
            [] if instance == 0 => 0,
            instances => instances.get(instance)?.1,
        };
        (index < self.count).then(|| base + self.offset + index * self.stride)
    }

    /// Calls `each` for every field with what it reads as in `register`.
    pub fn decode(&self, register: u32, mut each: impl FnMut(Decoded)) {
        let mut fields = self.fields.iter();
        // tock-registers recurses over its enum types in the order of the definition.
        (self.decode)(register, &mut |value, _name| {
            if let Some(field) = fields.next() {
                let name = field.values.iter().find(|v| v.value == value).map(|v| v.name);
                each(Decoded { field, value, name });
            }
        });
    }

    /// The field called `name` (exact, case-insensitive).
    pub fn field(&self, name: &str) -> Option<&'static FieldInfo> {
        self.fields.iter().find(|f| f.name.eq_ignore_ascii_case(name))
    }

    /// Whether `offset` is one of this register's places; gives instance and index.
    pub fn contains(&self, offset: u32) -> Option<(usize, u32)> {
        let bases = self.instances.len().max(1);
        (0..bases).find_map(|instance| {
            let first = self.place(instance, 0)?;
            let distance = offset.checked_sub(first)?;
            let index = distance.checked_div(self.stride).unwrap_or(0);
            (self.place(instance, index)? == offset).then_some((instance, index))
        })
    }
}

/// Makes the entry of `R`; called by the `registers!` macro.
#[doc(hidden)]
pub const fn entry<R>(
    doc: &'static [&'static str],
    fields: &'static [FieldInfo],
    instances: &'static [(&'static str, u32)],
) -> Entry
where
    R: Register + RegisterDebugInfo<<R as Register>::Word>,
{
    Entry {
        name: R::NAME,
        doc,
        offset: R::OFFSET,
        count: R::COUNT,
        stride: R::STRIDE,
        width: R::Word::BYTES,
        access: R::Access::ACCESS,
        pure: R::PURE,
        families: R::FAMILIES,
        instances,
        fields,
        decode: decode::<R>,
    }
}

fn decode<R>(register: u32, each: &mut dyn FnMut(u32, &dyn fmt::Debug))
where
    R: Register + RegisterDebugInfo<<R as Register>::Word>,
{
    let word = R::Word::truncate(register);
    let mut fields = R::fields().iter();
    let value = core::cell::Cell::new(R::Word::truncate(0));
    R::FieldValueEnumTypes::recurse_try_from_value(
        &mut || {
            value.set(fields.next().map_or(word, |field| field.read(word)));
            value.get()
        },
        &mut |name| each(value.get().into(), name),
    );
}

/// One hardware unit: a register file of `core::regs`.
#[derive(Debug)]
pub struct Unit {
    /// Short name, for example `ptimer`.
    pub name: &'static str,
    /// Its registers.
    pub registers: &'static [Entry],
}
