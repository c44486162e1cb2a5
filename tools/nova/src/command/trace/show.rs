//! `nova trace show`.

use std::path::PathBuf;

use nova_backends::access::{Access, Op, error_name};
use nova_core::chip::Family;
use nova_core::regs::{self, Found};
use serde::Serialize;
use serde_json::{Map, Value};

use super::summary;
use crate::command::Context;
use crate::decode;
use crate::device::TraceFile;
use crate::error::{Error, Result};
use crate::output::{self, Format, SCHEMA_VERSION};

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The trace.
    file: PathBuf,
    /// Only accesses to this unit, such as PTIMER.
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// Count accesses by unit instead of listing them.
    #[arg(long)]
    summary: bool,
}

/// One access, decoded.
#[derive(Serialize)]
pub(super) struct Row {
    seq: u64,
    time_ns: u64,
    op: &'static str,
    width: u32,
    offset: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    register: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
}

/// Shows a trace, or counts what is in it.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    // Read whole: a mistake in the last line must not come after a thousand lines of output.
    let trace = TraceFile::read(&args.file)?;
    let family = trace.family();
    let wanted: Vec<_> =
        trace.accesses.iter().filter(|access| of_unit(access, args.unit.as_deref(), family)).collect();
    if let (Some(unit), true) = (&args.unit, wanted.is_empty()) {
        return Err(Error::not_found(format!("{} has no access to {unit}", args.file.display()))
            .next(format!("nova trace show {} --summary", args.file.display())));
    }
    if args.summary {
        return summary::print(&trace, &wanted, cx);
    }
    match cx.out.format() {
        Format::Ndjson => wanted.iter().try_for_each(|access| cx.out.record(&row(access, family))),
        Format::Json => {
            let rows: Vec<_> = wanted.iter().map(|access| row(access, family)).collect();
            let chipset = trace.chipset().map(|chipset| chipset.to_string());
            cx.out.object(&serde_json::json!({ "schema_version": SCHEMA_VERSION, "chipset": chipset, "accesses": rows }))
        }
        Format::Table | Format::Plain => {
            print(&trace, &wanted, family, cx);
            Ok(())
        }
    }
}

fn print(trace: &TraceFile, wanted: &[&Access], family: Option<Family>, cx: &mut Context) {
    let mut marks = trace.marks.iter().peekable();
    for access in wanted {
        while let Some((_, time, text)) = marks.next_if(|(before, ..)| *before as u64 <= access.seq) {
            cx.out.line(format_args!("{:>6}  {:>14}  -- {text}", "", time));
        }
        let (seq, time) = (access.seq, access.time_ns);
        cx.out.line(format_args!("{seq:>6}  {time:>14}  {}", line(access, family)));
    }
    for (_, time, text) in marks {
        cx.out.line(format_args!("{:>6}  {:>14}  -- {text}", "", time));
    }
}

/// `R NV_PMC_BOOT_0 0x172000a1  ...`.
pub(super) fn line(access: &Access, family: Option<Family>) -> String {
    let found = found(access, family);
    let letter = if access.op == Op::Read { 'R' } else { 'W' };
    let place = found.map_or_else(|| place(access), |found| found.to_string());
    let value = decode::hex(access.value, access.width.bytes());
    let meaning = match access.error {
        Some(kind) => format!("!{}", error_name(kind)),
        None => decode::reading(found.map(|found| found.entry), access.value),
    };
    format!("{letter} {place} {value}  {meaning}").trim_end().to_owned()
}

/// An offset, with the unit it lies in.
fn place(access: &Access) -> String {
    let offset = output::offset(access.offset);
    regs::unit_of(access.offset).map_or_else(|| offset.clone(), |unit| format!("{offset} ({unit})"))
}

/// An access as JSON has it.
pub(super) fn row(access: &Access, family: Option<Family>) -> Row {
    let found = found(access, family);
    let mut fields = Map::new();
    if let Some(found) = found.filter(|_| access.error.is_none()) {
        for field in decode::fields(found.entry, access.value) {
            let value = field.named.map_or_else(|| Value::from(field.value), Value::from);
            fields.insert(field.name.to_owned(), value);
        }
    }
    Row {
        seq: access.seq,
        time_ns: access.time_ns,
        op: if access.op == Op::Read { "read" } else { "write" },
        width: access.width.bytes(),
        offset: output::offset(access.offset),
        value: decode::hex(access.value, access.width.bytes()),
        error: access.error.map(error_name),
        unit: regs::unit_of(access.offset),
        register: found.map(|found| found.to_string()),
        fields,
    }
}

/// The register, if the access is as wide as it.
pub(super) fn found(access: &Access, family: Option<Family>) -> Option<Found> {
    regs::by_offset(access.offset, family).filter(|found| found.entry.width == access.width.bytes())
}

/// Whether an access is to this unit, by the name of the address range or of the catalogue.
pub(super) fn of_unit(access: &Access, unit: Option<&str>, family: Option<Family>) -> bool {
    let Some(unit) = unit else { return true };
    regs::unit_of(access.offset).is_some_and(|name| name.eq_ignore_ascii_case(unit))
        || found(access, family).is_some_and(|found| found.unit.name.eq_ignore_ascii_case(unit))
}
