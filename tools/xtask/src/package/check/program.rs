//! The tool as its package installs it.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    super::{staged, tool},
    Made,
};
use crate::shell;

/// Runs the program below `root`, and reads its pages. Returns how many pages there are.
pub(super) fn run(made: &Made, root: &Path) -> Result<usize> {
    let program = root.join("usr/bin/nova");
    let version = shell::capture(tool::nova(&program).arg("--version"))?;
    ensure!(version.trim() == format!("nova {}", made.release.version), "the program says '{version}'");
    let info = shell::capture(tool::nova(&program).args(["-d", "sim:ga102", "info"]))?;
    ensure!(info.contains("GA102"), "`nova -d sim:ga102 info` says\n{info}");

    pages(&root.join("usr/share/man"))
}

fn pages(folder: &Path) -> Result<usize> {
    let pages = staged::files(folder)?;
    for page in &pages {
        read(&folder.join(page))?;
    }
    ensure!(pages.contains(&"man1/nova.1.gz".into()), "the package has no page of nova itself");
    Ok(pages.len())
}

/// Has `man` format a page, with all warnings; one of them is an error.
fn read(page: &Path) -> Result<()> {
    let mut command = Command::new("man");
    command
        .args(["--warnings", "--encoding=UTF-8", "--local-file"])
        .arg(page)
        .env("LC_ALL", "C.UTF-8")
        .env("MANWIDTH", "100")
        .stdin(Stdio::null());
    let output = command.output().context("cannot start `man`, of the package man-db")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !said.is_empty() {
        bail!("{} cannot be formatted without warnings: {}", page.display(), said.trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(text.contains("NAME") && text.contains("SYNOPSIS"), "{} is no manual page", page.display());
    Ok(())
}
