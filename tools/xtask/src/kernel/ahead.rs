//! Kernels that are built while something else runs: it leaves a good part of the processors idle.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{cache, steps};

/// A build of both kernels under way, at the lowest priority. Dropped, it is ended; an interrupted gate leaves it to end by
/// itself, in the cache.
#[derive(Debug)]
pub(crate) struct Ahead {
    child: Child,
    log: PathBuf,
}

impl Ahead {
    /// Starts it.
    pub(crate) fn start() -> Result<Self> {
        let log = steps::log_path("kernels");
        log.parent().map_or(Ok(()), cache::create)?;
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let this_program = std::env::current_exe().context("cannot tell which program this is")?;
        let child = Command::new("nice")
            .args(["-n", "19"])
            .arg(this_program)
            .arg("kernels")
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // A group of its own, so that its compilers end with it.
            .process_group(0)
            .spawn()
            .context("cannot start `nice`, of Debian's coreutils")?;
        Ok(Self { child, log })
    }

    /// Waits until both kernels are in the cache.
    pub(crate) fn finish(mut self) -> Result<()> {
        let status = self.child.wait()?;
        if status.success() {
            return Ok(());
        }
        print!("{}", fs::read_to_string(&self.log).unwrap_or_default());
        bail!("the kernels could not be built ({status}); `cargo xtask kernels` does that alone")
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // It has ended and was waited for: its number may be another's by now.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            // What is left of it would be in the cache, under a name that nobody looks for.
            let _ = kill_process_group(group, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
