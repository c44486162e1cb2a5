//! `nova reg`: find, explain, read and write registers.

mod find;
mod read;
mod show;
mod write;

pub(crate) use read::{family, pri_error};
pub(super) use read::{print_fields, targets};

use clap::Subcommand;

use super::Context;
use crate::error::Result;

/// What to do with registers.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Find registers by name or by a word in their description.
    Find(find::Args),
    /// Explain a register: fields, values, where it is.
    Show(show::Args),
    /// Read registers.
    Read(read::Args),
    /// Write registers; shows what would change unless --write is given.
    Write(write::Args),
}

pub(super) fn run(command: &Command, cx: &mut Context) -> Result<()> {
    match command {
        Command::Find(args) => find::run(args, cx),
        Command::Show(args) => show::run(args, cx),
        Command::Read(args) => read::run(args, cx),
        Command::Write(args) => write::run(args, cx),
    }
}
