//! A package, installed by dpkg into a folder with a list of packages of its own. It needs no root, and the machine's own
//! packages stay as they are.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    cache,
    shell::{self, Shell},
};

/// Installs `deb` into the new folder `root`. The machine's versions of what it depends on count as installed there, so
/// that dpkg compares them.
pub(super) fn install(shell: &Shell, deb: &Path, root: &Path) -> Result<()> {
    let own = root.join("var/lib/dpkg");
    for folder in ["info", "triggers", "updates"] {
        cache::create(&own.join(folder))?;
    }
    let ask = |field| {
        let said = shell::capture(Command::new("dpkg-deb").arg("--field").arg(deb).arg(field))?;
        anyhow::Ok(said.trim().to_owned())
    };
    let (name, depends) = (ask("Package")?, ask("Depends")?);
    let needed = depends.split(", ").filter_map(|relation| relation.split(' ').next());
    let status = shell::capture(Command::new("dpkg-query").arg("--status").args(needed))
        .with_context(|| format!("{} depends on {depends}", deb.display()))?;
    fs::write(own.join("status"), status)?;

    let mut command = dpkg(root);
    // Else it wants the programs on the path that maintainers' scripts start; there are none.
    command.args(["--force-not-root", "--force-bad-path", "--install"]).arg(deb);
    shell.run(&mut command)?;
    let differs = shell::capture(dpkg(root).arg("--verify").arg(&name))?;
    ensure!(differs.is_empty(), "what {name} installed is not what its md5sums say:\n{differs}");
    Ok(())
}

fn dpkg(root: &Path) -> Command {
    let mut command = Command::new("dpkg");
    command.arg(format!("--root={}", root.display())).arg(format!("--log={}", root.join("log").display()));
    command
}
