//! Running other programs: to the terminal, into a log file, or for their output.

use std::{
    env,
    fs::File,
    io::{self, Write as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Where the output of the programs that a step runs goes.
#[derive(Debug)]
pub(crate) struct Shell {
    log: Option<File>,
}

impl Shell {
    /// Output goes straight to the terminal.
    pub(crate) fn terminal() -> Self {
        Self { log: None }
    }

    /// Output goes to `path`, for a caller that shows it only after a failure.
    pub(crate) fn log_to(path: &Path) -> Result<Self> {
        let log = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { log: Some(log) })
    }

    /// Runs `command` to its end; an exit status other than 0 is an error.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let shown = show(command);
        let status = self.redirect(command)?.status().with_context(|| cannot_start(&shown))?;
        succeed(&shown, status)
    }

    /// Runs `command` for at most `limit`, then ends it.
    pub(crate) fn run_for(&self, command: &mut Command, limit: Duration) -> Result<()> {
        let shown = show(command);
        let mut child = self.redirect(command)?.spawn().with_context(|| cannot_start(&shown))?;
        match wait_for(&mut child, limit)? {
            Some(status) => succeed(&shown, status),
            None => bail!("`{shown}` was ended: it had no answer after {} s", limit.as_secs()),
        }
    }

    /// Runs `from` with its standard output as the standard input of `into`, for at most `limit`; then ends `from`.
    /// `into` has read all of it by the time this returns. Both have to succeed.
    pub(crate) fn pipe_for(&self, from: &mut Command, into: &mut Command, limit: Duration) -> Result<()> {
        let (shown, shown_into) = (show(from), show(into));
        let mut source =
            self.redirect(from)?.stdout(Stdio::piped()).spawn().with_context(|| cannot_start(&shown))?;
        self.redirect(into)?;
        if let Some(output) = source.stdout.take() {
            into.stdin(output);
        }
        let sink = into.spawn();
        // Ours as well, it would keep `from` waiting should `into` end early.
        into.stdin(Stdio::null());
        let ended = wait_for(&mut source, limit);
        let sink = sink.with_context(|| cannot_start(&shown_into))?.wait()?;
        match ended? {
            Some(status) => succeed(&shown, status)?,
            None => bail!("`{shown}` was ended: it was not through after {} s", limit.as_secs()),
        }
        succeed(&shown_into, sink)
    }

    /// Writes text where this shell's output goes.
    pub(crate) fn print(&self, text: &str) -> Result<()> {
        if let Some(log) = &self.log {
            return log.try_clone()?.write_all(text.as_bytes()).context("cannot write the log");
        }
        print!("{text}");
        Ok(())
    }

    /// Sends both output streams of `command` where this shell's output goes.
    fn redirect<'c>(&self, command: &'c mut Command) -> Result<&'c mut Command> {
        command.stdin(Stdio::null());
        if let Some(log) = &self.log {
            command.stdout(log.try_clone()?).stderr(log.try_clone()?);
        }
        Ok(command)
    }
}

/// Tells the person at the terminal something, wherever program output goes.
pub(crate) fn say(text: &str) {
    println!("    {text}");
}

/// Runs `command` and returns what it printed; its standard error is part of the
/// error message if it fails.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(&shown))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed with {}: {}", output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` did not print UTF-8"))
}

/// Whether `program` can be started here at all.
pub(crate) fn exists(program: &str) -> bool {
    let probe = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    !matches!(probe, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// The cargo that started this program, without the variables it set for this program.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    clean(&mut command);
    command
}

/// Takes out what `cargo run` set to describe this program: builds started from
/// here would see it as their own and rebuild what a plain cargo has built.
pub(crate) fn clean(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let cargo_set_it = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
                .iter()
                .any(|start| name.starts_with(start))
        });
        if cargo_set_it {
            command.env_remove(name);
        }
    }
}

/// An error and its causes, outermost first, one per line.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        text.push_str("\n  because: ");
        text.push_str(&cause.to_string());
    }
    text
}

/// How `child` ended; `None` when it was still there after `limit` and was ended.
fn wait_for(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The command line as a person would type it, without quoting subtleties.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn cannot_start(shown: &str) -> String {
    format!("cannot start `{shown}`")
}

fn succeed(shown: &str, status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { bail!("`{shown}` failed with {status}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let error = Shell::terminal().run(&mut Command::new("false")).unwrap_err();
        assert_eq!(error.to_string(), "`false` failed with exit status: 1");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Shell::terminal().run(Command::new("no-such-program").arg("-x")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program -x`");
        assert!(!exists("no-such-program"));
    }

    #[test]
    fn a_program_without_an_answer_is_ended() {
        let limit = Duration::from_millis(100);
        let error = Shell::terminal().run_for(Command::new("sleep").arg("30"), limit).unwrap_err();
        assert!(error.to_string().contains("was ended"), "{error}");
    }

    #[test]
    fn what_one_program_says_is_read_by_the_next_and_both_must_succeed() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let pipe = |from: &str, into: &str, limit| {
            let shell = Shell::log_to(&log).unwrap();
            shell.print("first ").unwrap();
            let piped = shell.pipe_for(
                Command::new("sh").args(["-c", from]),
                Command::new("sh").args(["-c", into]),
                Duration::from_millis(limit),
            );
            (piped.map_err(|error| error.to_string()), std::fs::read_to_string(&log).unwrap())
        };
        assert_eq!(pipe("echo said", "cat", 10_000), (Ok(()), "first said\n".to_owned()));
        let (failed, said) = pipe("echo said; exit 3", "cat", 10_000);
        assert!(failed.unwrap_err().ends_with("exit status: 3") && said == "first said\n");
        assert!(pipe("echo said", "cat; exit 4", 10_000).0.unwrap_err().ends_with("exit status: 4"));
        // What had been said when it was ended is not lost.
        let (ended, said) = pipe("echo said; exec sleep 30", "cat", 200);
        assert!(ended.unwrap_err().contains("was ended") && said == "first said\n");
    }

    #[test]
    fn captured_output_and_error_text() {
        assert_eq!(capture(Command::new("echo").arg("seen")).unwrap(), "seen\n");
        let error = capture(Command::new("sh").args(["-c", "echo lost >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().ends_with("exit status: 3: lost"), "{error}");
    }

    #[test]
    fn causes_are_listed_under_the_error() {
        let error = anyhow::anyhow!("inner").context("outer");
        assert_eq!(describe(&error), "error: outer\n  because: inner");
    }
}
