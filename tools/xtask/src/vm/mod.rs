//! `cargo xtask vm`: a real Linux in QEMU, with PCI devices that are QEMU's own or programs on this machine.
//!
//! [`fetch`] gets QEMU and a kernel, [`guest`] builds what runs in the guest, [`machine`] is a running guest, and
//! [`cases`] is what is run and reported. The guest's side is in `tests/vm`; `docs/vm.md` is for the reader.

mod cases;
mod fetch;
mod guest;
mod machine;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Result;
use nova_vm_tests::{CASES, Case, Machine as Kind};

use self::{
    cases::Report,
    fetch::Tools,
    guest::Programs,
    machine::{Accel, Boot},
};
use crate::{
    cache,
    shell::{self, Shell},
    workspace,
};

/// How long the guest may take until its program is ready: 5 s on an idle machine, more beside other builds.
const READY_LIMIT: Duration = Duration::from_mins(2);

/// Options of `cargo xtask vm`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run this case only; may be given several times.
    #[arg(long, value_name = "CASE")]
    only: Vec<String>,
    /// Name the cases.
    #[arg(long)]
    list: bool,
    /// Boot the guest with a shell on this terminal instead (Ctrl-A X ends it).
    #[arg(long, conflicts_with_all = ["only", "list"])]
    shell: bool,
    /// The devices that the machine with the shell has.
    #[arg(long, requires = "shell", default_value = "bench")]
    machine: Shown,
    /// What executes the guest's instructions; without it KVM where a trial boot has shown that it works, else TCG.
    #[arg(long)]
    accel: Option<Accel>,
    /// Keep the logs and the initramfs of this run in this folder.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// The program that serves the GPUs, as `PROGRAM sim serve --chip CHIP --socket PATH`; without it this
    /// checkout's `nova`.
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// Write down the newest versions that Debian has of QEMU and the kernel, and fetch them.
    #[arg(long)]
    relock: bool,
}

/// [`Kind`] on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shown {
    /// QEMU's own test devices.
    Bench,
    /// Simulated GPUs, one of every family.
    Gpus,
}

impl From<Shown> for Kind {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Bench => Self::Bench,
            Shown::Gpus => Self::Gpus,
        }
    }
}

/// Does what `args` says.
pub(crate) fn run(shell: &Shell, args: &Args) -> Result<()> {
    let selected = cases::select(&args.only)?;
    if args.list {
        for case in CASES {
            println!("{:12} {}", case.name, case.about);
        }
        return Ok(());
    }
    let started = Instant::now();
    let tools = if args.relock { Tools::relock(shell)? } else { Tools::ensure(shell)? };
    let programs = Programs::build(shell)?;
    let folder = args.keep.clone().unwrap_or_else(|| workspace::target_dir("vm"));
    let folder = std::path::absolute(folder)?;
    prepare(&folder, args.keep.is_some())?;
    let initramfs = folder.join("initramfs.cpio");
    guest::initramfs(&tools, &programs, &initramfs)?;
    machine::watch_for_stop()?;
    let log = folder.join("console.log");
    let server = args.server.clone().unwrap_or_else(|| programs.nova());
    let trial = Boot {
        tools: &tools,
        initramfs: &initramfs,
        accel: Accel::Tcg,
        log: &log,
        server: &server,
        ready_limit: READY_LIMIT,
    };
    let accel = args.accel.map_or_else(|| machine::probe(&trial), Ok)?;
    let boot = Boot { accel, ..trial };
    if args.shell {
        return machine::shell(&boot, args.machine.into());
    }
    shell::say(&format!("ready to boot after {:.1} s", started.elapsed().as_secs_f64()));
    finish(&boot, &selected, &folder)
}

/// Runs every case, for `cargo xtask test`.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    let (only, keep) = (Vec::new(), None);
    let machine = Shown::Bench;
    run(
        shell,
        &Args { only, list: false, shell: false, machine, accel: None, keep, server: None, relock: false },
    )
}

/// Runs the cases and tells what came of them, however the run ends.
fn finish(boot: &Boot<'_>, selected: &[&'static Case], folder: &Path) -> Result<()> {
    let mut report = Report::new(boot.accel.name(), boot.tools.key());
    let ran = cases::run(boot, selected, &mut report);
    report.close(selected);
    let path = folder.join("report.json");
    report.write(&path)?;
    println!("\n{}\nreport: {}", report.table(), path.display());
    ran?;
    report.verdict()
}

/// An empty folder for the logs; one that a person named is not emptied.
fn prepare(folder: &Path, named: bool) -> Result<()> {
    if !named {
        cache::remove(folder)?;
    }
    cache::create(folder)
}
