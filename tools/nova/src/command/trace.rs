//! `nova trace`: record, show, replay, compare and convert register accesses.

mod compare;
mod convert;
mod on_device;
#[cfg(feature = "plot")]
mod plot;
mod record;
mod replay;
mod show;
mod summary;

use clap::Subcommand;

use super::Context;
use crate::error::Result;

/// What to do with a trace.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Record the driver at work on the device.
    Record(record::Args),
    /// Show a trace, decoded: nova's own or a Linux mmiotrace log.
    Show(show::Args),
    /// Run the driver against a trace, or make its accesses to a device, and report what is not as recorded.
    Replay(replay::Args),
    /// Compare the accesses of two traces.
    Compare(compare::Args),
    /// Write a trace in the other format: nova's own or a Linux mmiotrace log.
    Convert(convert::Args),
    /// Draw the accesses of a trace over time, by unit, as SVG or PNG.
    #[cfg(feature = "plot")]
    Plot(plot::Args),
}

pub(super) fn run(command: &Command, cx: &mut Context) -> Result<()> {
    match command {
        Command::Record(args) => record::run(args, cx),
        Command::Show(args) => show::run(args, cx),
        Command::Replay(args) => replay::run(args, cx),
        Command::Compare(args) => compare::run(args, cx),
        Command::Convert(args) => convert::run(args, cx),
        #[cfg(feature = "plot")]
        Command::Plot(args) => plot::run(args, cx),
    }
}
