//! `nova trace`: record, show and replay register accesses.

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
    /// Run the driver against a trace and report where it first does something else.
    Replay(replay::Args),
}

pub(super) fn run(command: &Command, cx: &mut Context) -> Result<()> {
    match command {
        Command::Record(args) => record::run(args, cx),
        Command::Show(args) => show::run(args, cx),
        Command::Replay(args) => replay::run(args, cx),
    }
}
