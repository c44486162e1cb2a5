//! What runs in the guest: our programs, linked statically, and an initramfs around them.

mod cpio;
pub(super) mod given;
mod modules;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nova_vm_tests::{FLAVOUR_FILE, MODULE_LIST};

use self::{
    cpio::{Archive, Entry},
    modules::Modules,
};
use super::fetch::Tools;
use crate::{
    shell::{self, Shell},
    workspace,
};

/// The target of the guest's programs. Named, so that the flags below do not reach build scripts.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What the cases need; modules that these need come with them.
const MODULES: [&str; 2] = ["vfio-pci", "vfio_iommu_type1"];

/// The static programs.
#[derive(Debug)]
pub(super) struct Programs {
    dir: PathBuf,
}

impl Programs {
    /// Builds them; a second time takes no time.
    pub(super) fn build(shell: &Shell) -> Result<Self> {
        let target_dir = workspace::target_dir("vm-guest");
        let mut command = shell::cargo();
        command
            .current_dir(workspace::root())
            .env("CARGO_TARGET_DIR", &target_dir)
            .env("RUSTFLAGS", "-C target-feature=+crt-static -C strip=symbols")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            // Would be made only to be stripped.
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .args(["build", "--quiet", "--release", "--target", TARGET, "--bins"])
            // Without what draws: a guest has no screen to speak of.
            .args(["--no-default-features", "-p", "nova", "-p", "nova-vm-tests"]);
        shell.run(&mut command).context("cannot build the guest's programs")?;
        Ok(Self { dir: target_dir.join(TARGET).join("release") })
    }

    /// The `nova` tool. Being static it runs on this machine as well.
    pub(super) fn nova(&self) -> PathBuf {
        self.dir.join("nova")
    }

    fn runner(&self) -> PathBuf {
        self.dir.join("nova-vm-guest")
    }
}

/// What comes with a kernel of nova's own: it has no modules but these, which the cases load.
#[derive(Debug)]
pub(super) struct Own<'m> {
    pub(super) flavour: &'static str,
    /// As files of this machine.
    pub(super) modules: &'m [PathBuf],
}

/// Writes the initramfs to `path`, for the stock kernel or for one of nova's own. The modules `given` are in
/// `/lib/modules` then, not loaded.
pub(super) fn initramfs(
    tools: &Tools,
    programs: &Programs,
    own: Option<&Own<'_>>,
    given: &[PathBuf],
    path: &Path,
) -> Result<()> {
    let mut archive = Archive::default();
    archive.add("/dev/console", Entry::Device(5, 1));
    for (place, file) in
        [("/init", programs.runner()), ("/bin/nova", programs.nova()), ("/bin/busybox", tools.busybox())]
    {
        archive.add(place, Entry::File(&read(&file)?, true));
    }
    for applet in ["sh", "ls", "cat", "dmesg", "lspci", "mount", "ps", "poweroff", "insmod", "rmmod"] {
        archive.add(&format!("/bin/{applet}"), Entry::Link("busybox"));
    }
    for (name, module) in given::beside(own.map_or(&[], |own| own.modules), given)? {
        archive.add(&format!("/lib/modules/{name}"), Entry::File(&read(module)?, false));
    }
    match own {
        Some(own) => {
            archive.add(FLAVOUR_FILE, Entry::File(own.flavour.as_bytes(), false));
            archive.add(MODULE_LIST, Entry::File(&[], false));
        }
        None => add_modules(tools, &mut archive)?,
    }
    fs::write(path, archive.finish()).with_context(|| format!("cannot write {}", path.display()))
}

fn add_modules(tools: &Tools, archive: &mut Archive) -> Result<()> {
    let folder = tools.modules();
    let [dep, builtin] = ["modules.dep", "modules.builtin"].map(|name| read(&folder.join(name)));
    let (dep, builtin) = (String::from_utf8(dep?)?, String::from_utf8(builtin?)?);
    let mut list = String::new();
    for file in Modules::parse(&dep, &builtin).resolve(&MODULES)? {
        let place = format!("/lib/modules/{}/{file}", tools.kernel());
        archive.add(&place, Entry::File(&read(&folder.join(file))?, false));
        list.extend([place.as_str(), "\n"]);
    }
    archive.add(MODULE_LIST, Entry::File(list.as_bytes(), false));
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
