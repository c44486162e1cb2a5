//! QEMU and the guest's kernel: Debian packages, unpacked into the cache and run from there.
//!
//! The versions are those of the lock file. When Debian has replaced one by a newer point
//! release, the newest of all is taken and said; nothing is fetched when the cache has it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    apt::{self, Apt},
    cache,
    lock::{self, Lock},
    shell::{self, Shell},
    workspace,
};

/// Debian's suites: the second has QEMU with vfio-user and the newest kernel, the first what they depend on.
const SUITES: [&str; 2] = ["trixie", "trixie-backports"];

/// What is wanted besides the kernel; the rest follows from what these depend on.
const WANTED: [&str; 3] = ["qemu-system-x86", "busybox-static", "kmod"];

/// The metapackage that depends on the newest kernel, and how the name of that begins.
const KERNEL: [&str; 2] = ["linux-image-amd64", "linux-image-"];

/// What is kept of the packages; the rest (documentation, translations, settings) is not run.
const KEPT: [&str; 5] = ["usr/bin", "usr/lib", "usr/lib64", "usr/share/qemu", "usr/share/seabios"];

/// The unpacked packages.
#[derive(Debug)]
pub(super) struct Tools {
    root: PathBuf,
    kernel: String,
}

impl Tools {
    /// Finds the packages in the cache, else fetches them.
    pub(super) fn ensure(shell: &Shell) -> Result<Self> {
        let lock = read_lock()?;
        let entry = entry(&lock.key())?;
        if let Some(tools) = Self::open(&entry).or_else(|| Self::substitute(&lock)) {
            return Ok(tools);
        }
        fetch(shell, &lock)
    }

    /// Writes the newest versions into the lock file, and fetches them.
    pub(super) fn relock(shell: &Shell) -> Result<Self> {
        let (apt, newest) = (open_apt(shell)?, lock_path());
        let newest_lock = resolve(&apt)?;
        let tools = unpack(shell, &apt, &newest_lock)?;
        fs::write(&newest, newest_lock.render())
            .with_context(|| format!("cannot write {}", newest.display()))?;
        shell::say(&format!("wrote {}", newest.display()));
        Ok(tools)
    }

    /// A complete entry of the cache.
    fn open(entry: &Path) -> Option<Self> {
        let mut modules = fs::read_dir(entry.join("usr/lib/modules")).ok()?;
        let kernel = modules.find_map(Result::ok)?.file_name().into_string().ok()?;
        let tools = Self { root: entry.to_owned(), kernel };
        (tools.qemu_program().exists() && tools.vmlinuz().exists()).then_some(tools)
    }

    /// What an earlier run took because Debian no longer had the locked versions.
    fn substitute(lock: &Lock) -> Option<Self> {
        let key = fs::read_to_string(substitute_note(lock).ok()?).ok()?;
        let tools = Self::open(&entry(key.trim()).ok()?)?;
        shell::say(&format!(
            "using {key}, which replaced the versions of {}; `--relock` writes them down",
            lock_path().display()
        ));
        Some(tools)
    }

    /// QEMU, run by the loader and with the libraries of its own packages.
    pub(super) fn qemu(&self) -> Command {
        let mut command = self.loaded(&self.qemu_program(), "qemu-system-x86_64");
        command.env("QEMU_MODULE_DIR", self.libraries().join("qemu"));
        for data in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(self.root.join(data));
        }
        command
    }

    /// The guest's kernel image.
    pub(super) fn vmlinuz(&self) -> PathBuf {
        self.modules().join("vmlinuz")
    }

    /// The folder of the kernel's modules, with `modules.dep`.
    pub(super) fn modules(&self) -> PathBuf {
        self.root.join("usr/lib/modules").join(&self.kernel)
    }

    /// A static busybox for the guest.
    pub(super) fn busybox(&self) -> PathBuf {
        self.root.join("usr/bin/busybox")
    }

    /// The kernel's release, as `uname -r` prints it.
    pub(super) fn kernel(&self) -> &str {
        &self.kernel
    }

    /// The cache entry's name: it changes with every package.
    pub(super) fn key(&self) -> String {
        self.root.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn qemu_program(&self) -> PathBuf {
        self.root.join("usr/bin/qemu-system-x86_64")
    }

    fn libraries(&self) -> PathBuf {
        self.root.join("usr/lib/x86_64-linux-gnu")
    }

    /// `program` of the packages, called `name`, under its own loader: the machine's libc may be older.
    fn loaded(&self, program: &Path, name: &str) -> Command {
        let libraries = self.libraries();
        let mut path = libraries.clone().into_os_string();
        path.push(":");
        path.push(libraries.join("pulseaudio"));
        let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
        command.args(["--argv0", name, "--library-path"]).arg(path).arg(program);
        command
    }

    /// Writes `modules.dep`, which a package's installation would have done.
    fn depmod(&self, shell: &Shell) -> Result<()> {
        std::os::unix::fs::symlink("usr/lib", self.root.join("lib"))?;
        let mut command = self.loaded(&self.root.join("usr/bin/kmod"), "depmod");
        shell.run(command.arg("-b").arg(&self.root).arg(&self.kernel))
    }
}

fn lock_path() -> PathBuf {
    workspace::root().join("tests/vm/packages.lock")
}

fn read_lock() -> Result<Lock> {
    let path = lock_path();
    let text = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}; `--relock` writes it anew", path.display()))?;
    Lock::parse(&text).with_context(|| format!("{} is damaged; `--relock` writes it anew", path.display()))
}

