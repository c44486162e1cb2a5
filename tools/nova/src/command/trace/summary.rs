//! `nova trace show --summary`: what is in a trace, by unit.

use std::collections::{BTreeMap, BTreeSet};

use nova_backends::access::{Access, Op};
use nova_core::regs;
use serde::Serialize;

use super::show::found;
use crate::command::Context;
use crate::device::TraceFile;
use crate::error::Result;
use crate::output::{self, SCHEMA_VERSION};

#[derive(Serialize)]
struct Summary {
    schema_version: u32,
    chipset: Option<String>,
    driver: Option<String>,
    accesses: usize,
    lost: u64,
    foreign: u64,
    duration_ns: u64,
    units: Vec<Row>,
}

#[derive(Serialize, Default)]
struct Row {
    unit: &'static str,
    reads: u64,
    writes: u64,
    /// Different places.
    places: usize,
    /// Of these, how many the catalogue knows by name.
    named: usize,
}

/// Prints counts by unit, in the order of their addresses.
pub(super) fn print(trace: &TraceFile, accesses: &[&Access], cx: &mut Context) -> Result<()> {
    let summary = gather(trace, accesses);
    if !cx.out.is_text() {
        return cx.out.object(&summary);
    }
    let chipset = summary.chipset.as_deref().unwrap_or("unknown chip");
    let driver = summary.driver.as_ref().map(|driver| format!(", driver {driver}")).unwrap_or_default();
    let duration = nova_core::hal::Nanos(summary.duration_ns);
    cx.out.line(format_args!("{chipset}{driver}: {} accesses in {duration}", summary.accesses));
    if summary.lost + summary.foreign > 0 {
        let Summary { lost, foreign, .. } = summary;
        cx.out.line(format_args!("{lost} lost, {foreign} to something else than the registers"));
    }
    cx.out.line("");
    let mut table = output::table(["UNIT", "READS", "WRITES", "PLACES", "NAMED"]);
    for row in &summary.units {
        let numbers = [row.reads, row.writes, row.places as u64, row.named as u64].map(|n| n.to_string());
        let [reads, writes, places, named] = numbers;
        table.add_row([row.unit, &reads, &writes, &places, &named]);
    }
    cx.out.table(&table);
    Ok(())
}

fn gather(trace: &TraceFile, accesses: &[&Access]) -> Summary {
    let family = trace.family();
    let mut units: BTreeMap<u32, (Row, BTreeSet<u32>)> = BTreeMap::new();
    let mut first_of: BTreeMap<&str, u32> = BTreeMap::new();
    for access in accesses {
        let unit = regs::unit_of(access.offset).unwrap_or("(unknown)");
        let first = *first_of.entry(unit).or_insert(access.offset);
        let (row, places) = units.entry(first).or_default();
        row.unit = unit;
        *(if access.op == Op::Read { &mut row.reads } else { &mut row.writes }) += 1;
        if places.insert(access.offset) && found(access, family).is_some() {
            row.named += 1;
        }
        row.places = places.len();
    }
    let time = |access: Option<&&Access>| access.map_or(0, |access| access.time_ns);
    Summary {
        schema_version: SCHEMA_VERSION,
        chipset: trace.chipset().map(|chipset| chipset.to_string()),
        driver: trace.driver.clone(),
        accesses: accesses.len(),
        lost: trace.lost,
        foreign: trace.foreign,
        duration_ns: time(accesses.last()).saturating_sub(time(accesses.first())),
        units: units.into_values().map(|(row, _)| row).collect(),
    }
}
