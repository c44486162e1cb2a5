//! The Promela models in `tests/models`, each check of `checks.txt` with spin.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{
    process,
    table::{Finding, grouped},
};
use crate::{
    apt::{self, Apt},
    cache,
    shell::{self, Shell},
    workspace,
};

/// How long one check may take.
const LIMIT: Duration = Duration::from_mins(5);

/// At a time; each takes up to 800 MB.
const WORKERS: usize = 2;

/// One line of `checks.txt`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    name: String,
    file: String,
    flags: Vec<String>,
    /// A property that must come true; none for assertions and deadlocks.
    claim: Option<String>,
    /// A planted mistake, which must be found.
    planted: bool,
}

/// What spin's checker said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    errors: u64,
    states: u64,
}

/// Runs every check.
pub(super) fn run(shell: &Shell) -> Result<Finding> {
    let models = workspace::root().join("tests/models");
    let list = models.join("checks.txt");
    let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let checks = parse(&text).with_context(|| format!("in {}", list.display()))?;
    let spin = spin(shell)?;
    let dir = workspace::target_dir("prove-promela");
    process::fresh(&dir)?;
    let answers =
        process::in_parallel(WORKERS, &checks, |_, check| one(&spin, &models, &dir.join(&check.name), check));
    summary(&checks, answers)
}

fn summary(checks: &[Check], answers: Vec<Result<Answer>>) -> Result<Finding> {
    let mut wrong = Vec::new();
    let mut states = 0;
    for (check, answer) in checks.iter().zip(answers) {
        match answer {
            Err(error) => wrong.push(format!("{}: {error:#}", check.name)),
            Ok(Answer { errors: 0, .. }) if check.planted => {
                wrong.push(format!("{}: the planted mistake was not found", check.name));
            }
            Ok(Answer { errors, .. }) if errors > 0 && !check.planted => wrong.push(format!(
                "{}: does not hold; tests/models/README.md says how to see the way to the error",
                check.name
            )),
            Ok(answer) => states += answer.states,
        }
    }
    if !wrong.is_empty() {
        bail!("{} of {} checks went wrong:\n{}", wrong.len(), checks.len(), wrong.join("\n"));
    }
    let planted = checks.iter().filter(|check| check.planted).count();
    let what = format!("{} checks hold, {planted} planted mistakes found", checks.len() - planted);
    Ok(Finding::passed(what, format!("{} states", grouped(states))))
}

/// Checks one line in a folder of its own: spin writes its files where it is run.
fn one(spin: &Path, models: &Path, dir: &Path, check: &Check) -> Result<Answer> {
    cache::create(dir)?;
    let here = |program: &Path| {
        let mut command = Command::new(program);
        command.current_dir(dir);
        command
    };
    let mut generate = here(spin);
    if !shell::exists("gcc") {
        // What spin has includes and definitions done by instead of `gcc`: all of it is one argument.
        generate.arg(["-Pcc", "-E", "-x", "c"].join(" "));
    }
    generate.arg("-a").args(&check.flags).arg(models.join(&check.file));
    process::must(&mut generate, &dir.join("spin.log"), LIMIT)?;
    let mode = if check.claim.is_some() { "-DNFAIR=4" } else { "-DSAFETY" };
    let mut compile = here(Path::new("cc"));
    compile.args(["-O2", mode, "-o", "pan", "pan.c"]);
    process::must(&mut compile, &dir.join("cc.log"), LIMIT)
        .context("a C compiler is needed: `cc` is what Rust links with")?;
    let mut search = here(&dir.join("pan"));
    search.arg("-m3000000");
    if let Some(claim) = &check.claim {
        search.args(["-a", "-f", "-N", claim]);
    }
    let log = dir.join("pan.log");
    let ended = process::run(&mut search, &log, LIMIT)?;
    if ended.late {
        bail!("no answer after {} s", LIMIT.as_secs());
    }
    answer(&ended.text).with_context(|| format!("in {}", log.display()))
}

/// Reads what the checker prints at its end.
fn answer(text: &str) -> Result<Answer> {
    if text.contains("max search depth too small") {
        bail!(
            "the search was cut off at its greatest depth, so it says nothing: give the model tighter bounds"
        );
    }
    let errors = text.lines().find_map(|line| line.split_once("errors: "));
    let errors = errors.and_then(|(_, count)| count.trim().parse().ok());
    let errors = errors.context("the checker printed no 'errors:'; it was ended, or had no memory left")?;
    let states = text.lines().find_map(|line| line.trim().strip_suffix(" states, stored"));
    // With a claim, the number of states is given twice.
    let states = states.or_else(|| {
        let line = text.lines().find(|line| line.contains(" states, stored"))?;
        line.trim().split(' ').next()
    });
    let states = states.and_then(|count| count.parse::<f64>().ok()).context("no 'states, stored'")?;
    // Large counts are printed as 1.2e+06.
    #[expect(clippy::cast_sign_loss, reason = "it is a count")]
    Ok(Answer { errors, states: states as u64 })
}

