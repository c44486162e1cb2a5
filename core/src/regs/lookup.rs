//! Finding registers at run time: by name, by offset, by pattern.

use core::fmt;

use super::{UNITS, falcon, riscv};
use crate::bus::catalogue::{Entry, Unit};
use crate::chip::{Family, FamilySet};

/// One place of one register: which register, of which instance, which element.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The unit the register belongs to.
    pub unit: &'static Unit,
    /// The register.
    pub entry: &'static Entry,
    /// Position in [`Entry::instances`]; 0 for a register that has none.
    pub instance: usize,
    /// Element of the array; 0 for a register that is none.
    pub index: u32,
}

impl Found {
    /// Byte offset in BAR0.
    pub fn offset(&self) -> u32 {
        let base = self.entry.instances.get(self.instance).map_or(0, |(_, base)| *base);
        base.wrapping_add(self.entry.offset).wrapping_add(self.index.wrapping_mul(self.entry.stride))
    }

    /// Name of the instance, for a register that has some.
    pub fn instance_name(&self) -> Option<&'static str> {
        self.entry.instances.get(self.instance).map(|(name, _)| *name)
    }

    /// The families on which the register exists at this place. Narrower than the entry's own set where
    /// an instance does not exist everywhere: there is no FSP before Hopper.
    pub fn families(&self) -> FamilySet {
        let Some(instance) = self.instance_name() else { return self.entry.families };
        let there = match self.unit.name {
            "falcon" => falcon::families(instance),
            "riscv" => riscv::families(instance),
            _ => return self.entry.families,
        };
        self.entry.families.intersection(there)
    }

    /// Every element of the array, from this instance. A register that is no array has one.
    pub fn elements(&self) -> impl Iterator<Item = Self> + use<> {
        let first = *self;
        (0..first.entry.count).map(move |index| Self { index, ..first })
    }
}

/// The full name: `NV_PMC_BOOT_0`, `NV_PMC_INTR[1]`, `GSP.NV_PFALCON_FALCON_IMEMD[0]`.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(instance) = self.instance_name() {
            write!(f, "{instance}.")?;
        }
        f.write_str(self.entry.name)?;
        if self.entry.count > 1 {
            write!(f, "[{}]", self.index)?;
        }
        Ok(())
    }
}

/// Every register of the catalogue, in the order of the tables: each of a unit's instances, element 0 of an
/// array.
pub fn all() -> impl Iterator<Item = Found> {
    UNITS.iter().flat_map(|unit| {
        unit.registers.iter().flat_map(move |entry| {
            (0..entry.instances.len().max(1)).map(move |instance| Found { unit, entry, instance, index: 0 })
        })
    })
}

/// The register called `name`, in any case: `NAME`, `NAME[i]` with `i` decimal or `0x` hexadecimal, and
/// `INSTANCE.NAME` or `INSTANCE.NAME[i]`.
///
/// What is left out is the first: `NAME` alone is element 0 of an array, and the first instance of a register
/// that has some. The [`Display`](fmt::Display) of the result says which it is.
///
/// ```
/// use nova_core::regs;
///
/// let alarm = regs::by_name("nv_ptimer_alarm_0").expect("in the catalogue");
/// assert_eq!((alarm.entry.name, alarm.offset()), ("NV_PTIMER_ALARM_0", 0x9420));
/// // And back.
/// assert_eq!(regs::by_offset(0x9420, None).expect("in the catalogue").entry.name, alarm.entry.name);
/// assert!(regs::by_name("NV_NOPE").is_none());
/// ```
pub fn by_name(name: &str) -> Option<Found> {
    let name = name.trim();
    let (instance, name) = match name.split_once('.') {
        Some((instance, name)) => (Some(instance), name),
        None => (None, name),
    };
    let (name, index) = match name.strip_suffix(']') {
        Some(name) => {
            let (name, index) = name.split_once('[')?;
            (name, number(index)?)
        }
        None => (name, 0),
    };
    let found = all().find(|found| {
        found.entry.name.eq_ignore_ascii_case(name)
            && instance.is_none_or(|wanted| {
                found.instance_name().is_some_and(|instance| instance.eq_ignore_ascii_case(wanted))
            })
    })?;
    (index < found.entry.count).then_some(Found { index, ..found })
}

/// The register at byte offset `offset` of BAR0, on `family` if one is given. Of several names the first in
/// the tables, which is never the alias.
pub fn by_offset(offset: u32, family: Option<Family>) -> Option<Found> {
    UNITS.iter().flat_map(|unit| unit.registers.iter().map(move |entry| (unit, entry))).find_map(
        |(unit, entry)| {
            let (instance, index) = entry.contains(offset)?;
            let found = Found { unit, entry, instance, index };
            family.is_none_or(|family| found.families().contains(family)).then_some(found)
        },
    )
}

/// The registers whose name fits `pattern`, in any case: `*` stands for any characters, `?` for one.
///
/// A pattern without a dot is held against the register's name, whatever its instance; one with a dot against
/// the instance and the name. An array is found once, at element 0: [`Found::elements`] gives the others.
pub fn matching(pattern: &str) -> impl Iterator<Item = Found> + use<'_> {
    let (instance, name) = match pattern.split_once('.') {
        Some((instance, name)) => (Some(instance), name),
        None => (None, pattern),
    };
    all().filter(move |found| {
        glob(name, found.entry.name)
            && instance.is_none_or(|pattern| found.instance_name().is_some_and(|name| glob(pattern, name)))
    })
}

/// A decimal number, or a hexadecimal one after `0x`.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Whether `text` fits `pattern`. On a mismatch the last star takes one character more: no recursion.
fn glob(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, text) {
            ([b'*', rest @ ..], _) => {
                retry = Some((rest, text));
                pattern = rest;
            }
            ([], []) => return true,
            ([p, more_pattern @ ..], [t, more_text @ ..]) if *p == b'?' || p.eq_ignore_ascii_case(t) => {
                (pattern, text) = (more_pattern, more_text);
            }
            _ => match retry {
                Some((after_star, [_, more_text @ ..])) => {
                    retry = Some((after_star, more_text));
                    (pattern, text) = (after_star, more_text);
                }
                _ => return false,
            },
        }
    }
}
