//! `cargo xtask prove`: what shows that the lifecycle keeps its promises, in one table.
//!
//! [`promela`] checks the design, [`model`] the code in every interleaving or in many, [`suites`] what the
//! compiler must refuse and races at random, and [`mutate`] whether all of that would notice a mistake.
//! `docs/proof.md` says what each part shows, and what it does not.

mod model;
mod mutate;
mod process;
mod promela;
mod suites;
mod table;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::shell::{self, Shell};
use model::Checker;
use table::{Finding, Outcome, Row};

/// Options of `cargo xtask prove`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For the inner loop: few preemptions, few schedules, and only the mutants of orderings, fences and the table.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Judge every mutant, also those that tests/mutants/explained.txt explains.
    #[arg(long)]
    full: bool,
    /// Judge only the mutants with this in their name, and however long it takes; may be given more than once.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["quick", "full"])]
    mutant: Vec<String>,
    /// Only this part; may be given more than once.
    #[arg(long, value_name = "NAME")]
    only: Vec<Part>,
}

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bounds {
    Quick,
    /// What fits into a run of CI.
    Usual,
    Full,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The Promela models, with spin.
    Promela,
    /// The models of the code, with loom.
    Loom,
    /// The models of the code, with shuttle.
    Shuttle,
    /// What must not compile.
    CompileFail,
    /// Removals that race, at random.
    Machine,
    /// Mistakes made on purpose, which must be noticed.
    Mutation,
}

impl Part {
    const ALL: [Self; 6] =
        [Self::Promela, Self::Loom, Self::Shuttle, Self::CompileFail, Self::Machine, Self::Mutation];

    fn name(self) -> &'static str {
        match self {
            Self::Promela => "promela",
            Self::Loom => "loom",
            Self::Shuttle => "shuttle",
            Self::CompileFail => "compile-fail",
            Self::Machine => "machine",
            Self::Mutation => "mutation",
        }
    }

    fn run(self, shell: &Shell, bounds: Bounds, mutants: &[String]) -> Result<Finding> {
        match self {
            Self::Promela => promela::run(shell),
            Self::Loom => model::run(Checker::Loom, bounds),
            Self::Shuttle => model::run(Checker::Shuttle, bounds),
            Self::CompileFail => suites::compile_fail(),
            Self::Machine => suites::machine(),
            Self::Mutation => mutate::run(bounds, mutants),
        }
    }
}

/// Runs the parts that `args` selects, each of them also after one that failed.
pub(crate) fn run(shell: &Shell, args: &Args) -> Result<()> {
    let bounds = match (args.quick, args.full) {
        (true, _) => Bounds::Quick,
        (_, true) => Bounds::Full,
        _ => Bounds::Usual,
    };
    let asked = |part: &Part| match (args.only.as_slice(), args.mutant.as_slice()) {
        ([], []) => true,
        ([], _) => *part == Part::Mutation,
        (only, _) => only.contains(part),
    };
    prove(shell, bounds, Part::ALL.into_iter().filter(asked), &args.mutant)
}

/// What CI runs.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    prove(shell, Bounds::Usual, Part::ALL.into_iter(), &[])
}

fn prove(shell: &Shell, bounds: Bounds, parts: impl Iterator<Item = Part>, mutants: &[String]) -> Result<()> {
    let mut rows = Vec::new();
    for part in parts {
        let name = part.name();
        shell::say(&format!("{name} ..."));
        let started = Instant::now();
        let finding = part.run(shell, bounds, mutants).unwrap_or_else(|error| {
            println!("{name}: {}", shell::describe(&error));
            Finding { what: "see above".into(), cases: "-".into(), outcome: Outcome::Failed }
        });
        rows.push(Row { name, finding, time: started.elapsed() });
    }
    println!("\n{}\n", table::render(&rows));
    let failed: Vec<_> =
        rows.iter().filter(|row| row.finding.outcome == Outcome::Failed).map(|row| row.name).collect();
    if !failed.is_empty() {
        bail!("not proven: {}; `cargo xtask prove --only NAME` runs one part again", failed.join(", "));
    }
    Ok(())
}
