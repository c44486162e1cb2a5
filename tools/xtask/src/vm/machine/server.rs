//! Programs on this machine that are a PCI device of the guest, over vfio-user.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{quiet, stop};
use crate::shell;

/// How long a server may take until it listens.
const LIMIT: Duration = Duration::from_secs(10);

/// One server, which can be killed and started again on the same socket.
#[derive(Debug)]
pub(super) struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    socket: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// `program arguments --socket SOCKET`, not started yet. `log` receives what it prints.
    pub(super) fn new(program: &Path, arguments: &[&str], socket: PathBuf, log: PathBuf) -> Self {
        let arguments = arguments.iter().copied().map(str::to_owned).collect();
        Self { program: program.to_owned(), arguments, socket, log, child: None }
    }

    /// Starts it and waits until it listens.
    pub(super) fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            bail!("the server on {} runs already", self.socket.display());
        }
        // A killed server leaves its socket; waiting for that one would wait for nothing.
        if self.socket.exists() {
            fs::remove_file(&self.socket)?;
        }
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = bound_to_us(&self.program);
        command.args(&self.arguments).arg("--socket").arg(&self.socket);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        self.child = Some(child);
        self.wait_until_it_listens()
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let started = Instant::now();
        while !listens(&fs::read_to_string("/proc/net/unix")?, &self.socket) {
            stop::check()?;
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                bail!("the server ended with {status}; {} has what it said", self.log.display());
            }
            if started.elapsed() >= LIMIT {
                bail!("the server does not listen on {} after {} s", self.socket.display(), LIMIT.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Asks it for a fault, or for what it has counted, as `program sim ctl --socket SOCKET words` does; what that prints as
    /// JSON, in one line. The program has a deadline of its own.
    pub(super) fn ctl(&self, words: &[&str]) -> Result<String> {
        let mut command = bound_to_us(&self.program);
        command.args(["--format", "json", "sim", "ctl", "--socket"]).arg(&self.socket).args(words);
        let output = command.output().with_context(|| format!("cannot start {}", self.program.display()))?;
        if !output.status.success() {
            bail!("sim ctl {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Kills it as a crash would: without a word.
    pub(super) fn kill(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { bail!("no server runs on {}", self.socket.display()) };
        quiet::stop(&child)?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some()
            && let Err(error) = self.kill()
        {
            eprintln!("cannot end the server on {}: {error:#}", self.socket.display());
        }
    }
}

/// A command for `program` that the kernel kills when this program ends, however it ends.
fn bound_to_us(program: &Path) -> Command {
    if shell::exists("setpriv") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        return command;
    }
    Command::new(program)
}

/// Whether /proc/net/unix has a socket on `path` that takes connections (flag `__SO_ACCEPTCON`).
fn listens(table: &str, path: &Path) -> bool {
    table.lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.get(3) == Some(&"00010000") && words.get(7).is_some_and(|name| Path::new(name) == path)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_listening_socket_is_told_from_a_bound_one() {
        let table = "\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 96561 /run/a
0000000000000000: 00000003 00000000 00000000 0001 03 96562 /run/b
";
        assert!(listens(table, Path::new("/run/a")));
        assert!(!listens(table, Path::new("/run/b")));
        assert!(!listens(table, Path::new("/run")));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        assert!(listens(&fs::read_to_string("/proc/net/unix").unwrap(), &path));
        drop(listener);
        assert!(!listens(&fs::read_to_string("/proc/net/unix").unwrap(), &path));
    }

    #[test]
    fn a_server_that_ends_at_once_is_an_error_with_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, log) = (dir.path().join("s"), dir.path().join("log"));
        let mut server = Server::new(Path::new("sh"), &["-c", "echo no chip; exit 3"], socket, log.clone());
        let error = server.start().unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert_eq!(fs::read_to_string(log).unwrap(), "no chip\n");
    }

    #[test]
    fn an_order_is_given_to_the_program_and_its_refusal_is_told() {
        let server = |program| Server::new(Path::new(program), &[], "/run/s".into(), "/run/log".into());
        let words = server("echo").ctl(&["delay", "5ms"]).unwrap();
        assert_eq!(words, "--format json sim ctl --socket /run/s delay 5ms");
        let error = server("false").ctl(&["stats"]).unwrap_err().to_string();
        assert!(error.contains("sim ctl stats"), "{error}");
    }
}
