//! `cargo xtask`: what a person runs in this repository besides cargo itself.
//!
//! One file per subject. [`mod@test`] is the list of checks, [`steps`] runs such a
//! list, [`no_std`], [`bare_metal`], [`msrv`], [`deny`], [`sanitize`] and [`prove`] are the checks that need
//! more than a Rust toolchain, and the others fetch what those need into a cache outside the
//! checkout. `docs/ci.md` describes it for the reader.

mod apt;
mod bare_metal;
mod book;
mod cache;
mod deny;
mod installed;
mod kernel;
mod links;
mod lock;
mod msrv;
mod no_std;
mod package;
mod prove;
mod rust_src;
mod sanitize;
mod shell;
mod steps;
mod test;
mod version;
mod vm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::shell::Shell;

/// Checks and chores of the nova workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    /// What to do.
    #[command(subcommand)]
    task: Task,
}

/// The subcommands, one module each.
#[derive(Debug, Subcommand)]
enum Task {
    /// Run every check of the repository as named steps (what CI runs).
    Test(test::Args),
    /// Build core and backends for three targets that have no std.
    NoStd,
    /// Run core on two machines without an operating system, in QEMU, and print their logs and sizes.
    BareMetal,
    /// Check core and backends with the oldest compiler that Cargo.toml promises.
    Msrv,
    /// Check licenses, bans and sources of every dependency.
    Deny,
    /// Build docs/ as a book into target/book, and check the links of all documents.
    Book,
    /// Run the suites under ThreadSanitizer and AddressSanitizer, with a std built for it.
    Sanitize(sanitize::Args),
    /// Check the lifecycle with models, model checkers and mutants; one table at the end.
    Prove(prove::Args),
    /// Build the kernel module, `nova.ko`.
    Kmod(kernel::module::Args),
    /// Build the kernels that `cargo xtask vm --kernel` boots, if the cache has none.
    Kernels,
    /// Build the packages for Debian, the archive and the SBOM into target/package.
    Package(package::Args),
    /// Boot a real Linux in QEMU and run the cases of the guest suite in it.
    Vm(vm::Args),
}

fn main() -> ExitCode {
    let shell = Shell::terminal();
    let result = match Cli::parse().task {
        Task::Test(args) => test::run(&args),
        Task::NoStd => no_std::run(&shell),
        Task::BareMetal => bare_metal::run(&shell),
        Task::Msrv => msrv::run(&shell),
        Task::Deny => deny::run(&shell),
        Task::Book => book::run(&shell),
        Task::Sanitize(args) => sanitize::run(&shell, &args),
        Task::Prove(args) => prove::run(&shell, &args),
        Task::Kmod(args) => kernel::module::run(&shell, &args),
        Task::Kernels => kernel::prepare(&shell),
        Task::Package(args) => package::run(&shell, &args),
        Task::Vm(args) => vm::run(&shell, &args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", shell::describe(&error));
            ExitCode::FAILURE
        }
    }
}
