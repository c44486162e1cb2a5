//! QEMU for microcontrollers: the machine's own, or Debian's packages unpacked into the cache.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    apt::{self, Apt},
    cache,
    shell::{self, Shell},
};

/// The programs.
pub(super) const ARM: &str = "qemu-system-arm";
pub(super) const RISCV: &str = "qemu-system-riscv32";

/// The packages that they are in.
const PACKAGES: [&str; 2] = ["qemu-system-arm", "qemu-system-misc"];

/// Where Debian puts programs and libraries.
const BIN: &str = "usr/bin";
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];

/// Where the emulators are.
pub(super) enum Emulators {
    OnThePath,
    /// The packages and what they depend on that the machine does not have, unpacked.
    Unpacked(PathBuf),
}

impl Emulators {
    /// Finds the emulators on the path or in the cache, else fetches them.
    pub(super) fn ensure(shell: &Shell) -> Result<Self> {
        if Self::OnThePath.can_run() {
            return Ok(Self::OnThePath);
        }
        let entry = cache::root()?.join("qemu-bare-metal");
        let unpacked = Self::Unpacked(entry.clone());
        if !unpacked.can_run() {
            fetch(shell, &entry).with_context(|| {
                format!("{ARM} and {RISCV} are needed: install Debian's {}", PACKAGES.join(" and "))
            })?;
        }
        Ok(unpacked)
    }

    /// One of the programs.
    pub(super) fn command(&self, program: &str) -> Command {
        match self {
            Self::OnThePath => Command::new(program),
            Self::Unpacked(root) => {
                let libraries = LIBRARIES.map(|folder| root.join(folder).display().to_string());
                let mut command = Command::new(root.join(BIN).join(program));
                // The rest of the libraries are the machine's, of the same release.
                command.env("LD_LIBRARY_PATH", libraries.join(":"));
                command
            }
        }
    }

    /// Whether both start. Unpacked ones may not on a machine that has lost a library since.
    fn can_run(&self) -> bool {
        [ARM, RISCV].iter().all(|program| shell::capture(self.command(program).arg("--version")).is_ok())
    }
}

fn fetch(shell: &Shell, entry: &Path) -> Result<()> {
    shell::say(&format!("installing QEMU for Arm and RISC-V from Debian into {}", entry.display()));
    let apt = Apt::machine()?;
    apt.update(shell)?;
    let packages = apt.download(shell, &apt.newest(&PACKAGES)?)?;
    shell::say(&format!("unpacking {}", apt::names(&packages)));
    cache::fill(entry, |into| {
        let whole = into.join("whole");
        cache::create(&whole)?;
        apt::unpack(shell, &packages, &whole)?;
        keep(&whole, into)?;
        cache::remove(&whole)
    })?;
    apt.forget_downloads()
}

/// Keeps the two programs and the libraries: the packages are for thirty machines more.
fn keep(whole: &Path, into: &Path) -> Result<()> {
    let programs = [ARM, RISCV].map(|program| Path::new(BIN).join(program));
    // Of the libraries, those are there that the machine does not have: in both folders, in one or in none.
    let libraries = LIBRARIES.iter().map(PathBuf::from).filter(|folder| whole.join(folder).exists());
    for kept in programs.into_iter().chain(libraries) {
        let place = into.join(&kept);
        place.parent().map_or(Ok(()), cache::create)?;
        fs::rename(whole.join(&kept), &place)
            .with_context(|| format!("the packages have no {}", kept.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_is_run() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, into) = (dir.path().join("whole"), dir.path().join("entry"));
        for file in ["usr/bin/qemu-system-arm", "usr/bin/qemu-system-riscv32", "usr/bin/qemu-system-avr"] {
            let file = whole.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
        }
        fs::create_dir_all(whole.join(LIBRARIES[1])).unwrap();
        keep(&whole, &into).unwrap();
        let emulators = Emulators::Unpacked(into.clone());
        for program in [ARM, RISCV] {
            assert!(Path::new(emulators.command(program).get_program()).exists(), "{program}");
        }
        assert!(!into.join("usr/bin/qemu-system-avr").exists());
        assert!(into.join(LIBRARIES[1]).exists());
        assert!(!emulators.can_run(), "these are no programs");
    }
}
