//! Debian's source of the kernel, unpacked into the cache once for all kernels.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::Toolchain;
use crate::{
    apt::{self, Apt},
    cache,
    lock::{self, Lock},
    shell::{self, Shell},
    workspace,
};

/// The Debian suite with the newest kernel.
const SUITE: &str = "trixie-backports";

/// What no kernel here is built of, as `tar --exclude` takes it, under the archive's one folder; two thirds of the size. Makefiles and Kconfig files
/// stay, because the others refer to them.
const LEFT_OUT: [&str; 14] = [
    "Documentation/*/*",
    "arch/[!x]*.[chS]",
    "arch/xtensa/*.[chS]",
    "arch/*/boot/dts/*",
    "drivers/gpu/*.[ch]",
    "drivers/net/*.[ch]",
    "drivers/media/*.[ch]",
    "drivers/staging/*.[ch]",
    "drivers/infiniband/*.[ch]",
    "drivers/scsi/*.[ch]",
    "drivers/accel/*.[ch]",
    "sound/*.[ch]",
    "tools/testing/*",
    "tools/perf/*",
];

/// How the name of the archive in the package ends.
const ENDING: &str = ".tar.xz";

/// One version of the source package. It is fetched only when a kernel has to be built.
#[derive(Debug)]
pub(super) struct Source {
    lock: Lock,
}

impl Source {
    /// The version that the lock file names, or the one that had to stand in for it.
    pub(super) fn pinned() -> Result<Self> {
        let path = workspace::root().join("tests/vm/kernel/source.lock");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let lock = Lock::parse(&text).with_context(|| format!("{} is damaged", path.display()))?;
        let stand_in = fs::read_to_string(note(&lock)?).ok().and_then(|text| Lock::parse(&text).ok());
        Ok(Self { lock: stand_in.unwrap_or(lock) })
    }

    /// The package's name, version and checksum: what a kernel's name in the cache is made of.
    pub(super) fn identity(&self) -> String {
        self.lock.render()
    }

    /// The unpacked source, and the version that it is.
    pub(super) fn ensure(self, shell: &Shell, toolchain: &Toolchain) -> Result<(Self, PathBuf)> {
        let entry = self.entry()?;
        if entry.exists() {
            return Ok((self, entry));
        }
        let apt = Apt::suite(SUITE)?;
        apt.update(shell)?;
        let this = self.or_newest(&apt)?;
        let entry = this.entry()?;
        if !entry.exists() {
            this.unpack(shell, toolchain, &apt, &entry)?;
        }
        Ok((this, entry))
    }

    fn entry(&self) -> Result<PathBuf> {
        Ok(cache::root()?.join("kernel").join(format!("source-{}", self.lock.key())))
    }

    /// This version if Debian still has it, else the newest, which is then remembered.
    fn or_newest(self, apt: &Apt) -> Result<Self> {
        let there = lock::shown(&apt.show(&self.lock.pins()).unwrap_or_default());
        if self.lock.packages().iter().all(|package| there.contains(package)) {
            return Ok(self);
        }
        let Some(name) = self.lock.packages().first().map(|package| package.name.clone()) else {
            bail!("tests/vm/kernel/source.lock names no package");
        };
        let versions = apt.versions(&name)?;
        let Some(newest) = versions.first() else {
            bail!(
                "{SUITE} no longer has {name}: name its successor in tests/vm/kernel/source.lock, after a check \
                 that the module builds with it"
            );
        };
        let newest = Lock::new(lock::shown(&apt.show(&[format!("{name}={newest}")])?))?;
        self.lock.changes(&newest).iter().for_each(|change| shell::say(&format!("Debian has {change}")));
        let note = note(&self.lock)?;
        note.parent().map_or(Ok(()), cache::create)?;
        fs::write(&note, newest.render()).with_context(|| format!("cannot write {}", note.display()))?;
        Ok(Self { lock: newest })
    }

    fn unpack(&self, shell: &Shell, toolchain: &Toolchain, apt: &Apt, entry: &Path) -> Result<()> {
        shell::say(&format!("fetching the kernel's source into {}", entry.display()));
        let packages = apt.download_alone(shell, &self.lock.pins())?;
        let [package] = &packages[..] else {
            bail!("apt downloaded {} packages instead of one", packages.len())
        };
        cache::fill(entry, |into| {
            let whole = into.join("whole");
            cache::create(&whole)?;
            apt::unpack(shell, &packages, &whole)?;
            let archive = archive(&whole.join("usr/src"))
                .with_context(|| format!("{} holds no archive of the source", package.display()))?;
            let mut command = Command::new("tar");
            // For xz, which tar starts.
            toolchain.equip(&mut command);
            command.arg("-xf").arg(&archive).arg("-C").arg(into).arg("--strip-components=1");
            command.args(exclusions(&archive)?);
            shell.run(&mut command)?;
            cache::remove(&whole)
        })?;
        apt.forget_downloads()
    }
}

fn archive(folder: &Path) -> Option<PathBuf> {
    let paths = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    paths.into_iter().find(|path| path.to_string_lossy().ends_with(ENDING))
}

/// [`LEFT_OUT`] for tar. The archive's folder is called as the archive.
fn exclusions(archive: &Path) -> Result<Vec<String>> {
    let name = archive.file_name().map(|name| name.to_string_lossy().into_owned());
    let folder = name
        .and_then(|name| Some(name.strip_suffix(ENDING)?.to_owned()))
        .context("an archive without a name")?;
    let exclude = |pattern: &&str| format!("--exclude={folder}/{pattern}");
    Ok(["--anchored".to_owned()].into_iter().chain(LEFT_OUT.iter().map(exclude)).collect())
}

/// The file that says what stands in for `lock`.
fn note(lock: &Lock) -> Result<PathBuf> {
    Ok(cache::root()?.join("kernel").join(format!("source-instead-of-{}", lock.key())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_of_the_repository_names_one_package() {
        let text = fs::read_to_string(workspace::root().join("tests/vm/kernel/source.lock")).unwrap();
        let lock = Lock::parse(&text).unwrap();
        assert_eq!(lock.packages().len(), 1);
        assert!(lock.packages()[0].name.starts_with("linux-source-"));
    }

    #[test]
    fn what_is_left_out_is_left_out_at_the_top_only() {
        let excluded = exclusions(Path::new("/a/usr/src/linux-source-7.3.tar.xz")).unwrap();
        assert_eq!(excluded[0], "--anchored");
        assert!(excluded.contains(&"--exclude=linux-source-7.3/drivers/gpu/*.[ch]".to_owned()));
        assert!(exclusions(Path::new("/a/usr/src/linux.zip")).is_err());
    }
}
