//! `nova man`: manual pages.

use std::fs;
use std::path::PathBuf;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use serde::Serialize;

use super::{Cli, Context};
use crate::error::{Error, Result};
use crate::files;
use crate::output::{self, SCHEMA_VERSION};

/// Where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "For example: nova man --out ~/.local/share/man/man1, and then: man nova-reg-read")]
pub(super) struct Args {
    /// Write a page for each command into this folder, which is made if need be.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    folder: String,
    pages: Vec<String>,
}

/// Prints the page of `nova`, or writes those of all commands.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    render(&command, &mut pages)?;
    let Some(folder) = &args.out else {
        let first = pages.first().map(|(_, page)| page.as_slice());
        cx.out.raw(first.unwrap_or_default());
        return Ok(());
    };
    fs::create_dir_all(folder).map_err(|error| Error::file("make", folder, &error))?;
    for (name, page) in &pages {
        files::save(&folder.join(name), page)?;
    }
    let folder = folder.display().to_string();
    let pages: Vec<_> = pages.into_iter().map(|(name, _)| name).collect();
    if cx.out.is_text() {
        output::note(format_args!("{} pages in {folder}", pages.len()));
        for page in &pages {
            cx.out.line(page);
        }
        return Ok(());
    }
    cx.out.object(&Report { schema_version: SCHEMA_VERSION, folder, pages })
}

/// The page of a command, and those of its subcommands, with their file names.
fn render(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    pages.push((format!("{name}.1"), page));
    command.get_subcommands().try_for_each(|command| render(command, pages))
}
