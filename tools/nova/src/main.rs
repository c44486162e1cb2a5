//! The `nova` tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    nova_cli::run(std::env::args_os())
}
