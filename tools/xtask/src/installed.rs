//! Tools from crates.io: the one on the path if it is of the wanted version, else one in the cache, built when it is first needed.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    cache,
    shell::{self, Shell},
    workspace,
};

/// A program of a crate with the same name.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Name of the crate and of the program.
    pub(crate) name: &'static str,
    /// The version, exactly.
    pub(crate) version: &'static str,
    /// What the program prints for `--version`.
    pub(crate) says: &'static str,
    /// More options for `cargo install`.
    pub(crate) options: &'static [&'static str],
}

impl Tool {
    /// Where a program of the wanted version is.
    pub(crate) fn ensure(&self, shell: &Shell) -> Result<PathBuf> {
        let entry = cache::root()?.join(self.name).join(self.version);
        let cached = entry.join("bin").join(self.name);
        let known = [PathBuf::from(self.name), cached.clone()];
        if let Some(found) = known.into_iter().find(|program| self.is_it(program)) {
            return Ok(found);
        }
        shell::say(&format!(
            "installing {} {} into {} (a build of one to three minutes)",
            self.name,
            self.version,
            entry.display()
        ));
        cache::fill(&entry, |into| self.install(shell, into))?;
        Ok(cached)
    }

    fn is_it(&self, program: &PathBuf) -> bool {
        let printed = shell::capture(Command::new(program).arg("--version"));
        printed.is_ok_and(|text| text.trim() == self.says)
    }

    /// Builds it unoptimised: that takes less than half the time, and such tools have little to do here.
    fn install(&self, shell: &Shell, into: &Path) -> Result<()> {
        let build = into.join("build");
        let mut command = shell::cargo();
        command
            .current_dir(workspace::root())
            .env("CARGO_TARGET_DIR", &build)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .args(["install", self.name, "--locked", "--debug", "--version", self.version, "--no-track"])
            .args(self.options)
            .arg("--root")
            .arg(into);
        shell.run(&mut command)?;
        cache::remove(&build)
    }
}
