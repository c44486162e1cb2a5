//! The guest's first program: as process 1 it sets the guest up and runs what the host says; as `case NAME` it is
//! one case, in a process of its own so that it can crash and hang without ending the guest.

mod cases;
mod control;
mod driven;
mod init;
mod kernel;
mod pci;
mod under_way;
mod vfio;

use std::{
    env,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

/// Who owns nothing and may do nothing.
const NOBODY: u32 = 65534;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["case", name] => cases::run(name),
        ["as-nobody", program, ref words @ ..] => Err(run_as_nobody(program, words)),
        ["stress", seed, manner] => kernel::run_stress(seed, manner),
        _ if std::process::id() == 1 => init::run(),
        _ => Err(anyhow::anyhow!(
            "this is the first program of a guest of `cargo xtask vm`; it runs nowhere else"
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Becomes `program` as a user who is not root; gives why it cannot. A process of its own does this because std's way to start
/// one as another user needs sockets, which the guest's kernel does not have.
fn run_as_nobody(program: &str, words: &[&str]) -> anyhow::Error {
    Command::new(program).args(words).uid(NOBODY).gid(NOBODY).exec().into()
}
