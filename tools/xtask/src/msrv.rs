//! `cargo xtask msrv`: core and backends with the oldest compiler they promise.
//!
//! The version is `rust-version` in the root Cargo.toml. An old compiler comes from
//! rustup if it is installed there, else from Debian's `rustc-web` (its compiler for
//! building browsers), unpacked into the cache and run from there.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    apt::{self, Apt},
    cache,
    shell::{self, Shell},
    version, workspace,
};

/// Debian's packages of one compiler: rustc, cargo, the std to compile against, and
/// the start of the name of the library that holds the compiler.
const FLAVOURS: [[&str; 4]; 2] = [
    ["rustc-web", "cargo-web", "libstd-rust-web-dev", "libstd-rust-web-"],
    ["rustc", "cargo", "libstd-rust-dev", "libstd-rust-"],
];

/// The feature sets that are checked.
const FEATURES: [&[&str]; 3] =
    [&[], &["--no-default-features"], &["--features", "defmt,nova-backends/vfio-user"]];

/// Checks both crates with the promised compiler.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    let manifest = workspace::manifest()?;
    let promised = version::promised(&manifest)
        .context("no rust-version under [workspace.package] in the root Cargo.toml")?;
    let toolchain = Toolchain::find(shell, promised)?;
    shell::say(&format!("checking with {}", toolchain.version()?));
    for features in FEATURES {
        check(shell, &toolchain, features).with_context(|| {
            format!(
                "core and backends do not compile with rustc {promised}, which rust-version in Cargo.toml promises: \
                 keep the code and the dependencies to {promised}, or raise rust-version"
            )
        })?;
    }
    Ok(())
}

fn check(shell: &Shell, toolchain: &Toolchain, features: &[&str]) -> Result<()> {
    let mut command = toolchain.command("cargo");
    command
        .current_dir(workspace::root())
        .env("CARGO_TARGET_DIR", workspace::target_dir("msrv"))
        .args(["check", "--locked"])
        .args(workspace::no_std_package_args())
        .args(features);
    shell.run(&mut command)
}

/// A compiler of the promised version.
#[derive(Debug, PartialEq, Eq)]
enum Toolchain {
    /// Installed by rustup under this name.
    Rustup(String),
    /// Debian's packages, unpacked in this folder.
    Unpacked(PathBuf),
}

impl Toolchain {
    fn find(shell: &Shell, promised: &str) -> Result<Self> {
        if let Some(name) = installed_by_rustup(promised) {
            return Ok(Self::Rustup(name));
        }
        let entry = cache::root()?.join("msrv").join(promised);
        let unpacked = Self::Unpacked(entry.clone());
        if !unpacked.works(promised) {
            fetch(shell, promised, &entry).with_context(|| no_compiler(promised))?;
        }
        if !unpacked.works(promised) {
            unpacked.version().with_context(|| no_compiler(promised))?;
            bail!("{} holds another compiler than {promised}: remove it", entry.display());
        }
        Ok(unpacked)
    }

    /// `rustc` or `cargo` of this toolchain, free of settings for the active one.
    fn command(&self, program: &str) -> Command {
        let mut command = match self {
            Self::Rustup(name) => {
                let mut command = Command::new("rustup");
                command.args(["run", name, program]);
                command
            }
            Self::Unpacked(dir) => {
                let mut command = Command::new(dir.join("usr/bin").join(program));
                command.env("RUSTC", dir.join("usr/bin/rustc")).env("LD_LIBRARY_PATH", library_path(dir));
                command
            }
        };
        shell::clean(&mut command);
        for other in
            ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_BOOTSTRAP", "CARGO", "RUSTUP_TOOLCHAIN"]
        {
            command.env_remove(other);
        }
        command
    }

    /// The first line of `rustc --version`.
    fn version(&self) -> Result<String> {
        Ok(shell::capture(self.command("rustc").arg("--version"))?.trim().to_owned())
    }

    fn works(&self, promised: &str) -> bool {
        let number = |text: String| text.split_whitespace().nth(1).map(str::to_owned);
        let rustc = self.version().ok().and_then(number);
        let cargo = shell::capture(self.command("cargo").arg("--version")).is_ok();
        cargo && rustc.is_some_and(|rustc| version::is_a(&rustc, promised))
    }
}

