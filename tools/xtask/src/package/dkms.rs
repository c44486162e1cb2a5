//! The kernel module's package: its sources, which DKMS builds for each kernel of the machine.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{
    deb::{self, Control},
    licences,
    release::Release,
    staged::Staged,
    vendor,
};
use crate::{
    shell::{self, Shell},
    workspace,
};

/// What of the checkout the module is built of.
const SOURCES: [&str; 11] = [
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "core/Cargo.toml",
    "core/src",
    "backends/Cargo.toml",
    "backends/src",
    "kernel-glue/Kbuild",
    "kernel-glue/LICENSE-GPL-2.0",
    "kernel-glue/src",
    "kernel-glue/include",
];

/// The same for Rust programs: the module has it too.
const ABI: [&str; 2] = ["kernel-glue/abi/Cargo.toml", "kernel-glue/abi/src"];

const DESCRIPTION: &str = "driver core for NVIDIA GPUs, kernel module (DKMS source)
 The sources of nova.ko with the Rust crates that it links. DKMS builds them
 for each installed kernel that is Linux 7.3 or later and has CONFIG_RUST=y; it
 skips others. That takes LLVM and the rustc that the kernel was built with:
 a module of another rustc does not load.";

/// `dkms.conf`. DKMS reads it as a shell script in which the variables it names are set.
const CONF: &str = r#"# nova.ko for DKMS: dkms(8) describes the settings.
PACKAGE_NAME="nova"
PACKAGE_VERSION="@VERSION@"
BUILT_MODULE_NAME[0]="nova"
BUILT_MODULE_LOCATION[0]="kernel-glue"
DEST_MODULE_LOCATION[0]="/updates/dkms"
# Linux 7.3 and later, built with Rust.
BUILD_EXCLUSIVE_CONFIG="CONFIG_RUST"
BUILD_EXCLUSIVE_KERNEL="^(7\.([3-9]|[1-9][0-9])|[89]\.|[1-9][0-9]+\.).*"
MAKE[0]="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build/kernel-glue NOVA_CRATES=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build/vendor LLVM=1 modules"
CLEAN="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build/kernel-glue NOVA_CRATES=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build/vendor LLVM=1 clean"
AUTOINSTALL="yes"
"#;

/// Makes `nova-dkms_VERSION_all.deb` in `out`; `scratch` is an empty folder.
pub(super) fn build(shell: &Shell, release: &Release, scratch: &Path, out: &Path) -> Result<PathBuf> {
    let staged = Staged::new(&scratch.join("nova-dkms"))?;
    let folder = format!("usr/src/nova-{}", release.version);
    let source = Staged::new(&staged.root().join(&folder))?;
    for file in sources()? {
        source.copy(&workspace::root().join(&file), &file)?;
    }
    vendor::copy(release, &source)?;
    source.put("dkms.conf", CONF.replace("@VERSION@", &release.version))?;

    deb::documents(shell, &staged, "nova-dkms", licences::MODULE)?;
    let control = Control {
        package: "nova-dkms",
        architecture: "all",
        section: "kernel",
        depends: "dkms",
        fields: &[("Recommends", "clang, lld, llvm, rustc")],
        files: &[],
        description: DESCRIPTION,
    };
    deb::build(shell, release, &staged, &control, out)
}

/// The files of [`SOURCES`] and [`ABI`] that git knows.
fn sources() -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.current_dir(workspace::root()).args(["ls-files", "--"]).args(SOURCES).args(ABI);
    let said = shell::capture(&mut command).context("git says which files are part of the sources")?;
    let files: Vec<_> = said.lines().map(str::to_owned).collect();
    let absent = |source: &&&str| !files.iter().any(|file| Path::new(file).starts_with(source));
    if let Some(missing) = SOURCES.iter().chain(&ABI).find(absent) {
        bail!("git knows no file of {missing}");
    }
    Ok(files)
}
