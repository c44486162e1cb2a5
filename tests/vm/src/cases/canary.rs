//! Mistakes made on purpose, which the debug kernel must report: `tests/vm/kernel/canary` makes them, the host looks for the
//! reports.

use std::{
    ffi::CString,
    fs::{self, File},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use rustix::{
    io::Errno,
    mount::{MountFlags, mount},
    system::finit_module,
};

const MODULE: &str = "/lib/modules/canary.ko";

/// The file that starts a scan for leaks.
const SCAN: &str = "/sys/kernel/debug/kmemleak";

/// The scan passes over objects that are younger, which may not have found their place yet.
const OLD: Duration = Duration::from_millis(5500);

pub(super) fn bounds() -> Result<()> {
    make(1)
}

pub(super) fn freed() -> Result<()> {
    make(2)
}

pub(super) fn atomic() -> Result<()> {
    make(3)
}

pub(super) fn lock_order() -> Result<()> {
    make(4)
}

pub(super) fn timer() -> Result<()> {
    make(5)
}

pub(super) fn leak() -> Result<()> {
    // In a process of its own: this one's stack, where the scan looks as well, would still hold the pointers.
    let output =
        Command::new("/bin/insmod").args([MODULE, "mistake=6"]).output().context("cannot start insmod")?;
    ensure!(!output.status.success(), "the canary stayed, as if it had nothing to do");
    if !fs::exists(SCAN)? {
        mount("debugfs", "/sys/kernel/debug", "debugfs", MountFlags::empty(), None).context("no debugfs")?;
    }
    thread::sleep(OLD);
    // What is found once may be a pointer on its way from one place to another: the kernel tells at the second scan.
    for _ in 0..2 {
        fs::write(SCAN, "scan").with_context(|| format!("cannot write {SCAN}"))?;
    }
    Ok(())
}

/// Has the canary make the mistake of that number; it then refuses to be loaded.
fn make(mistake: u32) -> Result<()> {
    let file = File::open(MODULE).with_context(|| format!("cannot open {MODULE}"))?;
    match finit_module(file, &CString::new(format!("mistake={mistake}"))?, 0) {
        Err(Errno::CANCELED) => Ok(()),
        Err(error) => Err(error).context("the canary could not be loaded"),
        Ok(()) => bail!("the canary stayed, as if it had nothing to do"),
    }
}