/// Where the unpacked packages keep their shared libraries.
fn library_path(dir: &Path) -> OsString {
    let mut path = OsString::new();
    for part in ["usr/lib", "lib"] {
        let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
        path.push(dir.join(part).join(multiarch));
        path.push(":");
    }
    path.push(dir.join("usr/lib"));
    path
}

fn no_compiler(promised: &str) -> String {
    format!(
        "no rustc {promised} to be had; where rustup reaches its server, `rustup toolchain install {promised}` gets one"
    )
}

/// The name of an installed rustup toolchain of that version.
fn installed_by_rustup(promised: &str) -> Option<String> {
    let list = shell::capture(Command::new("rustup").args(["toolchain", "list"])).ok()?;
    matching_toolchain(&list, promised)
}

fn matching_toolchain(list: &str, promised: &str) -> Option<String> {
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    names
        .map(str::to_owned)
        .find(|name| name.split('-').next().is_some_and(|number| version::is_a(number, promised)))
}

/// Downloads and unpacks Debian's compiler of that version.
fn fetch(shell: &Shell, promised: &str, entry: &Path) -> Result<()> {
    shell::say(&format!("installing rustc {promised} from Debian into {}", entry.display()));
    let apt = Apt::machine()?;
    apt.update(shell)?;
    let wanted = choose(promised, |package| apt.versions(package))?;
    let packages = apt.download(shell, &wanted)?;
    shell::say(&format!("unpacking {}", apt::names(&packages)));
    cache::fill(entry, |into| apt::unpack(shell, &packages, into))?;
    apt.forget_downloads()
}

/// The packages, as `name=version`, of the first flavour that has the promised version.
fn choose(promised: &str, versions: impl Fn(&str) -> Result<Vec<String>>) -> Result<Vec<String>> {
    let mut seen = Vec::new();
    for [rustc, cargo, std, compiler] in FLAVOURS {
        let known = versions(rustc)?;
        if let Some(found) = known.iter().find(|debian| version::is_a(version::upstream(debian), promised)) {
            let compiler = format!("{compiler}{}", version::minor(promised));
            let names = [rustc, cargo, std, &compiler];
            return Ok(names.iter().map(|name| format!("{name}={found}")).collect());
        }
        seen.extend(known.iter().map(|debian| format!("{rustc} {debian}")));
    }
    let seen = if seen.is_empty() { "no rustc at all".to_owned() } else { seen.join(", ") };
    bail!("this machine's Debian sources no longer carry rustc {promised}; they carry {seen}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_promised_version_is_taken_not_the_newest() {
        let versions = |package: &str| {
            Ok(match package {
                "rustc-web" => vec!["1.96.0+dfsg1-1~deb12u2".to_owned(), "1.85.0+dfsg3-1~deb12u3".to_owned()],
                _ => vec!["1.63.0+dfsg1-2".to_owned()],
            })
        };
        let packages = choose("1.85", versions).unwrap();
        assert_eq!(packages[0], "rustc-web=1.85.0+dfsg3-1~deb12u3");
        assert_eq!(packages[3], "libstd-rust-web-1.85=1.85.0+dfsg3-1~deb12u3");
        assert_eq!(choose("1.63.0", versions).unwrap()[3], "libstd-rust-1.63=1.63.0+dfsg1-2");
        let error = choose("1.87", versions).unwrap_err().to_string();
        assert!(error.contains("no longer carry rustc 1.87; they carry rustc-web 1.96.0"), "{error}");
    }

    #[test]
    fn rustup_toolchains_are_matched_by_number() {
        let list = "stable-x86_64-unknown-linux-gnu (default)\n1.85.1-x86_64-unknown-linux-gnu\n";
        assert_eq!(matching_toolchain(list, "1.85").unwrap(), "1.85.1-x86_64-unknown-linux-gnu");
        assert_eq!(matching_toolchain(list, "1.8"), None);
        assert_eq!(matching_toolchain("no installed toolchains\n", "1.85"), None);
    }
}
