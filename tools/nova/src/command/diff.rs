//! `nova diff`: the registers of two devices, dumps or traces side by side.

mod side;

use serde::Serialize;

use super::Context;
use crate::decode::{self, ChangedField};
use crate::error::{Error, Result};
use crate::expr::Target;
use crate::output::{self, Format, SCHEMA_VERSION};
use side::Side;

/// What to compare.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The one: a device such as sim:ga102, a trace, or a file that `nova --format json dump` wrote.
    #[arg(value_name = "A")]
    one: String,
    /// The other one.
    #[arg(value_name = "B")]
    other: String,
    /// Only registers whose name fits, such as '*TIME*'.
    #[arg(value_name = "GLOB", default_value = "*")]
    pattern: String,
    /// Leave out registers whose name fits; may be given several times.
    #[arg(long, value_name = "GLOB")]
    ignore: Vec<String>,
    /// How much of an array to read from a device.
    #[arg(long, value_name = "N", default_value_t = 8)]
    elements: u32,
}

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    a: Named,
    b: Named,
    same: bool,
    /// Registers that both have.
    compared: usize,
    differences: Vec<Difference>,
    /// Registers that only one of them has. They are no differences.
    only_a: Vec<String>,
    only_b: Vec<String>,
}

#[derive(Serialize)]
struct Named {
    source: String,
    chipset: Option<String>,
}

#[derive(Serialize)]
struct Difference {
    name: String,
    offset: String,
    a: String,
    b: String,
    fields: Vec<ChangedField>,
}

/// Compares, and fails if anything differs.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let report = {
        let one = Side::open(&args.one, args)?;
        let other = Side::open(&args.other, args)?;
        compare(&one, &other)?
    };
    match cx.out.format() {
        Format::Json => cx.out.object(&report)?,
        Format::Ndjson => report.differences.iter().try_for_each(|difference| cx.out.record(difference))?,
        Format::Table | Format::Plain => print(&report, cx),
    }
    if report.same {
        return Ok(());
    }
    cx.out.flush()?;
    let (count, compared) = (report.differences.len(), report.compared);
    let name = report.differences.first().map_or("NV_PMC_BOOT_0", |difference| difference.name.as_str());
    let show = name.split(['[', ' ']).next().unwrap_or(name);
    let next =
        if show.starts_with("0x") { "nova reg find '*'".to_owned() } else { format!("nova reg show {show}") };
    Err(Error::not_found(format!("{count} of {compared} registers differ")).next(next))
}

fn compare(one: &Side, other: &Side) -> Result<Report> {
    let mut differences = Vec::new();
    let (mut compared, mut only_a) = (0, Vec::new());
    for (place, (target, a)) in &one.registers {
        let Some((_, b)) = other.registers.get(place) else {
            only_a.push(target.name());
            continue;
        };
        compared += 1;
        if a != b {
            differences.push(Difference::new(target, *a, *b));
        }
    }
    if compared == 0 {
        let what = format!("{} and {} have no register in common", one.source, other.source);
        return Err(Error::not_found(what).next("nova dump"));
    }
    let only_b = other.registers.iter().filter(|(place, _)| !one.registers.contains_key(place));
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        a: one.named(),
        b: other.named(),
        same: differences.is_empty(),
        compared,
        differences,
        only_a,
        only_b: only_b.map(|(_, (target, _))| target.name()).collect(),
    })
}

impl Difference {
    fn new(target: &Target, a: u32, b: u32) -> Self {
        let hex = |value| decode::hex(value, target.width);
        let fields = decode::changes(target, Some(a), b);
        Self { name: target.name(), offset: output::offset(target.offset), a: hex(a), b: hex(b), fields }
    }
}

impl Side {
    fn named(&self) -> Named {
        Named { source: self.source.clone(), chipset: self.chipset.map(|chipset| chipset.to_string()) }
    }
}

fn print(report: &Report, cx: &mut Context) {
    if !report.differences.is_empty() {
        let mut table = output::table(["OFFSET", "REGISTER", "A", "B", "FIELDS"]);
        for Difference { name, offset, a, b, fields } in &report.differences {
            let fields: Vec<_> = fields.iter().map(ToString::to_string).collect();
            table.add_row([offset, name, a, b, &fields.join(" ")]);
        }
        cx.out.table(&table);
    }
    let mut parts =
        vec![format!("{} registers compared, {} differ", report.compared, report.differences.len())];
    for (side, only) in [("A", &report.only_a), ("B", &report.only_b)] {
        if !only.is_empty() {
            parts.push(format!("{} only in {side}", only.len()));
        }
    }
    output::note(parts.join("; "));
}
