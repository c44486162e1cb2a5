//! `nova trace compare`.

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nova_backends::access::{Access, Op};
use nova_core::chip::Family;
use nova_core::regs;
use serde::Serialize;
use similar::{Algorithm, DiffOp};

use super::show;
use crate::command::Context;
use crate::device::{TraceFile, quoted};
use crate::error::{Error, Result};
use crate::output::{Format, SCHEMA_VERSION, Tone};

/// How long the shortest list of differences is looked for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The one trace, in either format.
    #[arg(value_name = "A")]
    one: PathBuf,
    /// The other one.
    #[arg(value_name = "B")]
    other: PathBuf,
    /// Registers whose values may differ, such as '*TIME*'; may be given several times.
    #[arg(long, value_name = "GLOB")]
    ignore: Vec<String>,
    /// Leave out accesses to registers whose name fits; may be given several times.
    #[arg(long, value_name = "GLOB")]
    without: Vec<String>,
    /// How many accesses to show around a difference.
    #[arg(long, value_name = "N", default_value_t = 3)]
    context: usize,
}

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    a: Side,
    b: Side,
    same: bool,
    /// Accesses that only one has, or that differ.
    removed: usize,
    added: usize,
    hunks: Vec<Hunk>,
}

#[derive(Serialize)]
struct Side {
    file: String,
    chipset: Option<String>,
    accesses: usize,
}

/// A place at which the two differ, with what is around it.
#[derive(Serialize)]
struct Hunk {
    /// The first access, counted from 0, in each of them.
    a: usize,
    b: usize,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    /// ` ` in both, `-` only in A, `+` only in B.
    sign: char,
    #[serde(flatten)]
    access: show::Row,
    #[serde(skip)]
    text: String,
}

/// What makes two accesses the same. The time is not part of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    write: bool,
    width: u32,
    offset: u32,
    /// None where the value does not matter.
    value: Option<u32>,
    error: Option<&'static str>,
}

/// A trace, and of each access what is compared.
struct Prepared<'a> {
    accesses: Vec<&'a Access>,
    keys: Vec<Key>,
    family: Option<Family>,
}

/// Compares, and fails if the two are not the same.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let (one, other) = (TraceFile::read(&args.one)?, TraceFile::read(&args.other)?);
    let (a, b) = (Prepared::new(&one, args), Prepared::new(&other, args));
    let side = |path: &PathBuf, trace: &TraceFile, prepared: &Prepared<'_>| Side {
        file: path.display().to_string(),
        chipset: trace.chipset().map(|chipset| chipset.to_string()),
        accesses: prepared.accesses.len(),
    };
    // Linear in what is the same, but not in what differs: after a while a longer answer has to do.
    let end = Instant::now() + PATIENCE;
    let operations = similar::capture_diff_slices_deadline(Algorithm::Myers, &a.keys, &b.keys, Some(end));
    let groups = similar::group_diff_ops(operations, args.context);
    let mut report = Report {
        schema_version: SCHEMA_VERSION,
        a: side(&args.one, &one, &a),
        b: side(&args.other, &other, &b),
        same: groups.is_empty(),
        removed: 0,
        added: 0,
        hunks: groups.iter().map(|group| hunk(group, &a, &b)).collect(),
    };
    let lines =
        |sign| report.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.sign == sign).count();
    (report.removed, report.added) = (lines('-'), lines('+'));
    match cx.out.format() {
        Format::Json => cx.out.object(&report)?,
        Format::Ndjson => report.hunks.iter().try_for_each(|hunk| cx.out.record(hunk))?,
        Format::Table | Format::Plain => print(&report, cx),
    }
    if report.same {
        return Ok(());
    }
    cx.out.flush()?;
    let what = format!("{} accesses only in A, {} only in B", report.removed, report.added);
    let files = [&args.one, &args.other].map(|path| quoted(&path.display().to_string()));
    Err(Error::not_found(what).next(format!("nova trace compare {} --ignore '*TIME*'", files.join(" "))))
}

impl<'a> Prepared<'a> {
    fn new(trace: &'a TraceFile, args: &Args) -> Self {
        let family = trace.family();
        let named = |globs: &[String]| -> Vec<&'static str> {
            globs.iter().flat_map(|glob| regs::matching(glob)).map(|found| found.entry.name).collect()
        };
        let (ignored, without) = (named(&args.ignore), named(&args.without));
        let name = |access: &Access| show::found(access, family).map(|found| found.entry.name);
        let is_in = |access: &Access, names: &[&str]| name(access).is_some_and(|name| names.contains(&name));
        let accesses: Vec<_> = trace.accesses.iter().filter(|access| !is_in(access, &without)).collect();
        let keys = accesses.iter().map(|access| Key {
            write: access.op == Op::Write,
            width: access.width.bytes(),
            offset: access.offset,
            value: (!is_in(access, &ignored)).then_some(access.value),
            error: access.error.map(nova_backends::access::error_name),
        });
        let keys = keys.collect();
        Self { accesses, keys, family }
    }

    fn lines(&self, sign: char, range: Range<usize>) -> impl Iterator<Item = Line> {
        self.accesses.get(range).unwrap_or_default().iter().map(move |access| Line {
            sign,
            access: show::row(access, self.family),
            text: show::line(access, self.family),
        })
    }
}

fn hunk(group: &[DiffOp], a: &Prepared<'_>, b: &Prepared<'_>) -> Hunk {
    let mut lines = Vec::new();
    for operation in group {
        if matches!(operation, DiffOp::Equal { .. }) {
            lines.extend(a.lines(' ', operation.old_range()));
        } else {
            lines.extend(a.lines('-', operation.old_range()));
            lines.extend(b.lines('+', operation.new_range()));
        }
    }
    let start = |range: fn(&DiffOp) -> Range<usize>| group.first().map_or(0, |first| range(first).start);
    Hunk { a: start(DiffOp::old_range), b: start(DiffOp::new_range), lines }
}

fn print(report: &Report, cx: &mut Context) {
    for Hunk { a, b, lines } in &report.hunks {
        let head = cx.out.paint(Tone::Dim, format!("@@ access {a} of A, {b} of B"));
        cx.out.line(head);
        for line in lines {
            let text = format!("{}{}", line.sign, line.text);
            let text = match line.sign {
                '-' => cx.out.paint(Tone::Bad, text),
                '+' => cx.out.paint(Tone::Good, text),
                _ => text,
            };
            cx.out.line(text);
        }
    }
    if report.same {
        let verdict = cx.out.paint(Tone::Good, "SAME");
        cx.out.line(format_args!("{verdict}  {} accesses", report.a.accesses));
    }
}
