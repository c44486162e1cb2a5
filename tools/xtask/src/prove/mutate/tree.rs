//! A copy of the workspace with all mutants in it, and the programs built from it.
//!
//! All mutants are in one build, each behind a switch that is thrown when a program starts. So there are three
//! builds (tests, loom, shuttle) and not three for each mutant.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::enumerate::{Mutant, Mutated, enumerate, switchboard};
use crate::{
    cache,
    prove::{
        model::Checker,
        process::{self, Program},
    },
    shell, workspace,
};

const LIMIT: Duration = Duration::from_mins(15);

/// What is not part of the copy.
const LEFT_OUT: [&str; 2] = ["target", ".git"];

/// Suites of `nova-tests` that look at the lifecycle.
const SUITES: [&str; 11] = [
    "hooks",
    "doubtful_gate",
    "sandbox",
    "contract",
    "children",
    "diagnosis",
    "random",
    "gates",
    "one_drain",
    "l16_two_pass",
    "machine",
];

/// The copy.
#[derive(Debug)]
pub(super) struct Tree {
    dir: PathBuf,
    pub(super) mutants: Vec<Mutant>,
    /// Those that do not compile in a build with all the others.
    pub(super) refused: Vec<Mutant>,
}

/// Where everything about mutants is.
pub(super) fn dir() -> PathBuf {
    workspace::target_dir("mutants")
}

impl Tree {
    /// Copies the workspace and puts the mutants in, those that compile.
    pub(super) fn plant() -> Result<Self> {
        let root = workspace::root();
        let mut tree = Self { dir: dir().join("tree"), mutants: Vec::new(), refused: Vec::new() };
        cache::create(&tree.dir)?;
        let mut without = BTreeSet::new();
        for _ in 0..12 {
            let Mutated { mutants, files } = enumerate(&root, &without)?;
            let mut changed: Vec<(PathBuf, String)> = files;
            let lib = fs::read_to_string(root.join("core/src/lib.rs"))?;
            changed.push(("core/src/lib.rs".into(), format!("{lib}#[doc(hidden)]\npub mod mutant;\n")));
            changed.push(("core/src/mutant.rs".into(), switchboard(mutants.len())));
            mirror(&root, &tree.dir, &root, &changed)?;
            for (path, text) in &changed {
                write(&tree.dir.join(path), text.as_bytes())?;
            }
            tree.mutants = mutants;
            let bad = tree.refused_lines()?;
            if bad.is_empty() {
                return Ok(tree);
            }
            for mutant in tree.on_lines(&bad)? {
                without.insert(mutant.name.clone());
                tree.refused.push(mutant);
            }
        }
        bail!(
            "the mutated workspace still does not compile; `cargo check` in {} says why",
            tree.dir.display()
        )
    }

    /// Lines with compiler errors, as file and number.
    fn refused_lines(&self) -> Result<BTreeSet<(String, usize)>> {
        let mut check = self.cargo(&["check", "--message-format=short"], "tests");
        check.args(["--package=nova-core", "--package=nova-backends"]);
        check.args(["--features=nova-core/alloc,nova-backends/std"]);
        let log = dir().join("check.log");
        let ended = process::run(&mut check, &log, LIMIT)?;
        if ended.success {
            return Ok(BTreeSet::new());
        }
        let lines: BTreeSet<_> = ended.text.lines().filter_map(error_line).collect();
        if lines.is_empty() {
            bail!("cargo does not compile the mutated workspace; {} says why", log.display());
        }
        Ok(lines)
    }

    /// The mutants on lines with errors: orderings only if nothing else is there.
    fn on_lines(&self, lines: &BTreeSet<(String, usize)>) -> Result<Vec<Mutant>> {
        let mut all = Vec::new();
        for (file, line) in lines {
            let here = || self.mutants.iter().filter(|mutant| mutant.file == *file && mutant.line == *line);
            let mut bad: Vec<_> = here().filter(|mutant| !mutant.operator.is_ordering()).cloned().collect();
            if bad.is_empty() {
                bad = here().cloned().collect();
            }
            all.extend(bad);
        }
        if all.is_empty() {
            bail!(
                "the mutated workspace does not compile where no mutant is: does the workspace itself? {} has it",
                dir().join("check.log").display()
            );
        }
        Ok(all)
    }

