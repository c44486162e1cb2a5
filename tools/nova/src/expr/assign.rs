//! Assignments: what to write where.

use nova_core::bus::Access;
use nova_core::bus::catalogue::{Entry, FieldInfo};
use nova_core::chip::Family;

use super::{Expr, Target, resolve};
use crate::error::{Code, Error, Result};
use crate::value;

/// `NAME=VALUE` or `NAME.FIELD=VALUE`, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    expr: Expr,
    value: String,
}

impl Assignment {
    /// Reads an assignment.
    ///
    /// # Errors
    ///
    /// When the text is none.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let Some((expr, value)) = text.split_once('=') else {
            return Err(
                Error::usage(format!("{text:?} says no value")).next(format!("nova reg write {text}=VALUE"))
            );
        };
        Ok(Self { expr: Expr::parse(expr)?, value: value.trim().to_owned() })
    }

    /// The same as what a register is expected to read: which of its bits, and what they are.
    ///
    /// # Errors
    ///
    /// When it names nothing, several places, or a value that does not fit.
    pub(crate) fn expected(&self, family: Option<Family>) -> Result<Change> {
        change(self, family, Ok)
    }
}

/// One write: which bits of which register become what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// The place.
    pub(crate) target: Target,
    /// The bits that are set.
    pub(crate) mask: u32,
    /// Their values, in place.
    pub(crate) bits: u32,
}

impl Change {
    /// What to write, given what the register reads. `None` for what was not read.
    pub(crate) fn apply(&self, old: Option<u32>) -> u32 {
        old.unwrap_or(0) & !self.mask | self.bits
    }

    /// Whether the rest of the register has to be read first.
    ///
    /// Not for registers in which a one written does something: writing back what was read would
    /// clear or set every other bit too.
    pub(crate) fn needs_old(&self) -> bool {
        self.mask != width_mask(self.target.width)
            && self.target.entry().is_none_or(|entry| entry.access == Access::ReadWrite)
    }
}

/// The writes that `assignments` ask for on `family`: one for each place, in order.
///
/// # Errors
///
/// When one of them names nothing, several places, a read-only register or a value that does not fit.
pub(crate) fn merge(assignments: &[Assignment], family: Option<Family>) -> Result<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    for assignment in assignments {
        let change = change(assignment, family, writable)?;
        match changes.iter_mut().find(|other| other.target.offset == change.target.offset) {
            Some(other) if other.mask & change.mask != 0 => {
                let name = change.target.name();
                return Err(Error::usage(format!(
                    "bits {:#x} of {name} are given twice",
                    other.mask & change.mask
                ))
                .next(format!(
                    "nova reg show {}",
                    change.target.entry().map_or(&*name, |entry| entry.name)
                )));
            }
            Some(other) => {
                other.bits |= change.bits;
                other.mask |= change.mask;
                other.target.field = None;
            }
            None => changes.push(change),
        }
    }
    Ok(changes)
}

fn change(
    assignment: &Assignment,
    family: Option<Family>,
    fit: impl Fn(Target) -> Result<Target>,
) -> Result<Change> {
    let targets = resolve(&assignment.expr, family)?;
    let target = match targets.as_slice() {
        [target] => fit(*target)?,
        several => {
            let count = several.len();
            return Err(Error::usage(format!("a value is for one register, and this names {count}"))
                .next("nova reg find PATTERN"));
        }
    };
    if let (Expr::Path(path), Some(entry)) = (&assignment.expr, target.entry())
        && entry.count > 1
        && path.index.is_none()
    {
        let Entry { name, count, .. } = entry;
        let last = count - 1;
        return Err(Error::usage(format!(
            "{name} has {count} elements; say which, from {name}[0] to {name}[{last}]"
        ))
        .next(format!("nova reg show {name}")));
    }
    if let Some(field) = target.field {
        let value = field_value(&target, field, &assignment.value)?;
        return Ok(Change { target, mask: field.mask(), bits: value << field.lsb });
    }
    let (bits, mask) = (value::word(&assignment.value)?, width_mask(target.width));
    if bits & !mask != 0 {
        let (name, width) = (target.name(), target.width * 8);
        return Err(Error::usage(format!("{bits:#x} is wider than {name}'s {width} bits")));
    }
    Ok(Change { target, mask, bits })
}

/// The register that is meant for writing: where reading and writing have names of their own
/// (TIME_0 and TIME_0_SET), an offset finds the one that reads.
fn writable(target: Target) -> Result<Target> {
    match target.entry() {
        Some(entry) if !entry.access.writable() => {
            let name = entry.name;
            Err(Error::new(Code::Refused, format!("{name} is read-only"))
                .next(format!("nova reg show {name}")))
        }
        _ => Ok(target),
    }
}

/// A number, or the name of one of the field's values.
fn field_value(target: &Target, field: &FieldInfo, text: &str) -> Result<u32> {
    let place = format!("{}.{}", target.name(), field.name);
    if let Some(named) = field.values.iter().find(|v| v.name.eq_ignore_ascii_case(text)) {
        return Ok(named.value);
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        let names: Vec<_> = field.values.iter().map(|v| v.name).collect();
        let known = if names.is_empty() {
            "it has no named values".to_owned()
        } else {
            format!("it knows {}", names.join(", "))
        };
        return Err(Error::usage(format!(
            "{text:?} is no value of {place}; {known}, and numbers up to {:#x}",
            field.max()
        )));
    }
    let value = value::number(text)?;
    u32::try_from(value).ok().filter(|value| *value <= field.max()).ok_or_else(|| {
        let bits = field.msb - field.lsb + 1;
        Error::usage(format!(
            "{value:#x} does not fit {place}, which has {bits} bits; the largest is {:#x}",
            field.max()
        ))
    })
}

/// All bits of a register of so many bytes.
pub(crate) fn width_mask(bytes: u32) -> u32 {
    u32::MAX >> (32 - bytes * 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(texts: &[&str]) -> Result<Vec<Change>> {
        let assignments: Result<Vec<_>> = texts.iter().map(|text| Assignment::parse(text)).collect();
        merge(&assignments?, Some(Family::Tu102))
    }

    #[test]
    fn fields_of_one_register_become_one_write() {
        let changes = changes(&["NV_PTIMER_INTR_EN_0.ALARM=enabled", "NV_PTIMER_INTR_EN_0.TIMER=1"]).unwrap();
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].mask, changes[0].bits, changes[0].needs_old()), (3, 3, true));
        assert_eq!(changes[0].apply(Some(0x10)), 0x13);
    }

    #[test]
    fn a_field_of_a_write_one_register_leaves_the_others_alone() {
        let changes = changes(&["NV_PTIMER_INTR_0.ALARM=1"]).unwrap();
        assert!(!changes[0].needs_old());
        assert_eq!(changes[0].apply(None), 1);
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let code = |text: &str| changes(&[text]).unwrap_err().code();
        assert_eq!(code("NV_PMC_BOOT_0=1"), Code::Refused);
        assert_eq!(code("NV_PTIMER_INTR_EN_0.ALARM=2"), Code::Usage);
        assert_eq!(code("NV_PTIMER_INTR_EN_0.ALARM=MAYBE"), Code::Usage);
        assert_eq!(code("NV_PTIMER_INTR_EN_0"), Code::Usage);
        assert_eq!(code("NV_PTIMER_*=0"), Code::Usage);
        assert_eq!(code("NV_PTIMER_ALARM_0=0x100000000"), Code::Usage);
        assert_eq!(code("NV_PTIMER_ALARM_0=-1"), Code::Usage);
    }
}
