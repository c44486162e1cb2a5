//! Debian packages without installing them: apt with a state and cache folder of its
//! own, and `dpkg-deb` to unpack. The machine's apt lists and installed packages
//! stay as they are, and nothing here needs root.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    cache,
    shell::{self, Shell},
};

/// Where the public keys of Debian's archive are.
const KEYRINGS: &str = "/usr/share/keyrings";

/// apt with its own lists and downloads, in a folder of the cache.
#[derive(Debug)]
pub(crate) struct Apt {
    dir: PathBuf,
    options: Vec<String>,
    /// Held for as long as this lives: the folder is one run's at a time.
    _lock: File,
}

impl Apt {
    /// The machine's own package sources, against the machine's installed packages.
    pub(crate) fn machine() -> Result<Self> {
        Self::new("machine", "/var/lib/dpkg/status", &[])
    }

    /// One other suite of the Debian mirror that the machine uses, such as
    /// `trixie-backports`, with nothing counted as installed.
    pub(crate) fn suite(suite: &str) -> Result<Self> {
        Self::suites(suite, &[suite])
    }

    /// Several suites of that mirror, with nothing counted as installed. `name` names the folder of the cache;
    /// of a package that several suites have, the last suite's version is taken.
    pub(crate) fn suites(name: &str, suites: &[&str]) -> Result<Self> {
        need("apt-get")?;
        let dir = folder(name)?;
        cache::create(&dir)?;
        let mirror = mirror()?;
        let line = |suite: &&str| -> Result<String> {
            Ok(format!("deb [signed-by={}] {mirror} {suite} main\n", keyring(suite)?.display()))
        };
        let lines = suites.iter().map(line).collect::<Result<String>>()?;
        let (sources, status) = (dir.join("sources.list"), dir.join("status"));
        // Written once: another run may be reading them.
        if fs::read_to_string(&sources).ok().as_ref() != Some(&lines) {
            fs::write(&sources, lines)?;
            fs::write(&status, "")?;
        }
        let sources = format!("Dir::Etc::sourcelist={}", sources.display());
        let mut options = vec![sources, "Dir::Etc::sourceparts=-".to_owned()];
        options.extend(suites.last().map(|suite| format!("APT::Default-Release={suite}")));
        Self::new(name, &status.display().to_string(), &options)
    }

    fn new(name: &str, status: &str, more: &[String]) -> Result<Self> {
        need("apt-get")?;
        need("dpkg-deb")?;
        let dir = folder(name)?;
        cache::create(&dir.join("lists/partial"))?;
        cache::create(&dir.join("archives/partial"))?;
        let at = dir.display();
        let mut options = vec![
            format!("Dir::State={at}"),
            format!("Dir::State::lists={at}/lists"),
            format!("Dir::State::status={status}"),
            format!("Dir::Cache={at}"),
            format!("Dir::Cache::archives={at}/archives"),
            // The folders are this user's, so apt's user is not wanted, and its locks, which fail instead of waiting, are
            // not either: there is one of our own.
            "APT::Sandbox::User=root".to_owned(),
            "Debug::NoLocking=1".to_owned(),
        ];
        options.extend_from_slice(more);
        let lock = File::create(dir.join("nova.lock"))?;
        lock.lock().with_context(|| format!("cannot lock {}", dir.display()))?;
        Ok(Self { dir, options, _lock: lock })
    }

    /// Fetches the package lists.
    pub(crate) fn update(&self, shell: &Shell) -> Result<()> {
        let mut command = self.command("apt-get");
        // Names of programs and services (DEP-11) are not looked for here.
        command.args(["-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false", "-qq", "update"]);
        shell.run(&mut command).context(
            "cannot fetch Debian's package lists; `apt-get update` shows whether the machine's mirror answers",
        )
    }

    /// The versions of `package` that can be had, as apt lists them (newest first).
    pub(crate) fn versions(&self, package: &str) -> Result<Vec<String>> {
        let text = shell::capture(self.command("apt-cache").args(["madison", package]))?;
        Ok(madison(&text))
    }

