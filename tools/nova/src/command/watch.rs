//! `nova watch`: registers as they change.

mod unit;

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use nova_core::hal::Nanos;
use serde::Serialize;

use super::{Context, reg};
use crate::decode::{self, ChangedField};
use crate::device::Opened;
use crate::error::{Error, Result};
use crate::expr::{Expr, Target, resolve, width_mask};
use crate::output::{self, Tone};
use unit::Unit;

/// What to watch, and for how long.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A name, with or without a field, an index or an instance; a glob; or an offset.
    #[arg(required = true, value_name = "REGISTER", allow_negative_numbers = true)]
    registers: Vec<String>,
    /// Time between two looks, such as 100ms.
    #[arg(long, value_name = "SPAN", default_value = "100ms", value_parser = super::interval, allow_hyphen_values = true)]
    interval: Nanos,
    /// Stop after so many changes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after this time, such as 10s.
    #[arg(long = "for", value_name = "SPAN", value_parser = super::interval, allow_hyphen_values = true)]
    limit: Option<Nanos>,
}

/// A change, as JSON has it; the first look at a register has no `old`.
#[derive(Serialize)]
struct Change {
    /// Since the first look.
    at_ns: u64,
    name: String,
    offset: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<String>,
    new: String,
    fields: Vec<ChangedField>,
    /// By how much it changes in a second; only of registers that count something.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_second: Option<f64>,
    /// What it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
}

/// What a register read last, and when that was seen to change.
#[derive(Clone, Copy)]
struct Seen {
    value: u32,
    at: u64,
}

/// Looks again and again, and prints what is not as it was.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let exprs: Vec<_> = args.registers.iter().map(|text| Expr::parse(text)).collect::<Result<_>>()?;
    exprs.iter().try_for_each(|expr| resolve(expr, None).map(drop))?;
    let opened = cx.open()?;
    let targets = reg::targets(&exprs, reg::family(&opened))?;
    if targets.is_empty() {
        return Err(Error::not_found("none of these registers can be read without effect")
            .next(format!("nova reg find '{}'", args.registers.join(" "))));
    }
    let mut seen: HashMap<usize, Seen> = HashMap::new();
    let (start, mut changes, mut passed) = (opened.machine.now(), 0, 0_u64);
    loop {
        for (place, target) in targets.iter().enumerate() {
            let value = look(target, &opened)?;
            let at = opened.machine.now().saturating_sub(start);
            let before = seen.get(&place).copied();
            if before.is_some_and(|before| before.value == value) {
                continue;
            }
            seen.insert(place, Seen { value, at });
            print(&Change::new(target, before, Seen { value, at }), cx)?;
            changes += u64::from(before.is_some());
            if args.count.is_some_and(|count| changes >= count) {
                return Ok(());
            }
        }
        cx.out.flush()?;
        if args.limit.is_some_and(|limit| passed >= limit.get()) {
            let span = Nanos(passed);
            output::note(format_args!("{changes} changes in {span}, looked at every {}", args.interval));
            return Ok(());
        }
        passed = passed.saturating_add(args.interval.get());
        pass(args.interval, &opened);
    }
}

/// What a register reads, of it the field that was asked for, in place.
fn look(target: &Target, opened: &Opened) -> Result<u32> {
    let value = opened.bus.read(target.offset, target.width)?;
    if value == width_mask(target.width) {
        opened.check_alive()?;
    }
    Ok(value & target.field.map_or(u32::MAX, nova_core::bus::catalogue::FieldInfo::mask))
}

/// Lets time pass: the device's, and for people also theirs.
fn pass(span: Nanos, opened: &Opened) {
    let machine = &opened.machine;
    if !machine.is_real_time() {
        thread::sleep(Duration::from_nanos(span.get()));
    }
    let until = machine.now().saturating_add(span.get());
    while machine.now() < until {
        let before = machine.now();
        machine.pass(until);
        if machine.now() == before && !machine.is_real_time() {
            // A recording, in which no time passes.
            return;
        }
    }
}

impl Change {
    fn new(target: &Target, before: Option<Seen>, now: Seen) -> Self {
        let hex = |value: u32| decode::hex(value, target.width);
        let unit = target.entry().and_then(|entry| Unit::of(entry, target.field));
        let old = before.map(|before| before.value);
        let per_second = unit.zip(before).and_then(|(unit, before)| unit.rate(before, now));
        let name =
            target.field.map_or_else(|| target.name(), |field| format!("{}.{}", target.name(), field.name));
        Self {
            at_ns: now.at,
            name,
            offset: output::offset(target.offset),
            old: old.map(hex),
            new: hex(now.value),
            fields: decode::changes(target, old, now.value),
            per_second,
            unit: unit.map(Unit::name),
        }
    }
}

fn print(change: &Change, cx: &mut Context) -> Result<()> {
    if !cx.out.is_text() {
        return cx.out.record(change);
    }
    let at = Nanos(change.at_ns).to_string();
    let old = change.old.as_ref().map(|old| format!("{old} -> ")).unwrap_or_default();
    let fields: Vec<_> = change.fields.iter().map(ToString::to_string).collect();
    let rate = change.per_second.zip(change.unit).map(|(rate, unit)| {
        let unit = if unit.starts_with(|c: char| c.is_ascii_digit()) {
            format!("({unit})")
        } else {
            unit.to_owned()
        };
        cx.out.paint(Tone::Dim, format_args!("  {rate:+.0} {unit}/s"))
    });
    let line = format!("{at:>12}  {}  {old}{}  {}", change.name, change.new, fields.join(" "));
    cx.out.line(format_args!("{}{}", line.trim_end(), rate.unwrap_or_default()));
    Ok(())
}
