//! The models of the real code: under loom, every execution; under shuttle, many schedules.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail};

use super::{
    Bounds,
    process::{self, Program},
    table::{Finding, grouped},
};
use crate::{cache, shell, workspace};

/// A model checker, by its name in `--cfg nova_model`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checker {
    Loom,
    Shuttle,
}

/// How long building may take, and one test program.
const BUILD_LIMIT: Duration = Duration::from_mins(15);
const LIMIT: Duration = Duration::from_mins(15);

impl Checker {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Loom => "loom",
            Self::Shuttle => "shuttle",
        }
    }

    /// What is counted, as the models print it.
    fn unit(self) -> &'static str {
        match self {
            Self::Loom => "executions",
            Self::Shuttle => "schedules",
        }
    }

    /// Cargo for the test programs of `root` with this checker in place of the atomics.
    pub(super) fn cargo(self, root: &Path, target: &Path) -> Command {
        let mut command = shell::cargo();
        command
            .current_dir(root)
            .env("RUSTFLAGS", format!("--cfg nova_model=\"{}\"", self.name()))
            // It would be taken instead.
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("CARGO_TARGET_DIR", target)
            .args(["test", "--release", "--no-run", "--package=nova-model"]);
        if self == Self::Loom {
            // The cell has its own models, which see what is private.
            command.args(["--package=nova-core", "--lib", "--tests"]);
        }
        command
    }
}

/// The filter for those tests of a program that are models; none if it has no models.
pub(super) fn filter(program: &Program) -> Option<&'static [&'static str]> {
    match program.name.as_str() {
        "nova_core" => Some(&["::model::"]),
        // core's own integration tests, and a crate without tests.
        "catalogue" | "nova_model" => None,
        _ => Some(&[]),
    }
}

/// Runs every model of one checker.
pub(super) fn run(checker: Checker, bounds: Bounds) -> Result<Finding> {
    let dir = workspace::target_dir(&format!("prove-{}", checker.name()));
    cache::create(&dir)?;
    let mut build = checker.cargo(&workspace::root(), &dir);
    let programs = process::build(build.arg("--locked"), &dir.join("build.log"), BUILD_LIMIT)?;
    let mut models = Vec::new();
    for program in &programs {
        let Some(filter) = filter(program) else { continue };
        let mut command = Command::new(&program.path);
        command.current_dir(workspace::root().join("tests/model")).args(filter);
        if bounds == Bounds::Quick {
            command.env("LOOM_MAX_PREEMPTIONS", "2").env("NOVA_MODEL_SCHEDULES", "5");
        }
        let text = process::must(&mut command, &dir.join(format!("{}.log", program.name)), LIMIT)?;
        models.extend(parse(&text, checker)?);
    }
    if models.is_empty() {
        bail!("no model ran: none of the programs printed a line `model: NAME | ... | {} N`", checker.unit());
    }
    for model in &models {
        shell::say(&format!(
            "{:<8} {:<32} {:>12} {} ({})",
            checker.name(),
            model.name,
            grouped(model.cases),
            checker.unit(),
            model.bounds
        ));
    }
    let cases = models.iter().map(|model| model.cases).sum();
    let what = match checker {
        Checker::Loom => {
            let whole = models.iter().filter(|model| model.bounds.contains("unbounded")).count();
            format!("{} models, {whole} of them with unbounded preemptions", models.len())
        }
        Checker::Shuttle => format!("{} models, random and PCT schedules", models.len() / 2),
    };
    Ok(Finding::passed(what, format!("{} {}", grouped(cases), checker.unit())))
}

/// One model that was explored.
#[derive(Debug, PartialEq, Eq)]
struct Model {
    name: String,
    bounds: String,
    cases: u64,
}

/// The lines `model: NAME | threads 3 | preemptions unbounded | executions 1234` in a test's output.
fn parse(text: &str, checker: Checker) -> Result<Vec<Model>> {
    // The test harness may have begun the line.
    let lines = text.lines().filter_map(|line| line.split_once("model: ").map(|(_, rest)| rest));
    lines
        .map(|line| {
            let fields: Vec<_> = line.split(" | ").collect();
            let cases = fields.last().and_then(|last| last.trim().strip_prefix(checker.unit()));
            let cases = cases.and_then(|count| count.trim().parse().ok());
            let cases = cases.with_context(|| format!("no number of {} in '{line}'", checker.unit()))?;
            let bounds = fields.get(1..fields.len() - 1).unwrap_or_default().join(", ");
            Ok(Model { name: fields[0].to_owned(), bounds, cases })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_read_from_among_other_output() {
        let text = "running 2 tests\ntest a ... model: cell-hold | threads 2 | preemptions 3 | executions 1234\nok\n\
                    model: gate | threads 3 | preemptions unbounded | executions 6\n";
        let models = parse(text, Checker::Loom).unwrap();
        assert_eq!(models.len(), 2);
        assert_eq!((models[0].name.as_str(), models[0].cases), ("cell-hold", 1_234));
        assert_eq!(models[1].bounds, "threads 3, preemptions unbounded");
    }

    #[test]
    fn a_model_without_a_number_is_an_error() {
        let text = "model: busy | threads 6 | scheduler pct | seed 1 | schedules FAILED";
        assert!(parse(text, Checker::Shuttle).is_err());
        assert!(parse("model: gate | executions 6", Checker::Shuttle).is_err());
        assert_eq!(parse("ok", Checker::Loom).unwrap(), []);
    }
}