fn entry(key: &str) -> Result<PathBuf> {
    Ok(cache::root()?.join("vm").join(key))
}

/// The file that names the entry that stands in for the locked one.
fn substitute_note(lock: &Lock) -> Result<PathBuf> {
    entry(&format!("instead-of-{}", lock.key()))
}

fn open_apt(shell: &Shell) -> Result<Apt> {
    let apt = Apt::suites("vm", &SUITES)?;
    apt.update(shell)?;
    Ok(apt)
}

fn fetch(shell: &Shell, lock: &Lock) -> Result<Tools> {
    let apt = open_apt(shell)?;
    let there = lock::shown(&apt.show(&lock.pins()).unwrap_or_default());
    let gone = lock.packages().iter().filter(|package| !there.contains(package)).count();
    if gone == 0 {
        return unpack(shell, &apt, lock);
    }
    let newest = resolve(&apt)?;
    shell::say(&format!(
        "Debian no longer has {gone} of the packages in {} as they are written there; taking the newest:",
        lock_path().display()
    ));
    lock.changes(&newest).iter().for_each(|change| shell::say(&format!("  {change}")));
    shell::say("`cargo xtask vm --relock` writes these versions down");
    let tools = unpack(shell, &apt, &newest)?;
    fs::write(substitute_note(lock)?, newest.key())?;
    Ok(tools)
}

/// The newest versions of everything that is needed.
fn resolve(apt: &Apt) -> Result<Lock> {
    let depends = apt.depends(KERNEL[0])?;
    let release = newest_kernel(&depends).with_context(|| {
        format!("{} names no kernel: {SUITES:?} have changed, and {} has to follow", KERNEL[0], file!())
    })?;
    let kernel = [format!("linux-binary-{release}"), format!("linux-modules-{release}")];
    let wanted: Vec<_> = WANTED.into_iter().chain(kernel.iter().map(String::as_str)).collect();
    let pins = installed(&apt.simulate(&wanted)?);
    let found = lock::shown(&apt.show(&pins)?);
    if pins.is_empty() || found.len() != pins.len() {
        bail!("apt would install {} packages but its lists describe {}", pins.len(), found.len());
    }
    Lock::new(found)
}

/// The release of the kernel that the metapackage depends on.
fn newest_kernel(depends: &str) -> Option<&str> {
    depends.lines().find_map(|line| line.trim().strip_prefix("Depends: ")?.strip_prefix(KERNEL[1]))
}

/// `Inst name (version suite [architecture])`, as `name=version`.
fn installed(simulation: &str) -> Vec<String> {
    let pin = |line: &str| {
        let (name, rest) = line.strip_prefix("Inst ")?.split_once(" (")?;
        Some(format!("{name}={}", rest.split_whitespace().next()?))
    };
    simulation.lines().filter_map(pin).collect()
}

/// Downloads the packages and makes the cache entry. apt checks each file against its signed lists, and
/// the lists have been compared with the lock.
fn unpack(shell: &Shell, apt: &Apt, lock: &Lock) -> Result<Tools> {
    let entry = entry(&lock.key())?;
    if let Some(tools) = Tools::open(&entry) {
        return Ok(tools);
    }
    shell::say(&format!("fetching {} packages (QEMU and a kernel) from Debian", lock.packages().len()));
    let packages = apt.download_alone(shell, &lock.pins())?;
    if packages.len() != lock.packages().len() {
        bail!("apt downloaded {} packages of {}: run this again", packages.len(), lock.packages().len());
    }
    cache::fill(&entry, |into| {
        let whole = into.join("whole");
        cache::create(&whole)?;
        apt::unpack(shell, &packages, &whole)?;
        for kept in KEPT {
            let place = into.join(kept);
            place.parent().map_or(Ok(()), cache::create)?;
            fs::rename(whole.join(kept), &place).with_context(|| format!("the packages have no {kept}"))?;
        }
        cache::remove(&whole)?;
        fs::write(into.join("packages.lock"), lock.render())?;
        let tools = Tools::open(into).context("the packages lack QEMU or the kernel")?;
        tools.depmod(shell)
    })?;
    apt.forget_downloads()?;
    shell::say(&format!("unpacked into {}", entry.display()));
    Tools::open(&entry).with_context(|| format!("{} is damaged: remove it", entry.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read_from_the_metapackage() {
        let text =
            "linux-image-amd64\n  Depends: linux-base-amd64\n  Depends: linux-image-7.3.4+deb13-amd64\n";
        assert_eq!(newest_kernel(text), Some("7.3.4+deb13-amd64"));
        assert_eq!(newest_kernel("linux-image-amd64\n"), None);
    }

    #[test]
    fn simulated_installations_are_pins() {
        let text = "Inst gcc-14-base (14.2.0-19 Debian:13.7/stable [amd64])\n\
                    Inst libc6 (2.41-12+deb13u4 Debian:13.7/stable [amd64]) []\n\
                    Conf libc6 (2.41-12+deb13u4 Debian:13.7/stable [amd64])\n";
        assert_eq!(installed(text), ["gcc-14-base=14.2.0-19", "libc6=2.41-12+deb13u4"]);
    }

    #[test]
    fn the_lock_file_of_the_repository_can_be_read() {
        let lock = read_lock().unwrap();
        for wanted in WANTED {
            assert!(lock.packages().iter().any(|package| package.name == wanted), "{wanted}");
        }
    }
}
