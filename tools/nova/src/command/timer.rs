//! `nova timer`: the GPU's time.

#[cfg(feature = "plot")]
mod plot;

use std::time::Duration;

use nova_core::hal::Nanos;
use nova_core::units::timer::{Fired, View};
use nova_kernel_client::When;
use serde::Serialize;

use super::{Context, repeat};
use crate::bench::Bench;
use crate::clock::Clock;
use crate::device::{Access, KernelDevice, Opened};
use crate::error::Result;
use crate::output::SCHEMA_VERSION;

/// What to do with the timer.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    watch: repeat::Watch,
    /// Schedule an alarm so far from now, such as 5ms, and wait for it.
    #[arg(long, value_name = "SPAN", value_parser = super::span, conflicts_with = "watch", allow_hyphen_values = true)]
    alarm: Option<Nanos>,
    /// Draw how far the GPU's clock runs from the host's, as FILE.svg or FILE.png.
    #[cfg(feature = "plot")]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["watch", "alarm"])]
    plot: Option<std::path::PathBuf>,
    /// How many readings to draw.
    #[cfg(feature = "plot")]
    #[arg(long, value_name = "N", default_value_t = 200, requires = "plot", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    readings: u32,
    /// Time between two readings that are drawn.
    #[cfg(feature = "plot")]
    #[arg(long, value_name = "SPAN", default_value = "10ms", requires = "plot", value_parser = super::interval, allow_hyphen_values = true)]
    every: Nanos,
}

#[derive(Serialize)]
struct Reading {
    schema_version: u32,
    device: String,
    ptimer_ns: u64,
    virtual_function_ns: u64,
}

#[derive(Serialize)]
struct Alarm {
    schema_version: u32,
    device: String,
    requested_ns: u64,
    due_ns: u64,
    seen_ns: u64,
    late_ns: u64,
}

/// How much later than it should an alarm of the kernel's may come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads the time, watches it, or waits for an alarm.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    #[cfg(feature = "plot")]
    if let Some(file) = &args.plot {
        return plot::run(file, args, cx);
    }
    let opened = cx.open()?;
    match args.alarm {
        Some(ahead) => alarm(ahead, &opened, cx),
        None if args.watch.watch => watch(args, &opened, cx),
        None => read(&opened, cx),
    }
}

fn read(opened: &Opened, cx: &mut Context) -> Result<()> {
    let mut time = Clock::of(opened)?;
    let ptimer_ns = time.read(View::Ptimer)?;
    let virtual_function_ns = time.read(View::VirtualFunction)?;
    let device = opened.spec.to_string();
    let reading = Reading { schema_version: SCHEMA_VERSION, device, ptimer_ns, virtual_function_ns };
    if !cx.out.is_text() {
        return cx.out.object(&reading);
    }
    cx.out.pairs(&[
        ("NV_PTIMER_TIME", format!("{ptimer_ns} ns  ({})", date(ptimer_ns))),
        ("NV_VIRTUAL_FUNCTION_TIME", format!("{virtual_function_ns} ns")),
    ]);
    Ok(())
}

fn watch(args: &Args, opened: &Opened, cx: &mut Context) -> Result<()> {
    let mut time = Clock::of(opened)?;
    let mut last = None;
    args.watch.each(opened.machine.as_ref(), cx, |cx, _, pause| {
        time.pass(pause);
        let ns = time.read(View::VirtualFunction)?;
        let since = last.replace(ns).map_or(0, |last| ns.saturating_sub(last));
        if cx.out.is_text() {
            cx.out.line(format_args!("{ns} ns  +{}", Nanos(since)));
            Ok(())
        } else {
            cx.out.record(&serde_json::json!({ "timer_ns": ns, "since_last_ns": since }))
        }
    })
}

fn alarm(ahead: Nanos, opened: &Opened, cx: &mut Context) -> Result<()> {
    let (requested_ns, fired) = match &opened.access {
        Access::Kernel(kernel) => kernel_alarm(ahead, kernel)?,
        _ => bench_alarm(ahead, opened)?,
    };
    let alarm = Alarm {
        schema_version: SCHEMA_VERSION,
        device: opened.spec.to_string(),
        requested_ns,
        due_ns: fired.at,
        seen_ns: fired.seen,
        late_ns: fired.seen.saturating_sub(requested_ns),
    };
    if !cx.out.is_text() {
        return cx.out.object(&alarm);
    }
    cx.out.pairs(&[
        ("requested", format!("{requested_ns} ns  (now + {ahead})")),
        ("due", format!("{} ns  (the timer's next step)", fired.at)),
        ("seen", format!("{} ns", fired.seen)),
        ("late", Nanos(alarm.late_ns).to_string()),
    ]);
    Ok(())
}

/// Through a driver of our own.
fn bench_alarm(ahead: Nanos, opened: &Opened) -> Result<(u64, Fired)> {
    opened.need_driver("an alarm")?;
    let mut bench = Bench::probe(opened)?;
    let waited = bench.alarm(ahead);
    bench.remove()?;
    waited
}

/// Through the kernel's.
fn kernel_alarm(ahead: Nanos, kernel: &KernelDevice) -> Result<(u64, Fired)> {
    let ahead = Duration::from_nanos(ahead.get());
    let limit = ahead.saturating_add(PATIENCE);
    let alarm = kernel.call(|device| device.wait_alarm(When::In(ahead), Some(limit)))?;
    Ok((alarm.at_ns, Fired { at: alarm.due_ns, seen: alarm.seen_ns }))
}

/// What day a time is, by NVIDIA's convention that the count is nanoseconds since 1970.
fn date(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil from days (Howard Hinnant): years begin in March, so that leap days come last.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, leap) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + leap;
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{of_month:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(951_782_400_000_000_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(1_732_579_199_000_000_000), "2024-11-25 23:59:59 UTC");
    }
}
