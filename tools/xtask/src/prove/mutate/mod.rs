//! Mutants: mistakes made on purpose, one at a time, in the code that everything rests on. The tests and models
//! must notice each; those they do not notice are explained one by one, or the check fails.

mod enumerate;
mod explained;
mod judge;
mod operators;
mod report;
mod source;
mod tree;

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use super::{
    Bounds,
    table::{Finding, Outcome},
};
use crate::{
    shell::{self, say},
    workspace,
};
use enumerate::Mutant;
use explained::Explanation;
use judge::Verdict;
use report::Report;
use tree::Tree;

/// The survivors that are explained.
const EXPLAINED: &str = "tests/mutants/explained.txt";

/// Plants the mutants, judges those that have one of `names` in theirs, or else as many as `bounds` allow, and writes
/// the report.
pub(super) fn run(bounds: Bounds, names: &[String]) -> Result<Finding> {
    let list = workspace::root().join(EXPLAINED);
    let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let explained = explained::parse(&text).with_context(|| format!("in {}", list.display()))?;
    let tree = Tree::plant()?;
    let killers = judge::killers(&tree)?;
    say(&format!(
        "{} mutants planted, {} suites and models to notice them",
        tree.mutants.len(),
        killers.len()
    ));
    let (chosen, limit) = if names.is_empty() {
        (choose(&tree.mutants, &explained, bounds), limit(bounds))
    } else {
        (named(&tree.mutants, names)?, None)
    };
    let deadline = limit.map(|limit| Instant::now() + limit);
    let verdicts = judge::judge(&tree.mutants, &chosen, &killers, deadline)?;
    let verdicts: BTreeMap<usize, Verdict> = chosen.into_iter().zip(verdicts).collect();
    let report = Report::new(&tree, &verdicts, &explained);
    let path = tree::dir().join("report.txt");
    fs::write(&path, report.text()).with_context(|| format!("cannot write {}", path.display()))?;
    for line in report.notes() {
        say(&line);
    }
    say(&format!("the whole report: {}", path.display()));
    let outcome = if report.is_clean() { Outcome::Passed } else { Outcome::Failed };
    Ok(Finding { what: report.what(), cases: report.cases(), outcome })
}

/// How long the judging may take. What it needs to build comes on top.
fn limit(bounds: Bounds) -> Option<Duration> {
    match bounds {
        Bounds::Quick => Some(Duration::from_mins(2)),
        Bounds::Usual => Some(Duration::from_secs(150)),
        Bounds::Full => None,
    }
}

/// Which mutants are judged, in what order: orderings, fences and the table first. Of the others each commit begins
/// with another one, so that all have their turn where the time does not suffice. Those that are explained are
/// known to survive, which takes long to see; only a full run looks again.
fn choose(mutants: &[Mutant], explained: &[Explanation], bounds: Bounds) -> Vec<usize> {
    let is_explained = |mutant: &Mutant| explained.iter().any(|explanation| explanation.fits(&mutant.name));
    let wanted = (0..mutants.len()).filter(|place| bounds == Bounds::Full || !is_explained(&mutants[*place]));
    let (mut chosen, mut rest): (Vec<_>, Vec<_>) =
        wanted.partition(|place| mutants[*place].operator.is_first());
    if bounds != Bounds::Quick && !rest.is_empty() {
        let turn = commit() % rest.len();
        rest.rotate_left(turn);
        chosen.extend(rest);
    }
    chosen
}

/// The mutants that have one of `names` in theirs.
fn named(mutants: &[Mutant], names: &[String]) -> Result<Vec<usize>> {
    let fits = |mutant: &Mutant| names.iter().any(|name| mutant.name.contains(name.as_str()));
    let chosen: Vec<_> = (0..mutants.len()).filter(|place| fits(&mutants[*place])).collect();
    anyhow::ensure!(!chosen.is_empty(), "no mutant is called that; a report has the names of all");
    Ok(chosen)
}

/// A number from the hash of the present commit; 0 outside of a repository.
fn commit() -> usize {
    let hash = shell::capture(Command::new("git").current_dir(workspace::root()).args(["rev-parse", "HEAD"]));
    hash.ok().and_then(|hash| usize::from_str_radix(hash.trim().get(..8)?, 16).ok()).unwrap_or(0)
}
