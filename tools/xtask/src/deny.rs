//! `cargo xtask deny`: cargo-deny over every dependency, as deny.toml says.
//!
//! Licenses, bans and sources are always checked. Known security holes
//! (advisories) live in a database on another server: they are checked when it
//! answers, and the output says so when it does not.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result};

use crate::{
    installed::Tool,
    shell::{self, Shell},
    workspace,
};

/// deny.toml is written for this version.
const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", says: "cargo-deny 0.20.2", options: &[] };

/// How long the advisory database may take to fetch.
const FETCH_LIMIT: Duration = Duration::from_mins(1);

/// Runs every check that can be run here.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    let deny = DENY.ensure(shell)?;
    let check = |what: &[&str]| {
        let mut command = in_workspace(&deny);
        command.arg("check").args(what);
        shell
            .run(&mut command)
            .with_context(|| format!("cargo-deny objects ({}); deny.toml holds the rules", what.join(", ")))
    };
    check(&["--hide-inclusion-graph", "licenses", "bans", "sources"])?;
    shell::say("checked: licenses, bans, sources");
    match shell.run_for(in_workspace(&deny).args(["fetch", "db"]), FETCH_LIMIT) {
        Ok(()) => {
            check(&["--disable-fetch", "advisories"])?;
            shell::say("checked: advisories");
        }
        Err(_) => shell::say("NOT checked: advisories, because their database cannot be fetched from here"),
    }
    Ok(())
}

fn in_workspace(deny: &PathBuf) -> Command {
    let mut command = Command::new(deny);
    shell::clean(&mut command);
    command.current_dir(workspace::root()).args(["--workspace", "--all-features", "--locked"]);
    command
}
