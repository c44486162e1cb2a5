//! `cargo xtask vm`: a real Linux in QEMU, with PCI devices that are QEMU's own or programs on this machine.
//!
//! [`fetch`] gets QEMU and a kernel, [`guest`] builds what runs in the guest, [`machine`] is a running guest, [`cases`] is
//! what is run and reported, and [`own`] does all that with kernels of our own and nova's module. The guest's side is in `tests/vm`; `docs/vm.md` is for the reader.

mod cases;
mod fetch;
mod guest;
mod machine;
mod own;

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
    kernel::Flavour,
    shell::{self, Shell},
    workspace,
};

/// How long the guest may take until its program is ready: 5 s on an idle machine, a minute for the debug kernel, and several
/// times that beside other builds.
const READY_LIMIT: Duration = Duration::from_mins(5);

/// Options of `cargo xtask vm`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Run this case only; may be given several times.
    #[arg(long, value_name = "CASE")]
    only: Vec<String>,
    #[command(flatten)]
    suite: Suite,
    /// Name the cases.
    #[arg(long)]
    list: bool,
    /// Boot the guest with a shell on this terminal instead (Ctrl-A X ends it).
    #[arg(long, conflicts_with_all = ["only", "list"])]
    shell: bool,
    /// The devices that the machine with the shell has.
    #[arg(long, requires = "shell")]
    machine: Option<Shown>,
    /// Put this kernel module of yours into the guest's /lib/modules, not loaded, instead of ours if that has its name; may be
    /// given several times.
    #[arg(long, value_name = "FILE")]
    module: Vec<PathBuf>,
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

/// The kernel suite on the command line.
#[derive(Debug, Default, clap::Args)]
struct Suite {
    /// Run the kernel suite instead: nova's module on kernels of our own, which are built first if the cache has none.
    #[arg(long)]
    kernel: bool,
    /// Of our kernels, this one only; may be given several times.
    #[arg(long, requires = "kernel", value_name = "FLAVOUR")]
    flavour: Vec<Flavour>,
    /// Have the kernel suite do as many rounds as the project's numbers are for, which takes long.
    #[arg(long, requires = "kernel")]
    full: bool,
}

/// [`Kind`] on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shown {
    /// QEMU's own test devices.
    Bench,
    /// Simulated GPUs, one of every family.
    Gpus,
    /// The same, for nova's module (with `--kernel`).
    Kernel,
}

impl Shown {
    fn default(kernel: bool) -> Self {
        if kernel { Self::Kernel } else { Self::Bench }
    }
}

impl From<Shown> for Kind {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Bench => Self::Bench,
            Shown::Gpus => Self::Gpus,
            Shown::Kernel => Self::Kernel,
        }
    }
}

/// Does what `args` says.
pub(crate) fn run(shell: &Shell, args: &Args) -> Result<()> {
    if args.list {
        for case in CASES.iter().filter(|case| case.machine.needs_own_kernel() == args.suite.kernel) {
            println!("{:16} {}", case.name, case.about);
        }
        return Ok(());
    }
    // Names are looked at before anything is fetched or built.
    cases::select(&args.only, None)?;
    guest::given::check(&args.module)?;
    let started = Instant::now();
    let tools = if args.relock { Tools::relock(shell)? } else { Tools::ensure(shell)? };
    let programs = Programs::build(shell)?;
    let named = args.keep.as_deref();
    let stage = Stage { tools: &tools, programs: &programs, args, started };
    if args.suite.kernel {
        let folder = prepare(named, "vm-kernel")?;
        return own::run(shell, &stage, &folder);
    }
    stock(&stage, &prepare(named, "vm")?)
}

/// Runs every case that needs no kernel of our own, for `cargo xtask test`.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    run(shell, &Args::default())
}

/// Runs the kernel suite, for `cargo xtask test`.
pub(crate) fn check_kernel(shell: &Shell) -> Result<()> {
    run(shell, &Args { suite: Suite { kernel: true, ..Suite::default() }, ..Args::default() })
}

/// What every run has.
#[derive(Debug)]
struct Stage<'s> {
    tools: &'s Tools,
    programs: &'s Programs,
    args: &'s Args,
    started: Instant,
}

/// A kernel to run cases on.
#[derive(Debug)]
struct System<'s> {
    image: PathBuf,
    /// A name that no other kernel has.
    key: String,
    words: Vec<&'static str>,
    /// What the programs that serve GPUs get.
    server_words: &'static [&'static str],
    /// What comes with a kernel of our own.
    own: Option<guest::Own<'s>>,
    selected: Vec<&'static Case>,
}

/// Runs the cases on Debian's kernel.
fn stock(stage: &Stage<'_>, folder: &Path) -> Result<()> {
    let system = System {
        image: stage.tools.vmlinuz(),
        key: stage.tools.kernel().to_owned(),
        words: Vec::new(),
        server_words: &[],
        own: None,
        selected: cases::select(&stage.args.only, None)?,
    };
    boot(stage, &system, folder)
}

/// Runs the cases of `system`, or a shell.
fn boot(stage: &Stage<'_>, system: &System<'_>, folder: &Path) -> Result<()> {
    let args = stage.args;
    let initramfs = folder.join("initramfs.cpio");
    guest::initramfs(stage.tools, stage.programs, system.own.as_ref(), &args.module, &initramfs)?;
    machine::watch_for_stop()?;
    let log = folder.join("console.log");
    let server = args.server.clone().unwrap_or_else(|| stage.programs.nova());
    let trial = Boot {
        tools: stage.tools,
        image: &system.image,
        kernel: &system.key,
        words: &system.words,
        initramfs: &initramfs,
        accel: Accel::Tcg,
        log: &log,
        server: &server,
        server_words: system.server_words,
        ready_limit: READY_LIMIT,
    };
    let accel = args.accel.map_or_else(|| machine::probe(&trial), Ok)?;
    let boot = Boot { accel, ..trial };
    if args.shell {
        return machine::shell(&boot, args.machine.unwrap_or(Shown::default(args.suite.kernel)).into());
    }
    shell::say(&format!("ready to boot after {:.1} s", stage.started.elapsed().as_secs_f64()));
    finish(&boot, &system.selected, folder)
}

/// Runs the cases and tells what came of them, however the run ends.
fn finish(boot: &Boot<'_>, selected: &[&'static Case], folder: &Path) -> Result<()> {
    let mut report = Report::new(boot.accel.name(), boot.tools.key(), boot.kernel.to_owned());
    let ran = cases::run(boot, selected, &mut report);
    report.close(selected);
    let path = folder.join("report.json");
    report.write(&path)?;
    println!("\n{}\nreport: {}", report.table(), path.display());
    ran?;
    report.verdict()
}

/// The folder for the logs: the one that a person named, or an empty one.
fn prepare(named: Option<&Path>, name: &str) -> Result<PathBuf> {
    let folder = std::path::absolute(named.map_or_else(|| workspace::target_dir(name), Path::to_owned))?;
    if named.is_none() {
        cache::remove(&folder)?;
    }
    cache::create(&folder)?;
    Ok(folder)
}
