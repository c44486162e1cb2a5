//! Whether anything notices a mutant.

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    enumerate::Mutant,
    tree::{self, Tree},
};
use crate::{
    cache,
    prove::{
        model::{self, Checker},
        process::{self, Ended, Program},
    },
};

/// Programs at a time.
const WORKERS: usize = 2;

/// How long something may take that has no mutant in it.
const LIMIT: Duration = Duration::from_mins(5);

/// What a killer is, in the order in which the checks of code are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Tests,
    Loom,
    Shuttle,
}

/// Something that can notice a mutant: a test program, or one model.
#[derive(Debug)]
pub(super) struct Killer {
    pub(super) name: String,
    kind: Kind,
    program: PathBuf,
    home: PathBuf,
    arguments: Vec<String>,
    /// Without a mutant.
    time: Duration,
    /// The switches it comes by.
    reached: BTreeSet<u32>,
}

/// How a mutant fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Noticed; `late` if that was by not coming to an end.
    Killed { by: String, late: bool },
    /// Nothing that comes by noticed it.
    Survived,
    /// Nothing comes by.
    Unreached,
    /// There was no time.
    NotJudged,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed { by, late: false } => write!(f, "killed by {by}"),
            Self::Killed { by, late: true } => write!(f, "killed by {by}, which did not end"),
            Self::Survived => f.write_str("survived"),
            Self::Unreached => f.write_str("survived: no suite comes by"),
            Self::NotJudged => f.write_str("not judged"),
        }
    }
}

/// All killers, which have just been run without a mutant.
pub(super) fn killers(tree: &Tree) -> Result<Vec<Killer>> {
    let mut killers: Vec<Killer> = Vec::new();
    for program in tree.tests()? {
        killers.push(killer(tree, &program, program.name.clone(), Kind::Tests, Vec::new()));
    }
    for (checker, kind) in [(Checker::Loom, Kind::Loom), (Checker::Shuttle, Kind::Shuttle)] {
        for program in tree.models(checker)? {
            let Some(filter) = model::filter(&program) else { continue };
            for test in tests(&program, filter)? {
                let name = format!("{} {test}", checker.name());
                killers.push(killer(tree, &program, name, kind, vec!["--exact".into(), test]));
            }
        }
    }
    let logs = logs()?;
    let measured = process::in_parallel(WORKERS, &killers, |worker, killer| measure(killer, &logs, worker));
    for (killer, measured) in killers.iter_mut().zip(measured) {
        (killer.time, killer.reached) = measured?;
    }
    Ok(killers)
}

fn killer(tree: &Tree, program: &Program, name: String, kind: Kind, arguments: Vec<String>) -> Killer {
    Killer {
        name,
        kind,
        program: program.path.clone(),
        home: tree.home(program),
        arguments,
        time: Duration::ZERO,
        reached: BTreeSet::new(),
    }
}

fn logs() -> Result<PathBuf> {
    let logs = tree::dir().join("logs");
    process::fresh(&logs)?;
    Ok(logs)
}

/// The names of a program's tests.
fn tests(program: &Program, filter: &[&str]) -> Result<Vec<String>> {
    let text = crate::shell::capture(Command::new(&program.path).args(filter).arg("--list"))?;
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// How long a killer takes without a mutant, and where it comes by. It must pass.
fn measure(killer: &Killer, logs: &Path, worker: usize) -> Result<(Duration, BTreeSet<u32>)> {
    let reached = logs.join(format!("reached-{worker}"));
    if reached.exists() {
        fs::remove_file(&reached)?;
    }
    let log = logs.join(format!("baseline-{worker}.log"));
    let mut command = killer.command();
    let ended = process::run(command.env("NOVA_MUTANT_REACHED", &reached), &log, LIMIT)?;
    if !ended.success {
        let how = if ended.late { "takes too long" } else { "fails" };
        bail!("{} {how} without any mutant, so it can judge none:\n{}", killer.name, ended.text.trim_end());
    }
    // No file: it came by no switch at all.
    let text = fs::read_to_string(&reached).unwrap_or_default();
    let reached = text.lines().map(str::parse).collect::<Result<_, _>>();
    Ok((ended.time, reached.context("the list of switches is broken")?))
}

impl Killer {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.home)
            .env("CARGO_MANIFEST_DIR", &self.home)
            .env("NOVA_TEST_QUICK", "1")
            .env("NOVA_MODEL_SCHEDULES", "5")
            .env("RUST_BACKTRACE", "0")
            .args(&self.arguments)
            .arg("--test-threads=1");
        command
    }

    /// A mutant that goes on for ever is noticed after this.
    fn limit(&self) -> Duration {
        self.time * 4 + Duration::from_secs(8)
    }

    fn try_on(&self, switch: u32, log: &Path) -> Result<Ended> {
        process::run(self.command().env("NOVA_MUTANT", switch.to_string()), log, self.limit())
    }
}

/// Judges the mutants at these places, the first ones first, until `deadline`.
pub(super) fn judge(
    mutants: &[Mutant],
    chosen: &[usize],
    killers: &[Killer],
    deadline: Option<Instant>,
) -> Result<Vec<Verdict>> {
    let logs = tree::dir().join("logs");
    cache::create(&logs)?;
    // For who watches: a full run takes a while.
    let progress = Mutex::new(File::create(tree::dir().join("progress.txt"))?);
    let verdicts = process::in_parallel(WORKERS, chosen, |worker, place| {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(Verdict::NotJudged);
        }
        let switch = *place as u32 + 1;
        let verdict = one(&mutants[*place], switch, killers, &logs.join(format!("mutant-{worker}.log")))?;
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(progress, "{:<70} {verdict}", mutants[*place].name)?;
        Ok(verdict)
    });
    verdicts.into_iter().collect()
}

fn one(mutant: &Mutant, switch: u32, killers: &[Killer], log: &Path) -> Result<Verdict> {
    let mut coming_by: Vec<_> = killers.iter().filter(|killer| killer.reached.contains(&switch)).collect();
    // Orderings show under loom and hardly anywhere else; of everything else, the fastest tell most.
    let rank =
        |kind: Kind| if mutant.operator.is_ordering() && kind == Kind::Loom { None } else { Some(kind) };
    coming_by.sort_by_key(|killer| (rank(killer.kind), killer.time));
    for killer in &coming_by {
        let ended = killer.try_on(switch, log)?;
        if !ended.success {
            return Ok(Verdict::Killed { by: killer.name.clone(), late: ended.late });
        }
    }
    Ok(if coming_by.is_empty() { Verdict::Unreached } else { Verdict::Survived })
}
