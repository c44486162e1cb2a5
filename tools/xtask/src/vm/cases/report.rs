//! What came of the cases: a table for a person, JSON for a program.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use comfy_table::{Cell, CellAlignment, Table, presets::NOTHING};
use nova_vm_tests::{Case, Machine as Kind, Outcome};
use serde::Serialize;

/// The version of the JSON form.
const SCHEMA: u32 = 1;

/// One case that ran.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: &'static str,
    machine: &'static str,
    about: &'static str,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Row {
    /// The case in one line.
    pub(super) fn line(&self) -> String {
        let Outcome { passed, millis, detail, failure } = &self.outcome;
        let (word, text) = if *passed { ("ok", detail) } else { ("FAILED", failure) };
        format!("{} {word} ({:.1} s) {}", self.name, seconds(*millis), one_line(text)).trim_end().to_owned()
    }
}

/// One machine that was booted.
#[derive(Debug, Serialize)]
struct Booted {
    machine: &'static str,
    kernel: String,
    ready_millis: u64,
    console: String,
}

/// Everything about one run.
#[derive(Debug, Serialize)]
pub(in crate::vm) struct Report {
    schema_version: u32,
    accel: &'static str,
    /// The name of the package set, see tests/vm/packages.lock.
    packages: String,
    /// The kernel's release, or the name of our own in the cache.
    kernel: String,
    machines: Vec<Booted>,
    cases: Vec<Row>,
    /// Cases that were to run and did not.
    missing: Vec<&'static str>,
    /// What went wrong outside of a case.
    troubles: Vec<String>,
}

impl Report {
    pub(in crate::vm) fn new(accel: &'static str, packages: String, kernel: String) -> Self {
        let (machines, cases, missing, troubles) = Default::default();
        Self { schema_version: SCHEMA, accel, packages, kernel, machines, cases, missing, troubles }
    }

    pub(super) fn add(&mut self, case: &'static Case, outcome: Outcome) -> &Row {
        let machine = case.machine.name();
        let index = self.cases.len();
        self.cases.push(Row { name: case.name, machine, about: case.about, outcome });
        &self.cases[index]
    }

    pub(super) fn booted(&mut self, kind: Kind, kernel: &str, time: Duration, log: &Path) {
        self.machines.push(Booted {
            machine: kind.name(),
            kernel: kernel.to_owned(),
            ready_millis: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            console: log.display().to_string(),
        });
    }

    pub(super) fn trouble(&mut self, what: String) {
        self.troubles.push(what);
    }

    /// How many machines have been tried: each has a log of its own.
    pub(super) fn machines(&self) -> usize {
        self.machines.len() + self.cases.len()
    }

    /// Notes which of `selected` did not run.
    pub(in crate::vm) fn close(&mut self, selected: &[&'static Case]) {
        let ran = |name: &str| self.cases.iter().any(|row| row.name == name);
        self.missing = selected.iter().map(|case| case.name).filter(|name| !ran(name)).collect();
    }

    pub(in crate::vm) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }

    /// The table of cases and machines.
    pub(in crate::vm) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header([
            "case",
            "machine",
            "result",
            "s",
            "what it shows, what was seen",
        ]);
        for row in &self.cases {
            let word = if row.outcome.passed { "ok" } else { "FAILED" };
            let seen = if row.outcome.passed { &row.outcome.detail } else { &row.outcome.failure };
            let text = if seen.is_empty() {
                row.about.to_owned()
            } else {
                format!("{}: {}", row.about, one_line(seen))
            };
            let time =
                Cell::new(format!("{:.1}", seconds(row.outcome.millis))).set_alignment(CellAlignment::Right);
            table.add_row([row.name.into(), row.machine.into(), word.into(), time, Cell::new(text)]);
        }
        for name in &self.missing {
            table.add_row([name, "", "NOT RUN"]);
        }
        let boots = self.machines.iter().map(|booted| {
            let time = seconds(booted.ready_millis);
            format!(
                "\n{}: Linux {} on {}, ready after {time:.1} s",
                booted.machine, booted.kernel, self.accel
            )
        });
        format!("{}{}", table.trim_fmt(), boots.collect::<String>())
    }

    /// An error that names what is not as it should be.
    pub(in crate::vm) fn verdict(&self) -> Result<()> {
        let failed = self.cases.iter().filter(|row| !row.outcome.passed).map(|row| row.name.to_owned());
        let missing = self.missing.iter().map(|name| format!("{name} (not run)"));
        let all: Vec<_> = failed.chain(missing).chain(self.troubles.iter().cloned()).collect();
        if all.is_empty() { Ok(()) } else { bail!("failed: {}", all.join(", ")) }
    }
}

fn seconds(millis: u64) -> f64 {
    Duration::from_millis(millis).as_secs_f64()
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use nova_vm_tests::CASES;

    use super::*;

    fn outcome(passed: bool) -> Outcome {
        let failure = if passed { "" } else { "lost\nit" };
        Outcome { passed, millis: 1234, detail: "5 of 5".into(), failure: failure.into() }
    }

    #[test]
    fn a_report_without_failures_passes() {
        let mut report = Report::new("tcg", "k".into(), "7.3".into());
        let line = report.add(&CASES[0], outcome(true)).line();
        assert_eq!(line, "boot ok (1.2 s) 5 of 5");
        report.close(&[&CASES[0]]);
        report.verdict().unwrap();
        assert!(report.table().contains("5 of 5"));
    }

    #[test]
    fn failed_missing_and_other_troubles_are_all_named() {
        let mut report = Report::new("tcg", "k".into(), "7.3".into());
        let line = report.add(&CASES[0], outcome(false)).line();
        assert_eq!(line, "boot FAILED (1.2 s) lost; it");
        report.trouble("QEMU ended with signal 6".into());
        report.close(&[&CASES[0], &CASES[1]]);
        let error = report.verdict().unwrap_err().to_string();
        assert_eq!(error, "failed: boot, edu_sysfs (not run), QEMU ended with signal 6");
        assert!(report.table().contains("NOT RUN"));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["cases"][0]["passed"], false);
        assert_eq!(json["missing"][0], "edu_sysfs");
    }
}
