//! The archive for other distributions, and the checksums of all files.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::{release::Release, staged::Staged};
use crate::shell::Shell;

/// Packs a staged folder into `NAME.tar.gz` in `out`, with the folder's own name in front.
pub(super) fn build(shell: &Shell, release: &Release, staged: &Staged, out: &Path) -> Result<PathBuf> {
    staged.settle(release.epoch)?;
    let root = staged.root();
    let name = root.file_name().context("a staged folder has a name")?;
    let tar = out.join(name).with_added_extension("tar");
    let mut command = Command::new("tar");
    command
        .args(["--format=gnu", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
        .arg(format!("--mtime=@{}", release.epoch))
        .arg("-C")
        .arg(root.parent().unwrap_or(root))
        .arg("-cf")
        .args([tar.as_os_str(), name]);
    shell.run(&mut command)?;
    shell.run(Command::new("gzip").arg("-9nf").arg(&tar))?;
    Ok(tar.with_added_extension("gz"))
}

/// Writes `SHA256SUMS` next to `files`, as `sha256sum -c` reads it.
pub(super) fn sums(files: &[PathBuf], out: &Path) -> Result<PathBuf> {
    let mut text = String::new();
    for file in files {
        let contents = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        for byte in Sha256::digest(contents) {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        let _ = writeln!(text, "  {}", file.file_name().unwrap_or_default().display());
    }
    let path = out.join("SHA256SUMS");
    fs::write(&path, text)?;
    Ok(path)
}