    /// `packages`, each as `name=version` with its newest version.
    pub(crate) fn newest(&self, packages: &[&str]) -> Result<Vec<String>> {
        let newest = |package: &&str| {
            let version = self.versions(package)?.into_iter().next();
            Ok(format!("{package}={}", version.with_context(|| format!("apt knows no package '{package}'"))?))
        };
        packages.iter().map(newest).collect()
    }

    /// What would be installed for `packages` (names, or `name=version`), with all they depend on: the lines of
    /// `apt-get --simulate`.
    pub(crate) fn simulate(&self, packages: &[&str]) -> Result<String> {
        let mut command = self.command("apt-get");
        command.args(["-qq", "--yes", "--no-install-recommends", "--simulate", "install"]).args(packages);
        shell::capture(&mut command)
    }

    /// What the signed lists say of `packages` (`name=version`), one paragraph each; an error if one is not there.
    pub(crate) fn show(&self, packages: &[String]) -> Result<String> {
        shell::capture(self.command("apt-cache").args(["--quiet", "show"]).args(packages))
    }

    /// What `package` depends on: the lines of `apt-cache depends`.
    pub(crate) fn depends(&self, package: &str) -> Result<String> {
        shell::capture(self.command("apt-cache").args(["--important", "depends", package]))
    }

    /// Downloads `packages` (`name=version`) and those they depend on that the
    /// status file does not list; what was downloaded earlier goes first.
    pub(crate) fn download(&self, shell: &Shell, packages: &[String]) -> Result<Vec<PathBuf>> {
        self.forget_downloads()?;
        let mut command = self.command("apt-get");
        command
            .args(["-qq", "--yes", "--no-install-recommends", "--reinstall", "--allow-downgrades"])
            .args(["install", "--download-only"])
            .args(packages);
        shell.run(&mut command).with_context(|| format!("cannot download {}", packages.join(", ")))?;
        self.downloads()
    }

    /// Downloads exactly `packages` (`name=version`), without what they depend on.
    pub(crate) fn download_alone(&self, shell: &Shell, packages: &[String]) -> Result<Vec<PathBuf>> {
        self.forget_downloads()?;
        let mut command = self.command("apt-get");
        command.current_dir(self.archives()).args(["-qq", "download"]).args(packages);
        shell.run(&mut command).with_context(|| format!("cannot download {}", packages.join(", ")))?;
        self.downloads()
    }

    /// Removes the downloaded packages; what is kept is what was unpacked.
    pub(crate) fn forget_downloads(&self) -> Result<()> {
        cache::remove(&self.archives())?;
        cache::create(&self.archives().join("partial"))
    }

    fn archives(&self) -> PathBuf {
        self.dir.join("archives")
    }

    fn downloads(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.archives())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                found.push(path);
            }
        }
        found.sort();
        if found.is_empty() {
            bail!("apt-get downloaded nothing into {}", self.archives().display());
        }
        Ok(found)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C.UTF-8");
        for option in &self.options {
            command.args(["-o", option]);
        }
        command
    }
}

/// Unpacks Debian packages into one folder, as if they were installed there.
pub(crate) fn unpack(shell: &Shell, packages: &[PathBuf], into: &Path) -> Result<()> {
    for package in packages {
        shell.run(Command::new("dpkg-deb").arg("-x").arg(package).arg(into))?;
    }
    Ok(())
}

/// The line that tells a person what was downloaded, from the packages' file names.
pub(crate) fn names(packages: &[PathBuf]) -> String {
    let stems = packages.iter().filter_map(|path| path.file_stem()).map(|stem| stem.to_string_lossy());
    stems
        .map(|stem| stem.replace("%3a", ":").replacen('_', " ", 1))
        .map(|name| without_architecture(&name))
        .collect::<Vec<_>>()
        .join(", ")
}

fn without_architecture(name: &str) -> String {
    name.rsplit_once('_').map_or(name, |(front, _)| front).to_owned()
}

fn folder(name: &str) -> Result<PathBuf> {
    Ok(cache::root()?.join("apt").join(name))
}

