//! `nova irq`: interrupt sources and how often they came.

use nova_abi::{IrqCounts, IrqSource};
use nova_core::chip::Family;
use nova_core::driver::Gpu;
use nova_core::hal::{Clock as _, Nanos};
use nova_core::units::intr::{Counts, Source};
use nova_kernel_client::Device;
use serde::Serialize;

use super::{Context, repeat};
use crate::bench::Bench;
use crate::device::{Access, KernelDevice, Opened};
use crate::error::Result;
use crate::output::{self, SCHEMA_VERSION};

/// Most software interrupts one command raises; they take a while each.
const MOST: i64 = 1_000_000;

/// What to do with interrupts.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Raise a software interrupt N times, 1 if not said, a million at most.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1", value_parser = clap::value_parser!(u32).range(..=MOST))]
    trigger: Option<u32>,
    #[command(flatten)]
    watch: repeat::Watch,
}

#[derive(Serialize)]
struct Irq {
    schema_version: u32,
    device: String,
    triggered: u32,
    messages: Messages,
    sources: Vec<Row>,
}

#[derive(Serialize)]
struct Messages {
    served: u32,
    spurious: u32,
    unhandled: u32,
    storms: u32,
}

#[derive(Serialize)]
struct Row {
    source: String,
    tree: &'static str,
    number: u32,
    /// Whether the driver has it enabled.
    enabled: bool,
    count: u32,
}

/// How long a software interrupt may take to come round.
const ROUND: Nanos = Nanos::from_micros(100);
/// How long one of a device in real time is waited for; that none came, the counts show.
const PATIENCE: Nanos = Nanos::from_secs(1);

/// Lists the sources, raises interrupts, or watches the counts.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let opened = cx.open()?;
    if let Access::Kernel(kernel) = &opened.access {
        return of_kernel(args, &opened, kernel, cx);
    }
    opened.need_driver("irq")?;
    let mut bench = Bench::probe(&opened)?;
    if args.watch.watch {
        let mut triggered = 0_u32;
        return args.watch.each(opened.machine.as_ref(), cx, |cx, _, pause| {
            bench.run_for(pause);
            triggered = triggered.saturating_add(trigger(&mut bench, &opened, args.trigger.unwrap_or(0))?);
            let irq = gather(&mut bench, cx.device(), triggered)?;
            record(&irq, cx)
        });
    }
    let triggered = trigger(&mut bench, &opened, args.trigger.unwrap_or(0))?;
    let irq = gather(&mut bench, cx.device(), triggered)?;
    bench.remove()?;
    show(&irq, cx)
}

/// The same of a device that the kernel drives, which raises nothing for others.
fn of_kernel(args: &Args, opened: &Opened, kernel: &KernelDevice, cx: &mut Context) -> Result<()> {
    if args.trigger.is_some() {
        return Err(kernel.refuse("raising an interrupt"));
    }
    let legacy = matches!(opened.identify()?.family(), Family::Tu102);
    if !args.watch.watch {
        let counts = kernel.call(Device::irq_counts)?;
        return show(&told(&counts, legacy, cx.device()), cx);
    }
    args.watch.each(opened.machine.as_ref(), cx, |cx, _, pause| {
        let until = opened.machine.now().saturating_add(pause.get());
        while opened.machine.now() < until && opened.machine.end().is_none() {
            opened.machine.pass(until);
        }
        let counts = kernel.call(Device::irq_counts)?;
        record(&told(&counts, legacy, cx.device()), cx)
    })
}

/// What the kernel has counted.
fn told(counts: &IrqCounts, legacy: bool, device: &str) -> Irq {
    let alarm = if legacy { Source::PMC_PTIMER } else { Source::ALARM };
    let count = |source: Source| {
        let tree = if matches!(source, Source::Pmc(_)) { IrqSource::PMC } else { IrqSource::VECTOR };
        let mut filled = counts.source.iter().take(counts.sources as usize);
        let same = |one: &&IrqSource| one.tree == tree && u32::from(one.number) == source.number();
        filled.find(same).map_or(0, |one| one.count)
    };
    let enabled = [alarm, Source::COUNTDOWN, Source::CPU_DOORBELL];
    let rows = known(legacy).map(|source| row(source, enabled.contains(&source), count(source)));
    let IrqCounts { served, spurious, unhandled, storms, .. } = *counts;
    let messages = Messages { served, spurious, unhandled, storms };
    let sources = rows.collect();
    Irq { schema_version: SCHEMA_VERSION, device: device.to_owned(), triggered: 0, messages, sources }
}

