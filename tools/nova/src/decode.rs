//! A register value taken apart into its fields.

use std::fmt::{self, Write as _};

use nova_core::bus::catalogue::Entry;
use nova_core::units::pri::PriKind;
use serde::Serialize;

use crate::expr::Target;
use crate::output;

/// A field as printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Field {
    /// NVIDIA's name.
    pub(crate) name: &'static str,
    /// Highest bit.
    pub(crate) msb: u32,
    /// Lowest bit.
    pub(crate) lsb: u32,
    /// What it reads.
    pub(crate) value: u32,
    /// The value's name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) named: Option<&'static str>,
}

/// The fields of `entry` in `value`.
pub(crate) fn fields(entry: &Entry, value: u32) -> Vec<Field> {
    let mut fields = Vec::new();
    entry.decode(value, |decoded| {
        fields.push(Field {
            name: decoded.field.name,
            msb: decoded.field.msb,
            lsb: decoded.field.lsb,
            value: decoded.value,
            named: decoded.name,
        });
    });
    fields
}

/// The fields on one line: `ALARM=ENABLED TIMER=0`.
pub(crate) fn line(entry: &Entry, value: u32) -> String {
    let mut line = String::new();
    for field in fields(entry, value) {
        let blank = if line.is_empty() { "" } else { " " };
        let _ = match field.named {
            Some(name) => write!(line, "{blank}{}={name}", field.name),
            None => write!(line, "{blank}{}={:#x}", field.name, field.value),
        };
    }
    line
}

/// What a value that was read says, on one line: its fields, or that it is an error pattern.
pub(crate) fn reading(entry: Option<&Entry>, value: u32) -> String {
    match (PriKind::of(value), entry) {
        (Some(kind), _) => format!("error pattern: {}", kind.meaning()),
        (None, Some(entry)) => line(entry, value),
        (None, None) => String::new(),
    }
}

/// A register that was read, or whose value was given, as JSON has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reading {
    name: String,
    offset: String,
    width: u32,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_pattern: Option<&'static str>,
    fields: Vec<Field>,
}

impl Reading {
    /// `value` as read at `target`; only the field that was asked for, if one was.
    pub(crate) fn new(target: &Target, value: u32) -> Self {
        let mut fields = target.entry().map_or_else(Vec::new, |entry| fields(entry, value));
        if let Some(wanted) = target.field {
            fields.retain(|field| field.name == wanted.name);
        }
        Self {
            name: target.name(),
            offset: output::offset(target.offset),
            width: target.width,
            value: hex(value, target.width),
            error_pattern: PriKind::of(value).map(PriKind::meaning),
            fields,
        }
    }
}

/// A field that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ChangedField {
    name: &'static str,
    /// What it read before; absent where nothing is known of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_named: Option<&'static str>,
    new: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_named: Option<&'static str>,
}

impl fmt::Display for ChangedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            |value: u32, named: Option<&str>| named.map_or_else(|| format!("{value:#x}"), str::to_owned);
        let old = self.old.map(|old| format!("{}->", text(old, self.old_named))).unwrap_or_default();
        write!(f, "{}={old}{}", self.name, text(self.new, self.new_named))
    }
}

/// The fields of a register that differ between two of its values; all of them where there is no old one.
pub(crate) fn changes(target: &Target, old: Option<u32>, new: u32) -> Vec<ChangedField> {
    let Some(entry) = target.entry() else { return Vec::new() };
    let before = old.map(|old| fields(entry, old));
    let changed = fields(entry, new).into_iter().enumerate().filter_map(|(place, field)| {
        let old = before.as_ref().and_then(|fields| fields.get(place));
        let wanted = target.field.is_none_or(|wanted| wanted.name == field.name);
        (wanted && old != Some(&field)).then(|| ChangedField {
            name: field.name,
            old: old.map(|old| old.value),
            old_named: old.and_then(|old| old.named),
            new: field.value,
            new_named: field.named,
        })
    });
    changed.collect()
}

/// A value with as many digits as its register has.
pub(crate) fn hex(value: u32, width: u32) -> String {
    format!("{value:#0digits$x}", digits = width as usize * 2 + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nova_core::regs;

    #[test]
    fn named_values_are_named_and_error_patterns_recognised() {
        let entry = regs::by_name("NV_PTIMER_INTR_EN_0").unwrap().entry;
        assert_eq!(line(entry, 1), "ALARM=ENABLED TIMER=DISABLED");
        assert_eq!(reading(Some(entry), 0xbadf1100), "error pattern: there is no such register");
        assert_eq!(reading(None, 7), "");
        assert_eq!(hex(7, 1), "0x07");
    }
}
