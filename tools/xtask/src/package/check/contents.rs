//! What can be told from the files alone.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Result, bail, ensure};

use super::{super::metadata::TARGET, Made, file};
use crate::{
    package::sbom,
    shell::{self},
    workspace,
};

/// The archive's program is the one that was built, and the checksums are of the files.
pub(super) fn archive(made: &Made, scratch: &Path) -> Result<()> {
    let archive = file(made, "nova-")?;
    shell::capture(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(scratch))?;
    let program = scratch.join(format!("nova-{}-x86_64-linux/bin/nova", made.release.version));
    ensure!(
        std::fs::read(&program)? == std::fs::read(&made.compiled.program)?,
        "{} has another program than was built",
        archive.display()
    );
    let mut sums = Command::new("sha256sum");
    sums.current_dir(archive.parent().unwrap_or(archive)).args([
        "--check",
        "--strict",
        "--quiet",
        "SHA256SUMS",
    ]);
    shell::capture(&mut sums).map(drop)
}

/// Every package that Cargo links into the tool or the C library is in the SBOM. Returns how many it has.
pub(super) fn sbom(made: &Made) -> Result<usize> {
    let name = format!("nova-{}.cdx.json", made.release.version);
    let listed: BTreeSet<_> = sbom::listed(file(made, &name)?)?.into_iter().collect();
    let mut command = shell::cargo();
    command
        .current_dir(workspace::root())
        .args([
            "tree",
            "--locked",
            "--package",
            "nova",
            "--package",
            "nova-c",
            "--edges",
            "normal",
            "--target",
            TARGET,
        ])
        .args(["--prefix", "none", "--format", "{p}"]);
    let tree = shell::capture(&mut command)?;
    let linked: BTreeSet<_> = tree.lines().filter_map(package).collect();
    ensure!(linked.len() > 1, "`cargo tree` names no dependency of the tool");
    let missing: Vec<_> =
        linked.difference(&listed).map(|(name, version)| format!("{name} {version}")).collect();
    if !missing.is_empty() {
        bail!("{name} lacks {}", missing.join(", "));
    }
    Ok(listed.len())
}

/// Name and version in a line such as `serde v1.0.228 (*)`.
fn package(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_cargo_tree() {
        let known = |line| package(line).map(|(name, version)| format!("{name} {version}"));
        assert_eq!(known("serde v1.0.228 (*)").as_deref(), Some("serde 1.0.228"));
        assert_eq!(known("nova v0.1.0 (/work/tools/nova)").as_deref(), Some("nova 0.1.0"));
        assert_eq!(known(""), None);
    }
}
