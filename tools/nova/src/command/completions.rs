//! `nova completions`: completion of the command line.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, Context};

/// For which shell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "For example: nova completions bash > ~/.local/share/bash-completion/completions/nova"
)]
pub(super) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script, made from the definition of the command line.
pub(super) fn run(args: &Args, cx: &mut Context) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "nova", &mut script);
    cx.out.raw(&script);
}
