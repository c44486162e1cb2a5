//! Modules against a kernel: nova's own, and those of the suite.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::{Flavour, Kernel, Toolchain, figures};
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
    /// Build the module that the kernel suite runs: with its debug calls and self-tests in it.
    #[arg(long)]
    tests: bool,
    /// Print the size of each crate in it as well.
    #[arg(long)]
    sizes: bool,
}

/// Builds `nova.ko` and says where it is.
pub(crate) fn run(shell: &Shell, args: &Args) -> Result<()> {
    let toolchain = super::toolchain(shell)?;
    let (kdir, name) = match &args.kdir {
        Some(dir) => (checked(dir)?, "kdir"),
        None => (Kernel::ensure(shell, &toolchain, args.flavour)?.dir().to_owned(), args.flavour.name()),
    };
    let module = nova(shell, &toolchain, &kdir, name, args.tests)?;
    let bytes = fs::metadata(&module)?.len();
    shell::say(&format!("{} ({} KiB) for {}", module.display(), bytes.div_ceil(1024), kdir.display()));
    if args.sizes
        && let Some(folder) = module.parent()
    {
        shell.print(&figures::sizes(&toolchain, folder)?)?;
    }
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

/// Builds nova's module against the kernel in `kdir`, in a folder of `target/kmod/NAME`.
pub(crate) fn nova(
    shell: &Shell,
    toolchain: &Toolchain,
    kdir: &Path,
    name: &str,
    with_tests: bool,
) -> Result<PathBuf> {
    // Puts the crates that the module links where its Kbuild file looks for them.
    shell.run(shell::cargo().current_dir(workspace::root()).args(["fetch", "--quiet", "--locked"]))?;
    let output =
        workspace::target_dir("kmod").join(name).join(if with_tests { "nova-tests" } else { "nova" });
    let more: &[_] = if with_tests { &["NOVA_DEBUG=1"] } else { &[] };
    let source = workspace::root().join("kernel-glue");
    build(shell, toolchain, kdir, &Module { source: &source, name: "nova", more, output })
}

/// Builds the modules that only the kernel suite has: each folder of `tests/vm/kernel` makes the module of its name.
pub(crate) fn of_the_suite(
    shell: &Shell,
    toolchain: &Toolchain,
    kdir: &Path,
    name: &str,
) -> Result<Vec<PathBuf>> {
    let mut modules = Vec::new();
    for entry in fs::read_dir(workspace::root().join("tests/vm/kernel"))? {
        let source = entry?.path();
        let Some(module) = source.file_name().and_then(|name| name.to_str()) else { continue };
        if source.join("Kbuild").exists() {
            let output = workspace::target_dir("kmod").join(name).join(module);
            let module = Module { source: &source, name: module, more: &[], output };
            modules.push(build(shell, toolchain, kdir, &module)?);
        }
    }
    modules.sort();
    Ok(modules)
}

/// What a module is built of.
struct Module<'m> {
    /// The folder with its Kbuild file.
    source: &'m Path,
    name: &'m str,
    /// More variables for make.
    more: &'m [&'m str],
    /// Where everything that is made goes.
    output: PathBuf,
}

fn build(shell: &Shell, toolchain: &Toolchain, kdir: &Path, module: &Module<'_>) -> Result<PathBuf> {
    let Module { source, name, more, output } = module;
    cache::create(output)?;
    let mut command = toolchain.make(kdir);
    command
        .arg(format!("M={}", source.display()))
        .arg(format!("MO={}", output.display()))
        .args(*more)
        .args(["--silent", "--no-print-directory", "modules"]);
    shell.run(&mut command).with_context(|| format!("cannot build {name}.ko against {}", kdir.display()))?;
    let file = output.join(format!("{name}.ko"));
    if !file.exists() {
        bail!("the build of {} has made no {name}.ko", source.display());
    }
    Ok(file)
}
