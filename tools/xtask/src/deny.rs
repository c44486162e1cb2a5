//! `cargo xtask deny`: cargo-deny over every dependency, as deny.toml says.
//!
//! Licenses, bans and sources are always checked. Known security holes
//! (advisories) live in a database on another server: they are checked when it
//! answers, and the output says so when it does not.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result};

use crate::{
    cache,
    shell::{self, Shell},
    workspace,
};

/// The version that is installed; deny.toml is written for it.
const VERSION: &str = "0.20.2";

/// How long the advisory database may take to fetch.
const FETCH_LIMIT: Duration = Duration::from_mins(1);

/// Runs every check that can be run here.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    let deny = ensure(shell)?;
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

/// cargo-deny of the wanted version: the one on the path, or in the cache, or built now.
fn ensure(shell: &Shell) -> Result<PathBuf> {
    let entry = cache::root()?.join("cargo-deny").join(VERSION);
    let cached = entry.join("bin/cargo-deny");
    let known = [PathBuf::from("cargo-deny"), cached.clone()];
    if let Some(found) = known.into_iter().find(is_wanted) {
        return Ok(found);
    }
    shell::say(&format!(
        "installing cargo-deny {VERSION} into {} (a build of one to three minutes)",
        entry.display()
    ));
    cache::fill(&entry, |into| install(shell, into))?;
    Ok(cached)
}

fn is_wanted(program: &PathBuf) -> bool {
    let printed = shell::capture(Command::new(program).arg("--version"));
    printed.is_ok_and(|text| text.trim() == format!("cargo-deny {VERSION}"))
}

/// Builds it unoptimised: that takes less than half the time, and it has little to do here.
fn install(shell: &Shell, into: &std::path::Path) -> Result<()> {
    let build = into.join("build");
    let mut command = shell::cargo();
    command
        .current_dir(workspace::root())
        .env("CARGO_TARGET_DIR", &build)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .args(["install", "cargo-deny", "--locked", "--debug", "--version", VERSION, "--no-track", "--root"])
        .arg(into);
    shell.run(&mut command)?;
    cache::remove(&build)
}
