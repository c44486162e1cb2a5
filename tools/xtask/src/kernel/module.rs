//! Modules against a kernel: nova's own, and those of the suite.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::{Flavour, Kernel, Toolchain};
use crate::{
    cache,
    shell::{self, Shell},
    workspace,
};

/// Options of `cargo xtask kmod`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The build folder of a Rust-enabled kernel, such as `/lib/modules/$(uname -r)/build`; without it the kernel that
    /// `cargo xtask vm --kernel` boots.
    #[arg(long, value_name = "FOLDER", conflicts_with = "flavour")]
    kdir: Option<PathBuf>,
    /// Which of our own kernels.
    #[arg(long, default_value = "plain")]
    flavour: Flavour,
}

/// Builds `nova.ko` and says where it is.
pub(crate) fn run(shell: &Shell, args: &Args) -> Result<()> {
    let toolchain = super::toolchain(shell)?;
    let (kdir, name) = match &args.kdir {
        Some(dir) => (checked(dir)?, "kdir"),
        None => (Kernel::ensure(shell, &toolchain, args.flavour)?.dir().to_owned(), args.flavour.name()),
    };
    let module = nova(shell, &toolchain, &kdir, name)?;
    let bytes = fs::metadata(&module)?.len();
    shell::say(&format!("{} ({} KiB) for {}", module.display(), bytes.div_ceil(1024), kdir.display()));
    Ok(())
}

/// The folder, absolute, if it can build Rust modules.
fn checked(kdir: &Path) -> Result<PathBuf> {
    let kdir = fs::canonicalize(kdir).with_context(|| format!("there is no folder {}", kdir.display()))?;
    let settings = kdir.join("include/config/auto.conf");
    let text = fs::read_to_string(&settings).with_context(|| {
        format!("{} is no kernel's build folder, or not a configured one", kdir.display())
    })?;
    if !text.lines().any(|line| line == "CONFIG_RUST=y") {
        bail!("the kernel of {} is built without CONFIG_RUST: it cannot load a Rust module", kdir.display());
    }
    Ok(kdir)
}

/// Builds nova's module against the kernel in `kdir`, in `target/kmod/NAME`.
pub(crate) fn nova(shell: &Shell, toolchain: &Toolchain, kdir: &Path, name: &str) -> Result<PathBuf> {
    build(shell, toolchain, kdir, &workspace::root().join("kernel-glue"), "nova", name)
}

/// Builds `MODULE.ko` of the Kbuild file in `source`, in `target/kmod/NAME/MODULE`.
pub(crate) fn build(
    shell: &Shell,
    toolchain: &Toolchain,
    kdir: &Path,
    source: &Path,
    module: &str,
    name: &str,
) -> Result<PathBuf> {
    let output = workspace::target_dir("kmod").join(name).join(module);
    cache::create(&output)?;
    let mut command = toolchain.make(kdir);
    command.arg(format!("M={}", source.display())).arg(format!("MO={}", output.display())).args([
        "--silent",
        "--no-print-directory",
        "modules",
    ]);
    shell
        .run(&mut command)
        .with_context(|| format!("cannot build {module}.ko against {}", kdir.display()))?;
    let file = output.join(format!("{module}.ko"));
    if !file.exists() {
        bail!("the build of {} has made no {module}.ko", source.display());
    }
    Ok(file)
}