/// `name | property | file | spin flags | claim | pass/fail`, one check per line.
fn parse(text: &str) -> Result<Vec<Check>> {
    let mut checks: Vec<Check> = Vec::new();
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    for (line, number) in lines {
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let &[name, _property, file, flags, claim, expected] = fields.as_slice() else {
            bail!("line {number} has {} fields instead of 6", fields.len());
        };
        let planted = match expected {
            "pass" => false,
            "fail" => true,
            other => bail!("line {number} expects '{other}': say pass or fail"),
        };
        if checks.iter().any(|check| check.name == name) {
            bail!("line {number} is the second one called {name}");
        }
        checks.push(Check {
            name: name.to_owned(),
            file: file.to_owned(),
            flags: flags.split_whitespace().map(str::to_owned).collect(),
            claim: (claim != "-").then(|| claim.to_owned()),
            planted,
        });
    }
    if checks.is_empty() {
        bail!("there is no check");
    }
    Ok(checks)
}

/// spin: the one on the path, or in the cache, or Debian's, unpacked there now.
fn spin(shell: &Shell) -> Result<PathBuf> {
    // It has no `--version`, but it can be started.
    if shell::exists("spin") {
        return Ok("spin".into());
    }
    let entry = cache::root()?.join("spin");
    let program = entry.join("usr/bin/spin");
    if !program.exists() {
        shell::say(&format!("installing spin into {}", entry.display()));
        fetch(shell, &entry).context(
            "spin is needed for the Promela models: install it (Debian's package is `spin`) or put it on the path",
        )?;
    }
    Ok(program)
}

fn fetch(shell: &Shell, entry: &Path) -> Result<()> {
    let apt = Apt::machine()?;
    apt.update(shell)?;
    let version = apt.versions("spin")?.into_iter().next().context("apt knows no package 'spin'")?;
    let packages = apt.download_alone(shell, &[format!("spin={version}")])?;
    shell::say(&format!("unpacking {}", apt::names(&packages)));
    cache::fill(entry, |into| apt::unpack(shell, &packages, into))?;
    apt.forget_downloads()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAFE: &str = "State-vector 68 byte, depth reached 92, errors: 0\n     1325 states, stored\n";
    const LIVE: &str =
        "State-vector 76 byte, depth reached 183, errors: 1\n      416 states, stored (831 visited)\n";

    #[test]
    fn a_line_is_a_check() {
        let text = "# comment\n\na-b | in words | gate.pml | -DG1 -DX=2 | - | pass\nc | w | d.pml | -DL | p5 | fail\n";
        let checks = parse(text).unwrap();
        assert_eq!(checks.len(), 2);
        assert_eq!((checks[0].name.as_str(), checks[0].file.as_str()), ("a-b", "gate.pml"));
        assert_eq!(checks[0].flags, ["-DG1", "-DX=2"]);
        assert_eq!((&checks[0].claim, checks[0].planted), (&None, false));
        assert_eq!((checks[1].claim.as_deref(), checks[1].planted), (Some("p5"), true));
    }

    #[test]
    fn what_is_no_check_is_named_by_its_line() {
        let error = |text| parse(text).unwrap_err().to_string();
        assert_eq!(error("a | b"), "line 1 has 2 fields instead of 6");
        assert_eq!(error("\na | b | c | d | - | maybe"), "line 2 expects 'maybe': say pass or fail");
        assert!(error("a|b|c|d|-|pass\na|b|c|d|-|pass").contains("second"));
        assert_eq!(error("# none"), "there is no check");
    }

    #[test]
    fn the_checkers_answer_is_read() {
        assert_eq!(answer(SAFE).unwrap(), Answer { errors: 0, states: 1_325 });
        assert_eq!(answer(LIVE).unwrap(), Answer { errors: 1, states: 416 });
        let large = SAFE.replace("1325", "1.0456e+06");
        assert_eq!(answer(&large).unwrap().states, 1_045_600);
    }

    #[test]
    fn a_search_that_says_nothing_is_an_error() {
        let cut = format!("error: max search depth too small\n{SAFE}");
        assert!(answer(&cut).unwrap_err().to_string().contains("cut off"));
        assert!(answer("pan: out of memory").unwrap_err().to_string().contains("no 'errors:'"));
    }

    #[test]
    fn planted_mistakes_must_be_found_and_nothing_else() {
        let checks = parse("a|b|c|d|-|pass\nb|b|c|d|-|fail").unwrap();
        let told = |first, second| {
            let answers = [first, second].map(|errors| Ok(Answer { errors, states: 500 }));
            summary(&checks, answers.into())
        };
        assert_eq!(told(0, 1).unwrap().cases, "1 000 states");
        assert!(told(0, 0).unwrap_err().to_string().contains("planted mistake was not found"));
        assert!(told(1, 1).unwrap_err().to_string().contains("does not hold"));
    }
}
