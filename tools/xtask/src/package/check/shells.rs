//! The shells that the tool completes for: the machine's own, or Debian's packages unpacked into the cache.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::super::tool;
use crate::{
    apt::{self, Apt},
    cache,
    shell::{self, Shell},
};

const FISH: &str = "usr/bin/fish";
const ZSH: &str = "bin/zsh";
const PACKAGES: [&str; 2] = ["fish", "zsh"];
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// The folder below which zsh and fish are as on a machine that has them: `/`, or one in the cache.
pub(super) struct Shells(PathBuf);

impl Shells {
    /// Finds both, else fetches them.
    pub(super) fn ensure(shell: &Shell) -> Result<Self> {
        let cached = cache::root()?.join("completion-shells");
        let known = [Self(PathBuf::from("/")), Self(cached.clone())];
        if let Some(found) = known.into_iter().find(Self::can_run) {
            return Ok(found);
        }
        fetch(shell, &cached)
            .with_context(|| format!("the completions need Debian's {}", PACKAGES.join(" and ")))?;
        Ok(Self(cached))
    }

    /// fish, which reads what its own folders and `data` have, in the way of every fish.
    pub(super) fn fish(&self, data: &Path, script: &str) -> Command {
        let own = self.0.join("usr/share/fish");
        let mut command = self.command(FISH);
        // Unpacked it looks for its own in /usr, so that it is told where that is.
        let start = "set -g __fish_data_dir $OWN; source $OWN/config.fish";
        command.args(["--no-config", "-c", &format!("{start}; {script}")]);
        command.env("OWN", own).env("XDG_DATA_DIRS", data);
        command
    }

    /// zsh, with the functions in its own folders and in `functions`.
    pub(super) fn zsh(&self, functions: &Path, script: &str) -> Command {
        let mut command = self.command(ZSH);
        let start = "module_path=($ROOT/usr/lib/x86_64-linux-gnu/zsh/*(/N))
            own=$ROOT/usr/share/zsh/functions
            fpath=($OURS $own/*(/N) $own/Completion/*(/N))";
        command.args(["-f", "-c", &format!("{start}\n{script}")]);
        command.env("ROOT", if self.0 == Path::new("/") { Path::new("") } else { &self.0 });
        command.env("OURS", functions);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = tool::nova(&self.0.join(program));
        if self.0 != Path::new("/") {
            // The rest of the libraries are the machine's, of the same release.
            command.env("LD_LIBRARY_PATH", self.0.join(LIBRARIES));
        }
        command
    }

    /// Whether both start. Unpacked ones may not on a machine that has lost a library since.
    fn can_run(&self) -> bool {
        [FISH, ZSH].iter().all(|program| shell::capture(self.command(program).arg("--version")).is_ok())
    }
}

fn fetch(shell: &Shell, entry: &Path) -> Result<()> {
    shell::say(&format!("installing zsh and fish from Debian into {}", entry.display()));
    let apt = Apt::machine()?;
    apt.update(shell)?;
    let packages = apt.download(shell, &apt.newest(&PACKAGES)?)?;
    shell::say(&format!("unpacking {}", apt::names(&packages)));
    cache::fill(entry, |into| apt::unpack(shell, &packages, into))?;
    apt.forget_downloads()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_shells_is_no_place_for_them() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!Shells(dir.path().to_owned()).can_run());
    }
}
