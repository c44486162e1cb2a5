//! `cargo xtask bare-metal`: the firmware of `tests/bare-metal` on two machines without an operating system.
//!
//! It is built for both, run in QEMU, and its defmt log, which arrives over semihosting, goes through
//! `nova-bare-metal-report`, a program of that workspace which has defmt's own decoder. QEMU's exit status is the firmware's.

mod emulator;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use self::emulator::Emulators;
use crate::{
    rust_src,
    shell::{self, Shell},
    workspace,
};

/// How long the firmware may run. It takes a second: the machine's time goes by as its instructions do, and it does
/// not sleep.
const LIMIT: Duration = Duration::from_mins(1);

/// What runs in the emulator, and what reads its log.
const FIRMWARE: &str = "nova-bare-metal";
const REPORT: &str = "nova-bare-metal-report";

/// A machine, as QEMU knows it.
struct Machine {
    name: &'static str,
    target: &'static str,
    emulator: &'static str,
    arguments: &'static [&'static str],
}

const MACHINES: [Machine; 2] = [
    Machine {
        name: "Cortex-M3, lm3s6965evb",
        target: "thumbv7m-none-eabi",
        emulator: emulator::ARM,
        arguments: &["-M", "lm3s6965evb"],
    },
    Machine {
        name: "RISC-V, virt",
        target: "riscv32imac-unknown-none-elf",
        emulator: emulator::RISCV,
        arguments: &["-M", "virt", "-bios", "none"],
    },
];

/// The same on every machine: no devices but those of the machine itself; every instruction takes 8 ns of the machine's
/// time, and waiting takes none of ours, so each run is the same as the last; semihosting to the standard output.
const ARGUMENTS: [&str; 12] = [
    "-nodefaults",
    "-display",
    "none",
    "-serial",
    "none",
    "-icount",
    "shift=3,sleep=off",
    "-chardev",
    "stdio,id=log",
    "-semihosting-config",
    "enable=on,target=native,chardev=log",
    "-kernel",
];

/// Checks the layout of the code and the report's own tests, and then does what [`run`] does.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    shell.run(cargo().args(["fmt", "--all", "--check"]))?;
    shell.run(cargo().args(["test", "--locked", "--package", REPORT]))?;
    run(shell)
}

/// Builds the firmware for both machines and runs it on both.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    rust_src::ensure(shell)?;
    let emulators = Emulators::ensure(shell)?;
    build(shell)?;
    // Both run, whatever comes of the first.
    let results = MACHINES.map(|machine| run_on(shell, &emulators, &machine));
    results.into_iter().collect()
}

/// Builds the firmware for both machines, with a core library built from source (see [`crate::no_std`]), and the report
/// for this one. One after the other: in one build, cargo would put the features of both machines' crates together.
fn build(shell: &Shell) -> Result<()> {
    for machine in &MACHINES {
        let mut firmware = cargo();
        firmware
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["build", "--locked", "--release", "-Zbuild-std=core", "--package", FIRMWARE])
            .args(["--target", machine.target]);
        shell.run(&mut firmware).context(
            "the firmware does not build; where only tests/bare-metal/Cargo.lock is behind the manifests, \
             `cargo update --workspace` in tests/bare-metal brings it up to date",
        )?;
    }
    shell.run(cargo().args(["build", "--locked", "--package", REPORT]))
}

fn run_on(shell: &Shell, emulators: &Emulators, machine: &Machine) -> Result<()> {
    shell.print(&format!("\n{}\n", machine.name))?;
    let firmware = built(format!("{}/release/{FIRMWARE}", machine.target));
    let mut emulator = emulators.command(machine.emulator);
    emulator.args(machine.arguments).args(ARGUMENTS).arg(&firmware);
    let mut report = Command::new(built(format!("debug/{REPORT}")));
    report.arg(&firmware);
    shell.pipe_for(&mut emulator, &mut report, LIMIT).with_context(|| {
        format!(
            "{}: the firmware did not pass (QEMU's exit status 1: a case failed, 2: it broke; the log says which \
             and why)",
            machine.name
        )
    })
}

/// cargo in the firmware's workspace, with a build folder inside this one's.
fn cargo() -> Command {
    let mut command = shell::cargo();
    command
        .current_dir(workspace::root().join("tests/bare-metal"))
        .env("CARGO_TARGET_DIR", workspace::target_dir("bare-metal"));
    command
}

fn built(path: impl AsRef<Path>) -> PathBuf {
    workspace::target_dir("bare-metal").join(path)
}
