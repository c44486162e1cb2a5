//! A list of named steps, run one after the other, with a table at the end.

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    cache,
    shell::{self, Shell},
    workspace,
};

/// What a step does.
type Action = Box<dyn FnOnce(&Shell) -> Result<()>>;

/// How much of a step's output is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// All of it, while it runs.
    Always,
    /// All of it, if the step fails.
    OnFailure,
}

/// One named check.
pub(crate) struct Step {
    name: &'static str,
    show: Show,
    action: Action,
}

impl Step {
    /// A step called `name` that passes if `action` returns `Ok`.
    pub(crate) fn new(
        name: &'static str,
        show: Show,
        action: impl FnOnce(&Shell) -> Result<()> + 'static,
    ) -> Self {
        Self { name, show, action: Box::new(action) }
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    NotRun,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Failed => "FAILED",
            Self::NotRun => "not run",
        }
    }
}

/// One line of the table.
#[derive(Debug)]
struct Row {
    name: &'static str,
    outcome: Outcome,
    time: Duration,
}

/// Runs `steps` in order and prints the table. After a failure the rest is left
/// out, unless `keep_going`. An error if a step failed.
pub(crate) fn run(steps: Vec<Step>, keep_going: bool) -> Result<()> {
    let mut rows: Vec<Row> = Vec::new();
    for step in steps {
        let stopped = !keep_going && failures(&rows).next().is_some();
        rows.push(if stopped { skip(&step) } else { run_one(step) });
    }
    println!("\n{}\n{}", table(&rows), tally(&rows));
    let failed: Vec<_> = failures(&rows).collect();
    if failed.is_empty() {
        return Ok(());
    }
    bail!(
        "failed: {}. Its output is above this table; `--keep-going` runs the steps after a failure too",
        failed.join(", ")
    )
}

fn failures(rows: &[Row]) -> impl Iterator<Item = &'static str> {
    rows.iter().filter(|row| row.outcome == Outcome::Failed).map(|row| row.name)
}

fn skip(step: &Step) -> Row {
    Row { name: step.name, outcome: Outcome::NotRun, time: Duration::ZERO }
}

/// Runs one step, says how it went, and shows its output if it must be seen.
fn run_one(step: Step) -> Row {
    println!("==> {}", step.name);
    let started = Instant::now();
    let log = (step.show == Show::OnFailure).then(|| log_path(step.name));
    let result = open(log.as_ref()).and_then(|shell| (step.action)(&shell));
    let row = Row { name: step.name, outcome: outcome(&result), time: started.elapsed() };
    if let Err(error) = result {
        print_log(log);
        println!("{}", shell::describe(&error));
    }
    println!("<== {}: {} in {} s", row.name, row.outcome.word(), seconds(row.time));
    row
}

fn outcome(result: &Result<()>) -> Outcome {
    if result.is_ok() { Outcome::Passed } else { Outcome::Failed }
}

/// The file that keeps a step's output, `tests (release)` as `tests-release.log`.
pub(crate) fn log_path(name: &str) -> PathBuf {
    let words: Vec<_> =
        name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    workspace::target_dir("xtask-logs").join(words.join("-")).with_extension("log")
}

fn open(log: Option<&PathBuf>) -> Result<Shell> {
    let Some(path) = log else { return Ok(Shell::terminal()) };
    if let Some(dir) = path.parent() {
        cache::create(dir)?;
    }
    Shell::log_to(path)
}

fn print_log(log: Option<PathBuf>) {
    if let Some(text) = log.and_then(|path| fs::read(path).ok()) {
        println!("{}", String::from_utf8_lossy(&text).trim_end());
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

/// The rows as text, with the columns lined up and the total time below.
fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max("total".len());
    let rule = "-".repeat(width + 20);
    let mut text = format!("{:width$}  {:>7}  {:>9}\n{rule}\n", "step", "result", "seconds");
    for row in rows {
        let time = if row.outcome == Outcome::NotRun { "-".to_owned() } else { seconds(row.time) };
        let _ = writeln!(text, "{:width$}  {:>7}  {time:>9}", row.name, row.outcome.word());
    }
    let total = seconds(rows.iter().map(|row| row.time).sum());
    let _ = write!(text, "{rule}\n{:width$}  {:>7}  {total:>9}", "total", "");
    text
}

/// The closing line, in the form that CI systems read from any test runner.
fn tally(rows: &[Row]) -> String {
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
    let [passed, failed, skipped] = [Outcome::Passed, Outcome::Failed, Outcome::NotRun].map(count);
    format!("steps: {passed} passed, {failed} failed, {skipped} skipped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::Cell, rc::Rc};

    #[test]
    fn columns_line_up() {
        let rows = [
            Row { name: "fmt", outcome: Outcome::Passed, time: Duration::from_millis(420) },
            Row { name: "tests (release)", outcome: Outcome::Failed, time: Duration::from_millis(123_456) },
            Row { name: "deny", outcome: Outcome::NotRun, time: Duration::ZERO },
        ];
        let expected = "\
step              result    seconds
-----------------------------------
fmt                   ok        0.4
tests (release)   FAILED      123.5
deny             not run          -
-----------------------------------
total                         123.9";
        assert_eq!(table(&rows), expected);
        assert_eq!(tally(&rows), "steps: 1 passed, 1 failed, 1 skipped");
    }

    fn failing_then_counting(keep_going: bool) -> (usize, String) {
        let ran = Rc::new(Cell::new(0));
        let counter = Rc::clone(&ran);
        let steps = vec![
            Step::new("broken", Show::Always, |_| bail!("on purpose")),
            Step::new("after", Show::Always, move |_| {
                counter.set(counter.get() + 1);
                Ok(())
            }),
        ];
        let error = run(steps, keep_going).unwrap_err();
        (ran.get(), error.to_string())
    }

    #[test]
    fn a_failure_stops_the_rest_unless_asked_to_keep_going() {
        let (ran, error) = failing_then_counting(false);
        assert_eq!(ran, 0);
        assert!(error.starts_with("failed: broken."), "{error}");
        assert_eq!(failing_then_counting(true).0, 1);
    }

    #[test]
    fn log_files_have_plain_names() {
        assert!(log_path("tests (release)").ends_with("xtask-logs/tests-release.log"));
        assert!(log_path("no-std").ends_with("xtask-logs/no-std.log"));
    }
}