    /// The suites of the workspace.
    pub(super) fn tests(&self) -> Result<Vec<Program>> {
        let mut command = self.cargo(&["test", "--no-run"], "tests");
        command.args(["--package=nova-core", "--package=nova-backends", "--package=nova-tests", "--lib"]);
        let suites = self.dir.join("tests/tests");
        let there = SUITES.iter().filter(|name| {
            suites.join(format!("{name}.rs")).exists() || suites.join(name).join("main.rs").exists()
        });
        command.args(there.map(|name| format!("--test={name}")));
        process::build(&mut command, &dir().join("build-tests.log"), LIMIT)
    }

    /// The models.
    pub(super) fn models(&self, checker: Checker) -> Result<Vec<Program>> {
        let name = checker.name();
        let mut command = checker.cargo(&self.dir, &dir().join(name));
        process::build(&mut command, &dir().join(format!("build-{name}.log")), LIMIT)
    }

    /// The folder that cargo would run a program in.
    pub(super) fn home(&self, program: &Program) -> PathBuf {
        let package = match program.name.as_str() {
            "nova_core" => "core",
            "nova_backends" => "backends",
            _ => "tests",
        };
        self.dir.join(package)
    }

    fn cargo(&self, arguments: &[&str], target: &str) -> Command {
        let mut command = shell::cargo();
        command
            .current_dir(&self.dir)
            .env("CARGO_TARGET_DIR", dir().join(target))
            .args(arguments)
            // The deterministic world is much faster with a little optimisation.
            .args(["--config", "profile.dev.opt-level=1", "--config", "profile.dev.debug=false"]);
        command
    }
}

/// `core/src/a.rs:12:5: error[E0308]: ...` as file and line.
fn error_line(line: &str) -> Option<(String, usize)> {
    let (place, rest) = line.split_once(": error")?;
    if !rest.starts_with(['[', ':']) {
        return None;
    }
    let mut fields = place.split(':');
    let file = fields.next()?.to_owned();
    Some((file, fields.next()?.parse().ok()?))
}

/// Makes `to` like `from`, but for `except`: writes what differs, so that cargo builds no more than it must, and
/// removes what is not there.
fn mirror(from: &Path, to: &Path, root: &Path, except: &[(PathBuf, String)]) -> Result<()> {
    cache::create(to)?;
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        names.insert(name.clone());
        let relative = path.strip_prefix(root).unwrap_or(&path);
        if path.is_dir() {
            mirror(&path, &to.join(&name), root, except)?;
        } else if !except.iter().any(|(changed, _)| changed == relative) {
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            write(&to.join(&name), &bytes)?;
        }
    }
    for entry in fs::read_dir(to)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        let is_made_here = name == "mutant.rs";
        if names.contains(name) || is_made_here || LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        if path.is_dir() { cache::remove(&path)? } else { fs::remove_file(&path)? }
    }
    Ok(())
}

/// Writes a file, if that changes it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_from_warnings() {
        let line = "core/src/lifecycle/device.rs:12:5: error[E0308]: mismatched types";
        assert_eq!(error_line(line), Some(("core/src/lifecycle/device.rs".into(), 12)));
        assert_eq!(error_line("core/src/a.rs:3:1: error: expected `;`"), Some(("core/src/a.rs".into(), 3)));
        assert_eq!(error_line("core/src/a.rs:3:1: warning: unused"), None);
        assert_eq!(error_line("error: could not compile `nova-core` (lib) due to 1 previous error"), None);
    }

    #[test]
    fn a_mirror_has_what_is_there_and_nothing_else() {
        let base = std::env::temp_dir().join(format!("nova-xtask-mirror-{}", std::process::id()));
        let (from, to) = (base.join("from"), base.join("to"));
        for path in ["from/a/target", "to/a"] {
            fs::create_dir_all(base.join(path)).unwrap();
        }
        for path in ["from/a/new.rs", "from/a/mine.rs", "to/a/old.rs", "to/a/mine.rs", "to/a/mutant.rs"] {
            fs::write(base.join(path), path).unwrap();
        }
        mirror(&from, &to, &from, &[("a/mine.rs".into(), String::new())]).unwrap();
        assert_eq!(fs::read_to_string(to.join("a/new.rs")).unwrap(), "from/a/new.rs");
        assert_eq!(fs::read_to_string(to.join("a/mine.rs")).unwrap(), "to/a/mine.rs");
        assert!(
            !to.join("a/old.rs").exists() && to.join("a/mutant.rs").exists() && !to.join("a/target").exists()
        );
        cache::remove(&base).unwrap();
    }
}
