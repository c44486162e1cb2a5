//! `nova trace replay --on-device`: the accesses of a trace, made to a device.

use nova_backends::access::{Access, Op};
use nova_core::bus::Pure;
use nova_core::regs;
use serde::Serialize;

use super::replay::Args;
use super::show::found;
use crate::command::Context;
use crate::decode::{self, ChangedField};
use crate::device::{Opened, TraceFile};
use crate::error::{Error, Result};
use crate::expr::Target;
use crate::output::{self, SCHEMA_VERSION, Tone};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    file: String,
    device: String,
    /// Reads that were made and compared.
    reads: usize,
    writes: usize,
    /// Accesses that were left out: writes and reads with an effect without --write, and those that failed when recorded.
    left_out: usize,
    /// Reads whose value was not compared.
    ignored: usize,
    same: bool,
    differences: Vec<Difference>,
}

/// A read that was answered otherwise.
#[derive(Serialize)]
struct Difference {
    seq: u64,
    name: String,
    offset: String,
    recorded: String,
    read: String,
    fields: Vec<ChangedField>,
}

/// Makes the accesses, in order and in the trace's time.
pub(super) fn run(args: &Args, trace: &TraceFile, cx: &mut Context) -> Result<()> {
    let opened = if args.write { cx.open_to_write(args.force)? } else { cx.open()? };
    let report = play(args, trace, &opened)?;
    if cx.out.is_text() {
        print(&report, cx);
    } else {
        cx.out.object(&report)?;
    }
    if report.same {
        return Ok(());
    }
    cx.out.flush()?;
    let file = args.file.display();
    let what = format!("{} of {} reads are not as in {file}", report.differences.len(), report.reads);
    let first = report.differences.first().map_or("'*TIME*'", |difference| difference.name.as_str());
    let glob = first.split('[').next().unwrap_or(first);
    let device = opened.spec.quoted();
    Err(Error::not_found(what)
        .next(format!("nova -d {device} trace replay {file} --on-device --ignore {glob}")))
}

fn play(args: &Args, trace: &TraceFile, opened: &Opened) -> Result<Report> {
    let mut report = Report {
        schema_version: SCHEMA_VERSION,
        file: args.file.display().to_string(),
        device: opened.spec.to_string(),
        reads: 0,
        writes: 0,
        left_out: 0,
        ignored: 0,
        same: true,
        differences: Vec::new(),
    };
    let family = trace.family();
    let ignored: Vec<_> =
        args.ignore.iter().flat_map(|glob| regs::matching(glob)).map(|found| found.entry.name).collect();
    let start = opened.machine.now();
    let first = trace.accesses.first().map_or(0, |access| access.time_ns);
    for access in &trace.accesses {
        let target = target(access, family);
        let effect = access.op == Op::Write || target.entry().is_some_and(|entry| entry.pure == Pure::No);
        if access.error.is_some() || effect && !args.write {
            report.left_out += 1;
            continue;
        }
        // As long after the first one as it was then. How long an access takes is the device's own affair.
        wait(opened, start.saturating_add(access.time_ns.saturating_sub(first)));
        if access.op == Op::Write {
            opened.bus.write(target.offset, target.width, access.value)?;
            report.writes += 1;
            continue;
        }
        let read = opened.bus.read(target.offset, target.width)?;
        report.reads += 1;
        if target.entry().is_some_and(|entry| ignored.contains(&entry.name)) {
            report.ignored += 1;
        } else if read != access.value {
            report.differences.push(Difference::new(access, &target, read));
        }
    }
    report.same = report.differences.is_empty();
    Ok(report)
}

/// Lets the device's time come to `until`.
fn wait(opened: &Opened, until: u64) {
    let machine = &opened.machine;
    while machine.now() < until {
        let before = machine.now();
        machine.pass(until);
        if machine.now() == before && !machine.is_real_time() {
            return;
        }
    }
}

fn target(access: &Access, family: Option<nova_core::chip::Family>) -> Target {
    let found = found(access, family);
    Target { offset: access.offset, width: access.width.bytes(), found, field: None }
}

impl Difference {
    fn new(access: &Access, target: &Target, read: u32) -> Self {
        let hex = |value| decode::hex(value, target.width);
        Self {
            seq: access.seq,
            name: target.name(),
            offset: output::offset(target.offset),
            recorded: hex(access.value),
            read: hex(read),
            fields: decode::changes(target, Some(access.value), read),
        }
    }
}

fn print(report: &Report, cx: &mut Context) {
    if !report.differences.is_empty() {
        let mut table = output::table(["ACCESS", "REGISTER", "RECORDED", "READ", "FIELDS"]);
        for Difference { seq, name, recorded, read, fields, .. } in &report.differences {
            let fields: Vec<_> = fields.iter().map(ToString::to_string).collect();
            table.add_row([&seq.to_string(), name, recorded, read, &fields.join(" ")]);
        }
        cx.out.table(&table);
    }
    let (tone, verdict) = if report.same { (Tone::Good, "SAME") } else { (Tone::Bad, "DIFFERS") };
    let verdict = cx.out.paint(tone, verdict);
    let Report { reads, writes, left_out, ignored, device, .. } = report;
    cx.out.line(format_args!(
        "{verdict}  {reads} reads ({ignored} not compared) and {writes} writes on {device}; {left_out} accesses left out"
    ));
    if *left_out > 0 {
        output::note("writes, and reads that change something, are made only with --write");
    }
}
