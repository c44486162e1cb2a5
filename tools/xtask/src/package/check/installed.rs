//! Packages, installed by dpkg into a folder with a list of packages of its own. It needs no root, and the machine's own
//! packages stay as they are.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    cache,
    shell::{self, Shell},
};

/// Installs `debs` into the new folder `root`. The machine's versions of what else they depend on count as installed there,
/// so that dpkg compares them.
pub(super) fn install(shell: &Shell, debs: &[&Path], root: &Path) -> Result<()> {
    let own = root.join("var/lib/dpkg");
    for folder in ["info", "triggers", "updates"] {
        cache::create(&own.join(folder))?;
    }
    let names = debs.iter().map(|deb| field(deb, "Package")).collect::<Result<Vec<_>>>()?;
    let depends = debs.iter().map(|deb| field(deb, "Depends")).collect::<Result<Vec<_>>>()?.join(", ");
    let needed = depends.split(", ").filter_map(|relation| relation.split(' ').next());
    let needed: BTreeSet<_> = needed.filter(|needed| !names.iter().any(|name| name == needed)).collect();
    let status = shell::capture(Command::new("dpkg-query").arg("--status").args(needed))
        .with_context(|| format!("{} depends on {depends}", names.join(", ")))?;
    fs::write(own.join("status"), status)?;

    let mut command = dpkg(root);
    // Else it wants the programs on the path that maintainers' scripts start; there are none.
    command.args(["--force-not-root", "--force-bad-path", "--install"]).args(debs);
    shell.run(&mut command)?;
    let differs = shell::capture(dpkg(root).arg("--verify").args(&names))?;
    ensure!(differs.is_empty(), "what {} installed is not what md5sums say:\n{differs}", names.join(", "));
    Ok(())
}

fn field(deb: &Path, name: &str) -> Result<String> {
    let said = shell::capture(Command::new("dpkg-deb").arg("--field").arg(deb).arg(name))?;
    Ok(said.trim().to_owned())
}

fn dpkg(root: &Path) -> Command {
    let mut command = Command::new("dpkg");
    command.arg(format!("--root={}", root.display())).arg(format!("--log={}", root.join("log").display()));
    command
}
