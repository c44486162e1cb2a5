//! Lines over a Unix socket, with a deadline.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::stop;

/// How long one look takes, and so how fast a Ctrl-C is noticed.
const SLICE: Duration = Duration::from_millis(50);

/// A socket that carries text, line by line.
#[derive(Debug)]
pub(super) struct Lines {
    stream: UnixStream,
    /// What was received and is not a whole line yet.
    pending: Vec<u8>,
}

impl Lines {
    /// Connects to `path`, which `alive` says that something still means to listen on.
    pub(super) fn connect(
        path: &Path,
        limit: Duration,
        mut alive: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        let started = Instant::now();
        loop {
            match UnixStream::connect(path) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(SLICE))?;
                    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
                    return Ok(Self { stream, pending: Vec::new() });
                }
                Err(_) if started.elapsed() < limit => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot connect to {}", path.display()));
                }
            }
            alive()?;
            stop::check()?;
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn send(&mut self, line: &str) -> Result<()> {
        self.stream.set_nonblocking(false)?;
        Ok(self.stream.write_all(line.as_bytes())?)
    }

    /// The next line without its end, or `None` at `deadline`. An error when the other side has hung up.
    pub(super) fn next(&mut self, deadline: Instant) -> Result<Option<String>> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).trim().to_owned()));
            }
            stop::check()?;
            // At a deadline that has passed, what has arrived is still looked at.
            let late = Instant::now() >= deadline;
            self.stream.set_nonblocking(late)?;
            if !self.receive()? && late {
                return Ok(None);
            }
        }
    }

    /// Takes what has arrived; whether that is anything.
    fn receive(&mut self) -> Result<bool> {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk) {
            Ok(0) => bail!("QEMU has hung up"),
            Ok(length) => {
                self.pending.extend_from_slice(&chunk[..length]);
                Ok(true)
            }
            Err(error)
                if [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut, io::ErrorKind::Interrupted]
                    .contains(&error.kind()) =>
            {
                Ok(false)
            }
            Err(error) => Err(error).context("QEMU has hung up"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Lines, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        (Lines { stream: near, pending: Vec::new() }, far)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(30)
    }

    #[test]
    fn lines_are_whole_or_not_there_yet() {
        let (mut lines, mut far) = pair();
        far.write_all(b"one\r\ntwo\nthr").unwrap();
        assert_eq!(lines.next(soon()).unwrap().as_deref(), Some("one"));
        assert_eq!(lines.next(soon()).unwrap().as_deref(), Some("two"));
        assert_eq!(lines.next(soon()).unwrap(), None);
        far.write_all(b"ee\n").unwrap();
        assert_eq!(lines.next(soon()).unwrap().as_deref(), Some("three"));
    }

    #[test]
    fn a_hung_up_line_is_an_error() {
        let (mut lines, far) = pair();
        drop(far);
        assert_eq!(lines.next(soon()).unwrap_err().to_string(), "QEMU has hung up");
    }
}
