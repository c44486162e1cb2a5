//! The cases: which run, on which machines, and what came of them.

mod report;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nova_vm_tests::{CASES, Case, Machine as Kind, Outcome};

pub(super) use self::report::Report;
use self::report::Row;
use super::machine::{Boot, Machine};
use crate::{kernel::Flavour, shell};

/// Runs `selected` on the machines that they need.
pub(super) fn run(boot: &Boot<'_>, selected: &[&'static Case], report: &mut Report) -> Result<()> {
    let mut kinds: Vec<Kind> = selected.iter().map(|case| case.machine).collect();
    kinds.dedup();
    for kind in kinds {
        let mut waiting: Vec<_> = selected.iter().copied().filter(|case| case.machine == kind).collect();
        waiting.reverse();
        // A machine that has failed is replaced; each runs at least one case, and few are given a second try, so this
        // ends.
        let mut second_tries = SECOND_TRIES;
        while !waiting.is_empty() {
            let log = log_path(boot.log, kind, report.machines())?;
            run_machine(&Boot { log: &log, ..*boot }, kind, &mut waiting, &mut second_tries, report)?;
        }
    }
    Ok(())
}

/// The cases of that name, or all of them, as far as they run on a kernel of that flavour, or on the stock kernel.
pub(super) fn select(only: &[String], flavour: Option<Flavour>) -> Result<Vec<&'static Case>> {
    if let Some(unknown) = only.iter().find(|name| Case::find(name).is_none()) {
        bail!("there is no case {unknown}; `--list` names them");
    }
    let is_wanted = |case: &&Case| only.is_empty() || only.iter().any(|name| name == case.name);
    let runs = |case: &&Case| match flavour {
        Some(flavour) => case.runs_on(flavour.name()),
        None => !case.machine.needs_own_kernel(),
    };
    Ok(CASES.iter().filter(is_wanted).filter(runs).collect())
}

/// How many cases of a kind of machine may run again because QEMU itself has aborted.
const SECOND_TRIES: u32 = 2;

/// Boots one machine and runs the cases of `waiting`, last first, until one leaves the machine unusable.
fn run_machine(
    boot: &Boot<'_>,
    kind: Kind,
    waiting: &mut Vec<&'static Case>,
    second_tries: &mut u32,
    report: &mut Report,
) -> Result<()> {
    let started = Instant::now();
    let mut machine = match Machine::boot(boot, kind) {
        Ok(machine) => machine,
        Err(error) => return refuse(&error, started.elapsed(), waiting, report),
    };
    report.booted(kind, machine.kernel(), started.elapsed(), boot.log);
    let splats = machine.new_splats()?;
    if !splats.is_empty() {
        let error = anyhow::anyhow!("the guest's kernel said: {}", splats.join("; "));
        return refuse(&error, started.elapsed(), waiting, report);
    }
    while let Some(case) = waiting.pop() {
        let begun = Instant::now();
        match machine.run(case) {
            Ok(outcome) => say(report.add(case, outcome)),
            Err(_) if *second_tries > 0 && has_aborted(boot.log) => {
                *second_tries -= 1;
                shell::say(&format!("{} once more: QEMU has aborted in an assertion of its own", case.name));
                waiting.push(case);
                return Ok(());
            }
            Err(error) => {
                say(report.add(case, Outcome::failed(format!("{error:#}"), begun.elapsed())));
                return stopped(&error);
            }
        }
    }
    if let Err(error) = machine.power_off() {
        report.trouble(format!("{error:#}"));
        return stopped(&error);
    }
    Ok(())
}

/// Whether QEMU has come to the end that QEMU 11.1 comes to when a server dies with something unread: it sets its error twice.
/// `machine::quiet` avoids that; a server that dies by itself does not.
fn has_aborted(console: &Path) -> bool {
    let said = fs::read_to_string(console.with_extension("qemu.log"));
    said.is_ok_and(|said| said.contains("error_setv: Assertion `*errp == NULL' failed"))
}

/// Fails the next case with `error`: the machine did not get as far as running it.
fn refuse(
    error: &anyhow::Error,
    time: Duration,
    waiting: &mut Vec<&'static Case>,
    report: &mut Report,
) -> Result<()> {
    if let Some(case) = waiting.pop() {
        say(report.add(case, Outcome::failed(format!("{error:#}"), time)));
    }
    stopped(error)
}

/// A Ctrl-C ends the run; every other trouble is the case's.
fn stopped(error: &anyhow::Error) -> Result<()> {
    if error.chain().any(|cause| cause.to_string() == "interrupted") {
        bail!("interrupted");
    }
    Ok(())
}

fn say(row: &Row) {
    shell::say(&row.line());
}

/// `console-bench-0.log` beside `any`.
fn log_path(any: &Path, kind: Kind, number: usize) -> Result<PathBuf> {
    let folder = any.parent().context("the log has no folder")?;
    fs::create_dir_all(folder)?;
    Ok(folder.join(format!("console-{}-{number}.log", kind.name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_selected_by_name() {
        let all =
            [None, Some(Flavour::Plain), Some(Flavour::Debug)].map(|flavour| select(&[], flavour).unwrap());
        assert!(CASES.iter().all(|case| all.iter().flatten().any(|selected| selected.name == case.name)));
        assert!(all[0].iter().all(|case| !case.machine.needs_own_kernel()));
        let two = select(&["unplug".into(), "boot".into()], None).unwrap();
        assert_eq!(two.iter().map(|case| case.name).collect::<Vec<_>>(), ["boot", "unplug"]);
        assert!(select(&["bot".into()], None).unwrap_err().to_string().contains("no case bot"));
    }
}
