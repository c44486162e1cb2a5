//! The library for C and Python, as its packages install it.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};

use super::super::tool;
use crate::shell;

/// What both examples are asked for.
const ASKED: [&str; 3] = ["sim:ga102", "NV_PMC_BOOT_0", "GSP.NV_PFALCON_FALCON_HWCFG2"];

/// Compiles the C example into `program` and runs it, and the one in Python. What is used is below `root`.
pub(super) fn run(root: &Path, program: &Path) -> Result<()> {
    let examples = root.join("usr/share/doc/libnova-c-dev/examples");
    let folder = root.join("usr/lib/x86_64-linux-gnu");
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-isystem"]).arg(root.join("usr/include"));
    cc.arg(examples.join("info.c")).arg("-o").arg(program).arg("-L").arg(&folder).arg("-lnova_c");
    shell::capture(&mut cc)?;
    let needed = shell::capture(Command::new("objdump").arg("-p").arg(program))?;
    let by_soname = needed.lines().any(|line| line.split_whitespace().eq(["NEEDED", "libnova_c.so.0"]));
    ensure!(by_soname, "a program that links the library asks for it by another name than libnova_c.so.0");

    let c = shell::capture(tool::nova(program).env("LD_LIBRARY_PATH", &folder).args(ASKED))?;
    ensure!(c.starts_with("chip GA102 (Ampere)") && c.contains(ASKED[1]), "the example in C says\n{c}");
    let mut python = tool::nova(Path::new("python3"));
    python
        .env("LD_LIBRARY_PATH", &folder)
        .env("PYTHONPATH", root.join("usr/share/nova-c/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(examples.join("info.py"))
        .args(ASKED);
    let python = shell::capture(&mut python)?;
    ensure!(python == c, "the example in Python says\n{python}and in C\n{c}");
    Ok(())
}
