//! `nova reg write`.

use nova_core::bus::{Access as RegisterAccess, Pure};
use nova_core::units::pri::PriKind;
use serde::Serialize;

use super::read::{family, pri_error};
use crate::command::Context;
use crate::decode;
use crate::device::Opened;
use crate::error::{Code, Error, Result};
use crate::expr::{Assignment, Change, merge, width_mask};
use crate::output::{self, SCHEMA_VERSION, Tone};

/// What to write.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// NAME=VALUE, NAME.FIELD=VALUE with a number or the name of a value, or 0xOFFSET=VALUE.
    #[arg(required = true, value_name = "REGISTER=VALUE")]
    assignments: Vec<String>,
    /// Really write; without it, only what would change is shown.
    #[arg(long)]
    write: bool,
    /// Write although a kernel driver has the device, or bits change of which nothing is known.
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Row {
    name: String,
    offset: String,
    /// What it read before; absent where reading would mean nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<String>,
    new: String,
    /// The bits that change of which nothing is known: they are written only by force.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_bits: Option<String>,
    /// What would change, decoded.
    fields: Vec<decode::ChangedField>,
    /// What it read after the write.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<String>,
}

/// One write, with what the register read before.
struct Planned {
    change: Change,
    old: Option<u32>,
    new: u32,
    now: Option<u32>,
}

impl Planned {
    /// The bits that change of which no description says what they are.
    fn unknown(&self) -> u32 {
        let known = self
            .change
            .target
            .entry()
            .map_or(0, |entry| entry.fields.iter().fold(0, |known, field| known | field.mask()));
        // Where nothing can be read, writing a bit as one is what changes something.
        (self.old.unwrap_or(0) ^ self.new) & !known
    }

    /// Why it is not written without --force.
    fn refusal(&self) -> Error {
        let target = &self.change.target;
        let (name, bits) = (target.name(), decode::hex(self.unknown(), target.width));
        match target.entry() {
            Some(entry) => Error::new(
                Code::Refused,
                format!("bits {bits} of {name} would change, and they are in no known field"),
            )
            .next(format!("nova reg show {}, or --force", entry.name)),
            None => Error::new(
                Code::Refused,
                format!("no register is known at {name}, so nobody knows what a write does"),
            )
            .next("nova reg find '*', or --force"),
        }
    }

    /// What the register reads now, where that is not what was written and ought to be.
    fn differs(&self) -> Option<u32> {
        let entry = self.change.target.entry()?;
        let plain = entry.access == RegisterAccess::ReadWrite && entry.pure == Pure::Yes;
        self.now.filter(|now| plain && (now ^ self.new) & self.change.mask != 0)
    }
}

/// Shows what would change, and with `--write` changes it.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    // Nothing is written, and nothing opened, unless all of it makes sense.
    let assignments: Result<Vec<_>> = args.assignments.iter().map(|text| Assignment::parse(text)).collect();
    let assignments = assignments?;
    merge(&assignments, None)?;
    let opened = if args.write { cx.open_to_write(args.force)? } else { cx.open()? };
    let changes = merge(&assignments, family(&opened))?;
    let planned: Result<Vec<_>> = changes.into_iter().map(|change| plan(change, &opened)).collect();
    let mut planned = planned?;
    // Writes to a GPU that is gone go nowhere, and what cannot be read says nothing about that.
    if planned.iter().any(|write| write.old.is_none_or(|old| old == width_mask(write.change.target.width))) {
        opened.check_alive()?;
    }
    let unknown = planned.iter().find(|write| write.unknown() != 0);
    if let (Some(write), true, false) = (unknown, args.write, args.force) {
        return Err(write.refusal());
    }
    if args.write {
        for write in &mut planned {
            perform(write, &opened)?;
        }
    }
    print(&planned, args.write, &opened, cx)?;
    let Some((write, now)) = planned.iter().find_map(|write| Some((write, write.differs()?))) else {
        return Ok(());
    };
    cx.out.flush()?;
    let hex = |value: u32| decode::hex(value, write.change.target.width);
    let (name, new, now) = (write.change.target.name(), hex(write.new), hex(now));
    let error = Error::not_found(format!("{name} was written {new} and reads {now}"));
    Err(match write.change.target.entry() {
        Some(entry) => error.next(format!("nova reg show {}", entry.name)),
        None => error,
    })
}

