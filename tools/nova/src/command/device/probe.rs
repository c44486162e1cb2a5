//! `nova device probe`.

use nova_core::hal::{Clock as _, Nanos};
use serde::Serialize;

use super::Event;
use crate::bench::Bench;
use crate::command::{self, Context};
use crate::error::Result;
use crate::output::{self, SCHEMA_VERSION};

/// How long to stay.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stay bound for so long, such as 5s, with everything that becomes due.
    #[arg(long, value_name = "SPAN", value_parser = command::span, default_value = "0", allow_hyphen_values = true)]
    hold: Nanos,
}

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    device: String,
    chipset: String,
    state: &'static str,
    /// How long probe took, on the host's clock.
    took_ns: u64,
    /// What can enter the driver.
    entries: Vec<Entry>,
    history: Vec<Event>,
}

#[derive(Serialize)]
struct Entry {
    kind: &'static str,
    name: &'static str,
    /// The line of the driver that registered it.
    registered: String,
}

/// Binds, tells, and removes: nothing stays bound when this process ends.
pub(in crate::command) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let opened = cx.open()?;
    opened.need_driver("probe")?;
    let before = opened.machine.now();
    let mut bench = Bench::probe(&opened)?;
    let took_ns = bench.host.now().nanos().saturating_sub(before);
    let chipset = bench.call(|cx| Ok(cx.data().chip().chipset().to_string()))?;
    let device = bench.device.clone();
    let entries = (0..u16::MAX).map_while(|id| device.entry(id)).map(|entry| Entry {
        kind: entry.kind.name(),
        name: entry.name,
        registered: format!("{}:{}", entry.registered.file(), entry.registered.line()),
    });
    let entries: Vec<_> = entries.collect();
    let state = bench.state().name();
    bench.run_for(args.hold);
    bench.call(|_| Ok(()))?;
    bench.remove()?;
    let report = Report {
        schema_version: SCHEMA_VERSION,
        device: opened.spec.to_string(),
        chipset,
        state,
        took_ns,
        entries,
        history: super::history(&device),
    };
    if !cx.out.is_text() {
        return cx.out.object(&report);
    }
    cx.out.pairs(&[
        ("device", report.device.clone()),
        ("chip", report.chipset.clone()),
        ("state", format!("{} after {}", report.state, Nanos(report.took_ns))),
    ]);
    cx.out.line("");
    let mut table = output::table(["ENTRY", "NAME"]);
    for entry in &report.entries {
        table.add_row([entry.kind, entry.name]);
    }
    cx.out.table(&table);
    cx.out.line("");
    super::print(&report.history, cx);
    output::note("the driver has let go of the device again: a process has it no longer than it runs");
    Ok(())
}
