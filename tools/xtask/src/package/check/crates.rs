//! The crates, as `cargo publish` would send them to crates.io; nothing is sent.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    cache,
    shell::{self, Shell},
    workspace,
};

/// What each has to carry besides its sources.
const TEXTS: [&str; 3] = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT"];

/// Rehearses publishing every crate that may be, and tells which name another's crate has. Returns how many there are.
pub(super) fn run(shell: &Shell) -> Result<usize> {
    let target = workspace::target_dir("publish");
    // Else the crates of an earlier run count, too.
    cache::remove(&target)?;
    let said = publish(&target)?;
    shell.print(&said)?;
    for name in taken(&said) {
        shell::say(&format!("NOT publishable under this name: crates.io has {name} already"));
    }
    let crates = packed(&target.join("package"))?;
    ensure!(!crates.is_empty(), "`cargo publish` packed no crate into {}", target.display());
    for path in &crates {
        carries_texts(path)?;
    }
    Ok(crates.len())
}

/// What Cargo says of it.
fn publish(target: &Path) -> Result<String> {
    let mut command = shell::cargo();
    command
        .current_dir(workspace::root())
        // Without compiling all of them again from their packages: that takes minutes.
        .args(["publish", "--dry-run", "--workspace", "--no-verify", "--locked", "--allow-dirty"])
        .arg("--target-dir")
        .arg(target)
        .stdin(Stdio::null());
    let output = command.output().context("cannot start `cargo publish`")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success(),
        "`cargo publish --dry-run`, which needs the index of crates.io, failed with {}: {}",
        output.status,
        said.trim()
    );
    Ok(said)
}

/// The crates that are there in this version, by the warnings of Cargo.
fn taken(said: &str) -> impl Iterator<Item = &str> {
    said.lines().filter_map(|line| {
        line.strip_prefix("warning: crate ")?.strip_suffix(" already exists on crates.io index")
    })
}

/// The files of the crates: of several at a time Cargo leaves them in a folder below.
fn packed(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in [folder.to_owned(), folder.join("tmp-crate")].iter().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(folder)? {
            found.extend(
                Some(entry?.path()).filter(|path| path.extension().is_some_and(|end| end == "crate")),
            );
        }
    }
    Ok(found)
}

fn carries_texts(path: &Path) -> Result<()> {
    let name = path.file_stem().unwrap_or_default().display().to_string();
    let listed = shell::capture(Command::new("tar").arg("-tzf").arg(path))?;
    for text in TEXTS {
        ensure!(listed.lines().any(|file| file == format!("{name}/{text}")), "{name}.crate has no {text}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_noticed() {
        let said = "warning: manifest has no documentation\nwarning: crate nova@0.1.0 already exists on crates.io index\n";
        assert_eq!(taken(said).collect::<Vec<_>>(), ["nova@0.1.0"]);
    }
}