fn plan(change: Change, opened: &Opened) -> Result<Planned> {
    let readable = change.target.entry().is_none_or(|entry| entry.access.readable());
    let old = if readable { Some(opened.bus.read(change.target.offset, change.target.width)?) } else { None };
    if let (Some(old), true) = (old, change.needs_old()) {
        // The bits that are to stay as they are would become those of the error pattern.
        if let Some(kind) = PriKind::of(old) {
            return Err(pri_error(&change.target, old, kind));
        }
    }
    let new = change.apply(if change.needs_old() { old } else { None });
    Ok(Planned { change, old, new, now: None })
}

fn perform(write: &mut Planned, opened: &Opened) -> Result<()> {
    let target = write.change.target;
    opened.bus.write(target.offset, target.width, write.new)?;
    if write.old.is_some() {
        let now = opened.bus.read(target.offset, target.width)?;
        if now == width_mask(target.width) {
            opened.check_alive()?;
        }
        write.now = Some(now);
    }
    Ok(())
}

fn print(planned: &[Planned], written: bool, opened: &Opened, cx: &mut Context) -> Result<()> {
    if !cx.out.is_text() {
        let writes: Vec<_> = planned.iter().map(row).collect();
        let device = opened.spec.to_string();
        return cx.out.object(&serde_json::json!({
            "schema_version": SCHEMA_VERSION, "device": device, "written": written, "writes": writes,
        }));
    }
    for write in planned {
        let target = &write.change.target;
        let hex = |value: u32| decode::hex(value, target.width);
        let (old, new) = (write.old.map_or_else(|| "?".to_owned(), hex), hex(write.new));
        cx.out.line(format_args!("{}  {old} -> {new}", target.name()));
        fields(write, cx);
        if write.unknown() != 0 {
            let text = format!("  in no known field: {}", hex(write.unknown()));
            let text = cx.out.paint(Tone::Bad, text);
            cx.out.line(text);
        }
        if let Some(now) = write.now.filter(|now| *now != write.new) {
            let text = format!("  reads {} now", hex(now));
            let text = cx.out.paint(Tone::Dim, text);
            cx.out.line(text);
        }
    }
    if !written {
        let refused = planned.iter().any(|write| write.unknown() != 0);
        let how = if refused {
            "--write --force to write bits of which nothing is known"
        } else {
            "--write to write"
        };
        output::note(format_args!("dry run, nothing was written; add {how}"));
    }
    Ok(())
}

fn row(write: &Planned) -> Row {
    let target = &write.change.target;
    let hex = |value: u32| decode::hex(value, target.width);
    Row {
        name: target.name(),
        offset: output::offset(target.offset),
        old: write.old.map(hex),
        new: hex(write.new),
        unknown_bits: Some(write.unknown()).filter(|bits| *bits != 0).map(hex),
        fields: decode::changes(target, write.old, write.new),
        now: write.now.map(hex),
    }
}

/// The fields that change.
fn fields(write: &Planned, cx: &mut Context) {
    let Some(entry) = write.change.target.entry() else { return };
    let before = write.old.map(|old| decode::fields(entry, old));
    for (place, field) in decode::fields(entry, write.new).iter().enumerate() {
        let old = before.as_ref().and_then(|fields| fields.get(place));
        if old == Some(field) {
            continue;
        }
        let text = |field: &decode::Field| {
            let named = field.named.map(|name| format!(" {name}")).unwrap_or_default();
            format!("{:#x}{named}", field.value)
        };
        let old = old.map_or_else(|| "?".to_owned(), text);
        cx.out.line(format_args!("  {}: {old} -> {}", field.name, text(field)));
    }
}
