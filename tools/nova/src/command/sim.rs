//! `nova sim`: simulated GPUs that other processes use, and what happens to them.

mod ctl;
mod order;
mod run;
mod serve;

pub(crate) use order::Order;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Context;
use crate::error::Result;

/// What to do with a simulated GPU of its own process.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Serve a simulated GPU as a vfio-user device, until Ctrl-C or SIGTERM.
    Serve(serve::Args),
    /// Run a script of steps and faults on a simulated GPU.
    Run(run::Args),
    /// Ask a served GPU for faults, and for what it has counted.
    Ctl(ctl::Args),
}

/// Runs one of them.
pub(super) fn run(command: &Command, cx: &mut Context) -> Result<()> {
    match command {
        Command::Serve(args) => serve::run(args, cx),
        Command::Run(args) => run::run(args, cx),
        Command::Ctl(args) => ctl::run(args, cx),
    }
}

/// The control socket that goes with a device's socket, unless another one is named.
fn control_of(socket: &Path) -> PathBuf {
    let mut path = OsString::from(socket);
    path.push(".ctl");
    path.into()
}
