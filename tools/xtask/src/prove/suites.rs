//! The parts that are suites of the workspace: what must not compile, and removals that race.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail};

use super::{
    process,
    table::{Finding, Outcome, grouped},
};
use crate::{cache, shell, workspace};

const LIMIT: Duration = Duration::from_mins(15);

/// Misuse that the compiler refuses, with the error it is to give.
pub(super) fn compile_fail() -> Result<Finding> {
    let folder = workspace::root().join("tests/compile_fail/cases");
    let cases = count(&folder)?;
    cargo(&["--package=nova-must-not-compile"], "compile-fail")?;
    let what = "each misuse is refused with its error, and its twin compiles";
    Ok(Finding::passed(what, format!("{cases} cases")))
}

fn count(folder: &Path) -> Result<usize> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths: Vec<_> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    Ok(paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")).count())
}

/// Removals that race with everything else, from a random state machine.
pub(super) fn machine() -> Result<Finding> {
    if !workspace::root().join("tests/tests/machine.rs").exists() {
        let what = "tests/tests/machine.rs is not in this checkout";
        return Ok(Finding { what: what.into(), cases: "-".into(), outcome: Outcome::Missing });
    }
    let arguments = ["--release", "--package=nova-tests", "--test=machine", "--", "--nocapture"];
    let text = cargo(&arguments, "machine")?;
    let (races, seed) =
        races(&text).context("tests/tests/machine.rs printed no `machine: races N | ... | seed S`")?;
    Ok(Finding::passed(format!("removals that race, seed {seed}"), format!("{} races", grouped(races))))
}

/// The lines `machine: races N | ... | seed S` together: the number of races, and the first seed.
fn races(text: &str) -> Option<(u64, String)> {
    let lines = text.lines().filter_map(|line| line.split_once("machine: "));
    let mut all = lines.filter_map(|(_, line)| {
        let field = |name: &str| line.split(" | ").find_map(|field| field.trim().strip_prefix(name));
        Some((field("races ")?.parse::<u64>().ok()?, field("seed ")?.to_owned()))
    });
    let (first, seed) = all.next()?;
    Some((all.fold(first, |sum, (races, _)| sum + races), seed))
}

fn cargo(arguments: &[&str], log: &str) -> Result<String> {
    let logs = workspace::target_dir("xtask-logs");
    cache::create(&logs)?;
    let mut command = shell::cargo();
    command.current_dir(workspace::root()).args(["test", "--locked"]).args(arguments);
    let text = process::must(&mut command, &logs.join(format!("prove-{log}.log")), LIMIT)?;
    if !text.contains("test result: ok. ") {
        bail!("no test ran");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn races_are_added_up() {
        let text = "test a ... machine: races 100 | seed 7\nok\nmachine: races 23 | sequences 4 | seed 8 | seconds 1\n";
        assert_eq!(races(text), Some((123, "7".to_owned())));
        assert_eq!(races("machine: races many | seed 1"), None);
    }
}