fn need(program: &str) -> Result<()> {
    if shell::exists(program) {
        return Ok(());
    }
    bail!("this machine has no {program}: packages can be fetched on Debian and its relatives only")
}

/// The keys that sign `suite`, `trixie-backports` for example, or all of Debian's.
fn keyring(suite: &str) -> Result<PathBuf> {
    let release = suite.split('-').next().unwrap_or(suite);
    let names = [format!("debian-archive-{release}-automatic.gpg"), "debian-archive-keyring.gpg".to_owned()];
    let found = names.iter().map(|name| Path::new(KEYRINGS).join(name)).find(|path| path.exists());
    found.with_context(|| {
        format!("no key of Debian's archive in {KEYRINGS}: run `apt-get install debian-archive-keyring`")
    })
}

/// The address of the Debian mirror in the machine's own apt sources.
fn mirror() -> Result<String> {
    let format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
    let targets = shell::capture(Command::new("apt-get").args([
        "indextargets",
        "--format",
        format,
        "Created-By: Packages",
    ]))?;
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    mirror_in(&targets, codename(&release)).context(
        "apt's own sources name no Debian mirror: `apt-get indextargets` lists no 'main' of this release",
    )
}

/// `VERSION_CODENAME` of /etc/os-release.
fn codename(os_release: &str) -> Option<&str> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(value.trim().trim_matches('"'))
}

/// The first address that carries `main` of the machine's own release: the security
/// and backports suites, and other people's repositories, have other release names.
fn mirror_in(targets: &str, codename: Option<&str>) -> Option<String> {
    let is_own = |release: &str| Some(release) == codename || ["stable", "oldstable"].contains(&release);
    targets.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (uri, release, component) = (words.next()?, words.next()?, words.next()?);
        (is_own(release) && component == "main").then(|| uri.to_owned())
    })
}

/// The versions in the output of `apt-cache madison`, without repeats.
fn madison(text: &str) -> Vec<String> {
    let mut versions: Vec<String> = Vec::new();
    for version in text.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim) {
        if !versions.iter().any(|known| known == version) {
            versions.push(version.to_owned());
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn madison_lists_each_version_once() {
        let text = "\
  rust-src | 1.96.1+dfsg1-2~bpo13+1 | http://m.invalid/debian trixie-backports/main amd64 Packages
  rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://m.invalid/debian trixie-backports/main amd64 Packages
  rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://n.invalid/debian trixie-backports/main amd64 Packages
";
        assert_eq!(madison(text), ["1.96.1+dfsg1-2~bpo13+1", "1.95.0+dfsg1-2~bpo13+1"]);
        assert!(madison("").is_empty());
    }

    #[test]
    fn the_mirror_is_the_one_of_the_own_release() {
        let targets = "\
https://other.invalid/node/ nodistro main
http://m.invalid/debian-security/ bookworm-security main
http://m.invalid/debian/ bookworm contrib
http://m.invalid/debian/ bookworm main
http://n.invalid/debian/ bookworm main
";
        assert_eq!(mirror_in(targets, Some("bookworm")).unwrap(), "http://m.invalid/debian/");
        assert_eq!(mirror_in(targets, Some("trixie")), None);
        assert_eq!(
            mirror_in("http://m.invalid/debian/ stable main", None).unwrap(),
            "http://m.invalid/debian/"
        );
    }

    #[test]
    fn codename_of_os_release() {
        assert_eq!(codename("NAME=\"Debian\"\nVERSION_CODENAME=bookworm\n"), Some("bookworm"));
        assert_eq!(codename("VERSION_CODENAME=\"noble\"\n"), Some("noble"));
        assert_eq!(codename("NAME=Other\n"), None);
    }

    #[test]
    fn downloaded_packages_are_named_with_their_version() {
        let files = ["a/libllvm19_1%3a19.1.7-3_amd64.deb".into(), "b/rust-src_1.95.0+dfsg1-2_all.deb".into()];
        assert_eq!(names(&files), "libllvm19 1:19.1.7-3, rust-src 1.95.0+dfsg1-2");
    }
}
