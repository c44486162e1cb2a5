//! `cargo xtask test`: every check of the repository.

use anyhow::{Context, Result};

use crate::{
    bare_metal, book, deny,
    kernel::ahead::Ahead,
    msrv, no_std, package, prove,
    sanitize::{self, Sanitizer},
    shell::{self, Shell},
    steps::{self, Show, Step},
    vm, workspace,
};

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave out the release tests, the book, fuzz targets, MSRV, no_std, bare metal, deny, the virtual machines, prove,
    /// the sanitizers, the kernel module and the packages, and shorten the long property suites.
    #[arg(long)]
    quick: bool,
    /// Run the steps after a failed one too.
    #[arg(long)]
    keep_going: bool,
}

/// Runs the steps that `args` selects.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut steps = quick_steps(args.quick);
    if !args.quick {
        // Two kernels are built beside everything else: it takes a quarter of an hour by itself.
        let kernels = Ahead::start();
        steps.extend(long_steps());
        steps.push(Step::new("kernel", Show::Always, |shell| {
            kernels?.finish()?;
            vm::check_kernel(shell)
        }));
        // Builds the module from its package, against one of those kernels.
        steps.push(Step::new("package", Show::OnFailure, package::check));
    }
    steps::run(steps, args.keep_going)
}

/// The checks that need nothing but the toolchain, fastest first.
fn quick_steps(quick: bool) -> Vec<Step> {
    vec![
        Step::new("fmt", Show::OnFailure, |shell| cargo(shell, &["fmt", "--all", "--check"], &[])),
        Step::new("clippy", Show::OnFailure, |shell| {
            cargo(shell, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])
        }),
        Step::new("clippy (defmt)", Show::OnFailure, clippy_defmt),
        Step::new("docs", Show::OnFailure, |shell| {
            cargo(shell, &["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])
        }),
        Step::new("tests", Show::Always, move |shell| {
            // What takes long is run to its end with the optimiser on, and what must not compile by `prove`.
            let elsewhere: &[_] = if quick { &[] } else { &["--exclude", "nova-must-not-compile"] };
            let arguments = [&["test", "--workspace"], elsewhere].concat();
            cargo(shell, &arguments, &[("NOVA_TEST_QUICK", "1")])
        }),
    ]
}

/// The checks that take longer or fetch something first.
fn long_steps() -> Vec<Step> {
    vec![
        Step::new("tests (release)", Show::Always, |shell| {
            // All but the million races, which `prove` runs and counts.
            let races = ["--", "--skip", "a_million_races_end_as_the_model_says"];
            let arguments =
                [&["test", "--release", "-p", "nova-tests", "-p", "nova-backends"], &races[..]].concat();
            cargo(shell, &arguments, &[])
        }),
        Step::new("book", Show::OnFailure, book::run),
        Step::new("fuzz targets", Show::OnFailure, fuzz_targets),
        Step::new("no-std", Show::OnFailure, no_std::run),
        Step::new("bare-metal", Show::Always, bare_metal::check),
        Step::new("msrv", Show::OnFailure, msrv::run),
        Step::new("deny", Show::OnFailure, deny::run),
        Step::new("virtual machine", Show::Always, vm::check),
        Step::new("prove", Show::Always, prove::check),
        Step::new("thread sanitizer", Show::OnFailure, |shell| sanitize::check(shell, Sanitizer::Thread)),
        Step::new("address sanitizer", Show::OnFailure, |shell| sanitize::check(shell, Sanitizer::Address)),
    ]
}

fn clippy_defmt(shell: &Shell) -> Result<()> {
    let mut arguments = vec!["clippy"];
    arguments.extend(workspace::no_std_package_args());
    arguments.extend([
        "--all-targets",
        "--features",
        "defmt,nova-backends/vfio-user",
        "--",
        "-D",
        "warnings",
    ]);
    cargo(shell, &arguments, &[])
}

/// Compiles the fuzz targets: a workspace of their own, which nothing above looks at.
fn fuzz_targets(shell: &Shell) -> Result<()> {
    let mut command = shell::cargo();
    command
        .current_dir(workspace::root().join("tests/fuzz"))
        .env("CARGO_TARGET_DIR", workspace::target_dir("fuzz"))
        .args(["check", "--locked", "--bins"]);
    shell.run(&mut command).context(
        "the fuzz targets do not compile; where only their Cargo.lock is behind the workspace's manifests, \
         `cargo update --workspace` in tests/fuzz brings it up to date",
    )
}

/// Runs cargo in the workspace root with the extra environment `variables`.
fn cargo(shell: &Shell, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    let mut command = shell::cargo();
    command.current_dir(workspace::root()).args(arguments).envs(variables.iter().copied());
    shell.run(&mut command)
}
