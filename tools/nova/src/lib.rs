//! The `nova` tool as a library: what the binary runs, and what fuzz targets and tests call.
//!
//! One file and one `run` per subcommand, in `command`. The rest is what they share.
#![forbid(unsafe_code)]

mod bench;
mod clock;
mod command;
mod decode;
mod device;
pub mod door;
mod error;
mod expr;
mod files;
pub mod fuzzing;
mod host;
mod output;
#[cfg(feature = "plot")]
mod picture;
mod scenario;
mod script;
mod signals;
mod stress;
#[cfg(feature = "tui")]
mod tui;
mod value;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use command::Cli;
use error::{Code, Error};

/// Runs the tool with these arguments, the first of which is its own name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<_> = args.into_iter().collect();
    let result = match Cli::try_parse_from(&args) {
        Ok(cli) => cli.run(),
        Err(error) => usage(&error, &args),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    if error.code() != Code::Ok {
        // Who has no better idea is told what the command takes.
        let error = error.clone().or_next(format!("{} --help", subcommand(&args)));
        output::note(format_args!("nova: {error}"));
    }
    ExitCode::from(error.code() as u8)
}

/// What can come after the words that were typed.
fn subcommand_missing(text: &str) -> Error {
    let usage = text.lines().find_map(|line| line.trim().strip_prefix("Usage: ")).unwrap_or_default();
    let words: Vec<_> = usage.split(' ').take_while(|word| !word.starts_with(['[', '<', '-'])).collect();
    let top = Cli::command();
    let mut here = &top;
    for word in words.iter().skip(1) {
        here = here.find_subcommand(word).unwrap_or(here);
    }
    let names: Vec<_> = here.get_subcommands().map(clap::Command::get_name).collect();
    Error::usage(format!("a subcommand is missing: {}", names.join(", ")))
        .next(format!("{} --help", words.join(" ")))
}

/// The subcommand that was typed, for errors that do not name it.
fn subcommand(args: &[OsString]) -> String {
    let top = Cli::command();
    let (mut here, mut words) = (&top, vec!["nova"]);
    for word in args.iter().skip(1) {
        if let Some(found) = here.find_subcommand(word) {
            words.push(found.get_name());
            here = found;
        }
    }
    words.join(" ")
}

/// What clap has to say: help on standard output, mistakes on one line.
fn usage(error: &clap::Error, args: &[OsString]) -> Result<(), Error> {
    if !error.use_stderr() {
        // A reader that went away has seen enough help.
        let _ = error.print();
        return Ok(());
    }
    let text = error.render().to_string();
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
    ) {
        return Err(subcommand_missing(&text));
    }
    let mut lines = text.lines().map(str::trim);
    let what: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let rest: Vec<_> = lines.collect();
    let tips =
        rest.iter().copied().filter(|line| line.starts_with("tip:") || line.starts_with("[possible values"));
    let parts: Vec<_> = what.into_iter().chain(tips).collect();
    let what = parts.join(" ");
    let help = rest.iter().find_map(|line| line.strip_prefix("Usage: ")).map_or_else(
        || format!("{} --help", subcommand(args)),
        |usage| {
            let words = usage.split(' ').take_while(|word| !word.starts_with(['[', '<', '-']));
            format!("{} --help", words.collect::<Vec<_>>().join(" "))
        },
    );
    Err(Error::usage(what.strip_prefix("error: ").unwrap_or(&what)).next(help))
}
