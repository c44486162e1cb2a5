//! Stopping a server at a moment at which it has read all that it was sent.
//!
//! When a process dies with bytes in its socket that it has not read, the other side's next read fails (`ECONNRESET`) instead
//! of telling the end. On that QEMU 11.1 aborts: it sets its error twice (`failed to read header`, after the channel's own).
//! A device that is being read from has an access outstanding nearly always; one that the server has taken and not answered is
//! as good for a crash in the middle, and QEMU sends no other before it has given that one up.

use std::{
    fs, io,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    fd::OwnedFd,
    io::ioctl_fionread,
    process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal, kill_process, pidfd_getfd, pidfd_open},
};

/// How long a moment is looked for.
const LIMIT: Duration = Duration::from_secs(10);
/// How long it stands still before it is taken for one: whoever had something to send has sent it. Far below what QEMU waits
/// for an answer.
const STILL: Duration = Duration::from_millis(20);
/// How long the server goes on until the next look.
const PAUSE: Duration = Duration::from_millis(3);

/// Stops `server` at such a moment.
pub(super) fn stop(server: &Child) -> Result<()> {
    stop_within(server, LIMIT)
}

fn stop_within(server: &Child, limit: Duration) -> Result<()> {
    let pid = Pid::from_child(server);
    let started = Instant::now();
    loop {
        kill_process(pid, Signal::STOP)?;
        thread::sleep(STILL);
        if unread(pid)? == 0 {
            return Ok(());
        }
        kill_process(pid, Signal::CONT)?;
        if started.elapsed() >= limit {
            bail!("the server has not read all that it was sent at any moment of {limit:?}");
        }
        thread::sleep(PAUSE);
    }
}

/// How many bytes are in sockets of the process, and not read.
fn unread(pid: Pid) -> Result<u64> {
    let process = pidfd_open(pid, PidfdFlags::empty()).context("the server's process")?;
    let folder = format!("/proc/{}/fd", pid.as_raw_nonzero());
    let mut bytes = 0;
    for entry in fs::read_dir(&folder).with_context(|| folder.clone())? {
        let entry = entry?;
        if !is_socket(&fs::read_link(entry.path()))? {
            continue;
        }
        let number = entry.file_name().to_string_lossy().parse()?;
        let socket: OwnedFd = pidfd_getfd(&process, number, PidfdGetfdFlags::empty())?;
        // One that listens has no bytes, and says so by an error.
        bytes += ioctl_fionread(&socket).unwrap_or(0);
    }
    Ok(bytes)
}

fn is_socket(link: &io::Result<std::path::PathBuf>) -> io::Result<bool> {
    match link {
        Ok(path) => Ok(path.to_string_lossy().starts_with("socket:")),
        // Closed since it was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.kind().into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::net::UnixStream, process::Command};

    use super::*;

    /// What becomes of an attempt to stop `program` when it was sent a byte.
    fn stopped(program: &str, arguments: &[&str], limit: Duration) -> Result<()> {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(b"x").unwrap();
        let mut command = Command::new(program);
        let mut child = command.args(arguments).stdin(OwnedFd::from(theirs)).spawn().unwrap();
        // The end that is to be read is the child's alone.
        drop(command);
        let stopped = stop_within(&child, limit);
        child.kill().unwrap();
        child.wait().unwrap();
        stopped
    }

    #[test]
    fn one_that_reads_is_stopped() {
        stopped("cat", &[], Duration::from_mins(1)).unwrap();
    }

    #[test]
    fn one_that_does_not_read_is_not() {
        let error = stopped("sleep", &["600"], Duration::from_millis(1)).unwrap_err();
        assert!(error.to_string().contains("has not read"), "{error}");
    }
}
