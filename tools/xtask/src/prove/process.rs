//! Programs that run beside each other, each with its output in a file of its own and a limit of time.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::cache;

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// With exit status 0.
    pub(super) success: bool,
    /// It was ended, because its time was up.
    pub(super) late: bool,
    /// What it printed, both streams.
    pub(super) text: String,
    pub(super) time: Duration,
}

/// Runs `command`, which must not leave programs of its own behind, for at most `limit`.
pub(super) fn run(command: &mut Command, log: &Path, limit: Duration) -> Result<Ended> {
    let program = command.get_program().display().to_string();
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    let (status, late) = loop {
        if let Some(status) = child.try_wait()? {
            break (status, false);
        }
        if started.elapsed() >= limit {
            child.kill()?;
            break (child.wait()?, true);
        }
        thread::sleep(Duration::from_millis(5));
    };
    let text = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(Ended { success: status.success() && !late, late, text, time: started.elapsed() })
}

/// Runs `command`; what it printed, or an error with that if it fails or takes too long.
pub(super) fn must(command: &mut Command, log: &Path, limit: Duration) -> Result<String> {
    let ended = run(command, log, limit)?;
    if ended.success {
        return Ok(ended.text);
    }
    let how = if ended.late { format!("had no end after {} s", limit.as_secs()) } else { "failed".into() };
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    bail!("{program} {how}; all of its output is in {}:\n{}", log.display(), last_lines(&ended.text))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// Does `job` for each of `items`, on as many threads as `workers`, the first items first. The results are in the
/// order of the items. Each call is told the number of its worker.
pub(super) fn in_parallel<T: Sync, R: Send>(
    workers: usize,
    items: &[T],
    job: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    let next = Mutex::new(0..items.len());
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for worker in 0..workers {
            let (next, results, job) = (&next, &results, &job);
            scope.spawn(move || {
                loop {
                    let place = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(place) = place else { break };
                    let result = job(worker, &items[place]);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// A test program that cargo has built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// `contract` of `tests/contract.rs`, `nova_core` of the unit tests in `core`.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// Builds what `command` (a `cargo test --no-run`) names; the test programs.
pub(super) fn build(command: &mut Command, log: &Path, limit: Duration) -> Result<Vec<Program>> {
    let base = command.get_current_dir().map(Path::to_path_buf).unwrap_or_default();
    let text = must(command, log, limit)?;
    let programs: Vec<_> = text.lines().filter_map(|line| executable(line, &base)).collect();
    if programs.is_empty() {
        bail!("cargo named no test program; its output is in {}", log.display());
    }
    Ok(programs)
}

/// `  Executable tests/contract.rs (target/debug/deps/contract-0f69)`.
fn executable(line: &str, base: &Path) -> Option<Program> {
    let (_, path) = line.trim().strip_prefix("Executable ")?.strip_suffix(')')?.rsplit_once('(')?;
    let path = base.join(path);
    let (name, _hash) = path.file_name()?.to_str()?.rsplit_once('-')?;
    Some(Program { name: name.to_owned(), path: path.clone() })
}

/// An empty folder.
pub(super) fn fresh(dir: &Path) -> Result<()> {
    cache::remove(dir)?;
    cache::create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_names_the_programs_it_has_built() {
        let line = "  Executable unittests src/lib.rs (target/debug/deps/nova_core-7fc94bca)";
        let path = PathBuf::from("/w/target/debug/deps/nova_core-7fc94bca");
        assert_eq!(executable(line, Path::new("/w")).unwrap(), Program { name: "nova_core".into(), path });
        assert_eq!(executable("   Compiling nova-core v0.1.0 (/w/core)", Path::new("/w")), None);
    }

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..20).collect();
        let doubled = in_parallel(2, &items, |_, item| {
            thread::sleep(Duration::from_millis(20 - item));
            item * 2
        });
        assert!(doubled.into_iter().eq((0..20).map(|item| item * 2)));
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let log = std::env::temp_dir().join(format!("nova-xtask-late-{}", std::process::id()));
        let ended = run(Command::new("sleep").arg("30"), &log, Duration::from_millis(50)).unwrap();
        assert!(ended.late && !ended.success);
        let error = must(Command::new("sh").args(["-c", "echo why; exit 1"]), &log, Duration::from_secs(9));
        assert!(error.unwrap_err().to_string().ends_with("\nwhy"));
        fs::remove_file(log).unwrap();
    }
}
