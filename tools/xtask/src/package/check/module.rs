//! The module, built as DKMS builds it, for the plain kernel of the kernel suite.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, ensure};

use super::Made;
use crate::{
    cache,
    kernel::{self, Flavour, Kernel},
    shell::{self, Shell},
};

/// What DKMS does with `dkms.conf` and the name of one of its commands.
const BY_CONF: &str = r#"
source "$source_tree/dkms.conf"
test "$PACKAGE_NAME-$PACKAGE_VERSION" = "$1"
case "$kernelver" in "") exit 1;; esac
[[ $kernelver =~ $BUILD_EXCLUSIVE_KERNEL ]]
grep -q "^$BUILD_EXCLUSIVE_CONFIG=y" "$kernel_source_dir/include/config/auto.conf"
eval "${MAKE[0]}"
cp "$source_tree/$BUILT_MODULE_LOCATION/$BUILT_MODULE_NAME.ko" "$dkms_tree/"
eval "$CLEAN"
"#;

/// Builds the sources of the package unpacked at `root`, copied to `tree` as DKMS does. Returns the module's size.
pub(super) fn run(shell: &Shell, made: &Made, root: &Path, tree: &Path) -> Result<u64> {
    let name = format!("nova-{}", made.release.version);
    let source = root.join("usr/src").join(&name);
    let build = tree.join("nova").join(&made.release.version);
    cache::create(&build)?;
    let build = build.join("build");
    shell::capture(Command::new("cp").args(["--recursive", "--preserve"]).args([&source, &build]))?;

    let toolchain = kernel::toolchain(shell)?;
    let kernel = Kernel::ensure(shell, &toolchain, Flavour::Plain)?;
    let release = fs::read_to_string(kernel.dir().join("include/config/kernel.release"))
        .with_context(|| format!("{} does not say its release", kernel.dir().display()))?;
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut command = toolchain.command("bash");
    command
        .args(["-e", "-c", BY_CONF, "bash", &name])
        // Nothing may come from this machine's Cargo: the package has the crates.
        .env("CARGO_HOME", tree.join("no-cargo"))
        .env("MAKEFLAGS", format!("-j{jobs}"))
        .env("source_tree", &build)
        .env("dkms_tree", tree)
        .env("kernelver", release.trim())
        .env("kernel_source_dir", kernel.dir())
        .stdin(Stdio::null());
    shell.run(&mut command).context("the module does not build from its package")?;

    let module = fs::read(tree.join("nova.ko"))?;
    let vermagic = format!("vermagic={} ", release.trim());
    ensure!(
        module.windows(vermagic.len()).any(|part| part == vermagic.as_bytes()),
        "nova.ko is not for the kernel {}",
        release.trim()
    );
    Ok(u64::try_from(module.len())?)
}
