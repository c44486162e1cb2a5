//! `nova-bare-metal-report FIRMWARE`: decodes the defmt log on its standard input as it comes, and prints at the end
//! what the firmware takes of flash and RAM, section by section.

mod log;
mod sizes;

use std::{env, fs, io, process::ExitCode};

use anyhow::{Context, Result, bail};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else {
        bail!("one argument is needed: the firmware that the log on standard input is of");
    };
    let firmware = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let decoded = log::print(&firmware, io::stdin().lock(), io::stdout().lock());
    // Of use also where the log broke off.
    print!("\n{}", sizes::table(&firmware)?);
    decoded
}
