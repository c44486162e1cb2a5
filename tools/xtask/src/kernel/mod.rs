//! The kernels that nova's module is built against and runs in, and what is built against them.
//!
//! [`mod@toolchain`] gets the compilers, [`source`] Debian's kernel source, [`build`] makes a kernel of it and keeps what a
//! module needs, [`module`] builds modules against such a kernel or one that a person names. `docs/vm.md` is for the reader.

pub(crate) mod ahead;
mod build;
mod config;
pub(crate) mod figures;
pub(crate) mod module;
mod source;
mod toolchain;

use std::path::{Path, PathBuf};

use anyhow::Result;

use self::source::Source;
pub(crate) use self::toolchain::Toolchain;
use crate::shell::Shell;

/// Which of the two kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Flavour {
    /// Built for speed, as a kernel that people use.
    Plain,
    /// With everything on that reports a driver's mistakes: KASAN, lockdep and others.
    Debug,
}

impl Flavour {
    /// Both, in the order in which they run.
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::Debug];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Debug => "debug",
        }
    }

    /// The files in `tests/vm/kernel` that it is made of; a later one overrides.
    fn fragments(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["plain.config"],
            Self::Debug => &["plain.config", "debug.config"],
        }
    }

    /// What it gets on its command line besides what every guest gets.
    pub(crate) fn words(self) -> &'static [&'static str] {
        match self {
            // The test of suspend stops for this long instead of 5 s.
            Self::Plain => &["suspend.pm_test_delay=1"],
            // Every report of KASAN, not the first only.
            Self::Debug => &["suspend.pm_test_delay=1", "kasan_multi_shot"],
        }
    }
}

impl Flavour {
    /// What the programs that serve GPUs get besides what each gets.
    pub(crate) fn server_words(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            // For each function that is enabled or disabled, and has a pin, ACPI evaluates the firmware's table of pins: a second under
            // KASAN and kmemleak, which note the stack of each of its thousands of allocations. nova interrupts by messages.
            Self::Debug => &["--no-pin"],
        }
    }
}

/// A kernel that was built here, without its objects.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    dir: PathBuf,
    flavour: Flavour,
}

impl Kernel {
    /// The kernel in the cache, else a new one: some minutes on two processors.
    pub(crate) fn ensure(shell: &Shell, toolchain: &Toolchain, flavour: Flavour) -> Result<Self> {
        let source = Source::pinned()?;
        build::ensure(shell, toolchain, source, flavour).map(|dir| Self { dir, flavour })
    }

    pub(crate) fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The folder that a module's build takes as `KDIR`.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What QEMU boots.
    pub(crate) fn image(&self) -> PathBuf {
        self.dir.join(build::IMAGE)
    }

    /// The name of its entry in the cache: it changes with everything that it is made of.
    pub(crate) fn key(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The compilers for kernels and modules.
pub(crate) fn toolchain(shell: &Shell) -> Result<Toolchain> {
    Toolchain::ensure(shell)
}

/// Builds those of the kernels that the cache does not have.
pub(crate) fn prepare(shell: &Shell) -> Result<()> {
    let toolchain = toolchain(shell)?;
    Flavour::ALL.into_iter().try_for_each(|flavour| Kernel::ensure(shell, &toolchain, flavour).map(drop))
}
