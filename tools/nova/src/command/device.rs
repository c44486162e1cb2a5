//! `nova device`: the driver's life on a device.

mod probe;
mod remove;

use clap::Subcommand;
use nova_core::driver::GpuDevice;
use nova_core::lifecycle::EventKind;
use serde::Serialize;

use super::{Context, stress};
use crate::error::Result;
use crate::host::Local;

/// What to do with the driver.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bind the driver, tell what it registered, and let go of the device again.
    Probe(probe::Args),
    /// Bind the driver, give it something to do, and tell how its removal goes.
    Remove(remove::Args),
    /// Probe, load, remove and rebind simulated GPUs thousands of times, and check every removal.
    Stress(stress::Args),
}

pub(super) fn run(command: &Command, cx: &mut Context) -> Result<()> {
    match command {
        Command::Probe(args) => probe::run(args, cx),
        Command::Remove(args) => remove::run(args, cx),
        Command::Stress(args) => stress::run(args, cx),
    }
}

/// Something that happened to the device.
#[derive(Serialize)]
struct Event {
    /// On the host's clock; null where none was at hand.
    at_ns: Option<u64>,
    what: String,
}

/// What happened to a device lately, in order.
fn history(device: &GpuDevice<Local>) -> Vec<Event> {
    let told = |what| match what {
        EventKind::Waits { lane } => match device.entry(lane) {
            Some(entry) => format!("waits for {} `{}`", entry.kind.name(), entry.name),
            None => EventKind::Waits { lane }.to_string(),
        },
        what => what.to_string(),
    };
    let events = device.history();
    events.iter().map(|event| Event { at_ns: event.at.map(|at| at.0), what: told(event.what) }).collect()
}

/// Prints what happened, if anybody may want to know.
fn print(history: &[Event], cx: &mut Context) {
    for Event { at_ns, what } in history {
        let at = at_ns.map_or_else(|| "-".to_owned(), |at| nova_core::hal::Nanos(at).to_string());
        cx.out.line(format_args!("  {at:>12}  {what}"));
    }
}
