//! `nova sim serve` and its clients as processes. Nothing outlives its value, and every wait has a deadline.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Run, command, nova};

/// More than anything takes on a machine that is busy.
const DEADLINE: Duration = Duration::from_mins(1);

/// A folder whose path leaves room for the name of a socket.
pub fn folder() -> TempDir {
    tempfile::Builder::new().prefix("nova").tempdir_in("/tmp").unwrap()
}

/// A process that is killed when dropped.
struct Process(Child);

impl Process {
    fn start(args: &[&str]) -> Self {
        Self(command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Sends a signal, with the tool that every system has.
    fn signal(&self, name: &str) {
        let kill = std::process::Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the process does not end");
            thread::yield_now();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first line of a stream, within the deadline, and the stream.
fn first_line<S: std::io::Read + Send + 'static>(stream: S) -> (String, BufReader<S>) {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        let _ = reader.read_line(&mut line);
        let _ = send.send((line, reader));
    });
    receive.recv_timeout(DEADLINE).expect("a line within the deadline")
}

/// A served GPU.
pub struct Server {
    process: Process,
    ready: String,
    stderr: BufReader<ChildStderr>,
    folder: TempDir,
}

impl Server {
    /// Serves with these options, at a socket of its own, and waits until it is ready.
    pub fn start(options: &[&str]) -> Self {
        let folder = folder();
        let socket = folder.path().join("gpu").display().to_string();
        let mut process = Process::start(&[&["sim", "serve", "--socket", &socket], options].concat());
        let (ready, stderr) = first_line(process.0.stderr.take().unwrap());
        assert!(ready.contains("is served at"), "{ready}");
        Self { process, ready, stderr, folder }
    }

    pub fn ready(&self) -> &str {
        &self.ready
    }

    pub fn socket(&self) -> String {
        self.folder.path().join("gpu").display().to_string()
    }

    pub fn device(&self) -> String {
        format!("vfio-user:{}", self.socket())
    }

    /// Asks for a fault.
    pub fn ctl(&self, order: &[&str]) {
        let run = nova(&[&["sim", "ctl", "--socket", &self.socket()], order].concat());
        assert_eq!(run.code, 0, "{order:?}: {}", run.stderr);
    }

    pub fn stats(&self) -> Value {
        super::json(&["sim", "ctl", "--socket", &self.socket(), "stats"])
    }

    /// A client that watches the time, and has printed a line.
    pub fn watch(&self) -> Watch {
        self.watch_with("timer")
    }

    /// The same with another command.
    pub fn watch_with(&self, command: &str) -> Watch {
        let args = ["-d", &self.device(), command, "--watch", "--interval", "1ms"];
        let mut process = Process::start(&args);
        let (_, stdout) = first_line(process.0.stdout.take().unwrap());
        Watch { process, stdout }
    }

    /// Asks until the client listens for it.
    pub fn ctl_when_heard(&self, order: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            let run = nova(&["sim", "ctl", "--socket", &self.socket(), order]);
            if run.code == 0 {
                return;
            }
            let soon = ["does not listen", "no client is connected"];
            assert!(soon.iter().any(|why| run.stderr.contains(why)), "{}", run.stderr);
            assert!(Instant::now() < end, "the client does not come");
        }
    }

    /// A client that waits for an alarm longer than any test does.
    pub fn alarm(&self) -> Watch {
        let mut process = Process::start(&["-d", &self.device(), "timer", "--alarm", "10000s"]);
        let stdout = BufReader::new(process.0.stdout.take().unwrap());
        Watch { process, stdout }
    }

    pub fn kill(mut self) {
        self.process.0.kill().unwrap();
        self.process.wait();
    }

    /// Ends it as a service manager does. Gives what is left in its folder.
    pub fn end(mut self) -> Vec<String> {
        self.process.signal("TERM");
        let status = self.process.wait();
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(0), ""));
        let left = fs::read_dir(self.folder.path()).unwrap();
        left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }
}

/// A client at work.
pub struct Watch {
    process: Process,
    stdout: BufReader<ChildStdout>,
}

impl Watch {
    /// Ctrl-C. Gives the signal that it died of.
    pub fn interrupt(&mut self) -> Option<i32> {
        self.process.signal("INT");
        self.drain();
        self.process.wait().signal()
    }

    /// Waits for its own end.
    pub fn finish(mut self) -> Run {
        self.drain();
        let status = self.process.wait();
        let mut stderr = String::new();
        self.process.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Run { code: status.code().unwrap_or(-1), stdout: String::new(), stderr }
    }

    /// Reads until nothing comes any more, so that it never waits for us.
    fn drain(&mut self) {
        let (send, receive) = mpsc::channel();
        thread::scope(|scope| {
            let stdout = &mut self.stdout;
            scope.spawn(move || {
                let _ = std::io::copy(stdout, &mut std::io::sink());
                let _ = send.send(());
            });
            if receive.recv_timeout(DEADLINE).is_err() {
                self.process.signal("KILL");
                panic!("the client does not end");
            }
        });
    }
}