fn show(irq: &Irq, cx: &mut Context) -> Result<()> {
    if cx.out.is_text() {
        print(irq, cx);
        Ok(())
    } else {
        cx.out.object(irq)
    }
}

fn record(irq: &Irq, cx: &mut Context) -> Result<()> {
    if cx.out.is_text() {
        cx.out.line(line(irq));
        Ok(())
    } else {
        cx.out.record(irq)
    }
}

/// Raises so many software interrupts, each after the one before has been served.
fn trigger(bench: &mut Bench, opened: &Opened, times: u32) -> Result<u32> {
    for _ in 0..times {
        let before = served(bench)?;
        bench.call(Gpu::trigger)?;
        bench.run_for(ROUND);
        // Real time also passes while nobody runs this process.
        let end = bench.host.now() + PATIENCE;
        while opened.machine.is_real_time() && served(bench)? == before && bench.host.step(end) {}
    }
    Ok(times)
}

/// How many messages the driver has served.
fn served(bench: &mut Bench) -> Result<u32> {
    bench.call(|cx| Ok(Gpu::intr(cx).counts().served))
}

fn gather(bench: &mut Bench, device: &str, triggered: u32) -> Result<Irq> {
    let (counts, sources) = bench.call(|cx| {
        let (alarm, intr) = (Gpu::timer(cx).alarm_source(), Gpu::intr(cx));
        let enabled = [alarm, Source::COUNTDOWN, Source::CPU_DOORBELL];
        // Only Turing has the old tree, and its alarm there.
        let legacy = matches!(alarm, Source::Pmc(_));
        let rows = known(legacy).map(|source| row(source, enabled.contains(&source), intr.count_of(source)));
        Ok((intr.counts(), rows.collect::<Vec<_>>()))
    })?;
    let Counts { served, spurious, unhandled, storms } = counts;
    let messages = Messages { served, spurious, unhandled, storms };
    Ok(Irq { schema_version: SCHEMA_VERSION, device: device.to_owned(), triggered, messages, sources })
}

/// The sources with a name; those of the old tree only where there is one.
fn known(legacy: bool) -> impl Iterator<Item = Source> {
    let legacy = (0..if legacy { 32 } else { 0 }).map(Source::Pmc);
    let tree = (0..512).map(Source::Vector);
    legacy.chain(tree).filter(|source| source.name().is_some())
}

fn row(source: Source, enabled: bool, count: u32) -> Row {
    let tree = if matches!(source, Source::Pmc(_)) { "pmc" } else { "vector" };
    let name = source.name().unwrap_or_default().to_owned();
    Row { source: name, tree, number: source.number(), enabled, count }
}

fn print(irq: &Irq, cx: &mut Context) {
    let mut table = output::table(["SOURCE", "TREE", "NUMBER", "ENABLED", "COUNT"]);
    for row in &irq.sources {
        let (number, count) = (row.number.to_string(), row.count.to_string());
        let enabled = if row.enabled { "yes" } else { "-" };
        table.add_row([row.source.as_str(), row.tree, &number, enabled, &count]);
    }
    cx.out.table(&table);
    cx.out.line("");
    cx.out.line(line(irq));
}

fn line(irq: &Irq) -> String {
    let Messages { served, spurious, unhandled, storms } = irq.messages;
    let triggered = irq.triggered;
    format!(
        "triggered {triggered}, messages served {served}, spurious {spurious}, sources masked: unhandled {unhandled}, storming {storms}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_counts_is_shown_by_source() {
        let mut counts = IrqCounts { served: 9, spurious: 2, missed: 1, sources: 2, ..IrqCounts::NEW };
        counts.source[0] = IrqSource { tree: IrqSource::VECTOR, number: 129, count: 4 };
        counts.source[1] = IrqSource { tree: IrqSource::PMC, number: 20, count: 5 };
        // Not filled in.
        counts.source[2] = IrqSource { tree: IrqSource::VECTOR, number: 148, count: 77 };
        let shown = |legacy| {
            let irq = told(&counts, legacy, "dev:/dev/nova0");
            assert_eq!((irq.messages.served, irq.messages.spurious, irq.triggered), (9, 2, 0));
            let rows = irq.sources.into_iter().filter(|row| row.count > 0);
            rows.map(|row| (row.number, row.enabled, row.count)).collect::<Vec<_>>()
        };
        assert_eq!(shown(true), [(20, true, 5), (129, true, 4)]);
        assert_eq!(shown(false), [(129, true, 4)], "there is no old tree");
    }
}
