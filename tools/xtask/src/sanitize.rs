//! `cargo xtask sanitize`: the suites that use threads under ThreadSanitizer, and those and the contract
//! under AddressSanitizer.
//!
//! The compiler is the pinned stable one. std is built again with the instrumentation: without it,
//! ThreadSanitizer does not know what std orders. That nothing is found means something only where something
//! would be found, so each sanitizer gets a planted bug first (`tests/src/bin/planted.rs`), and the check
//! fails if it keeps silent about it.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    cache, rust_src,
    shell::{self, Shell},
    workspace,
};

/// The one target: the compiler brings the sanitizers for it, and machines of that kind run what is built.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Whether this is such a machine; xtask is always built for the one it runs on.
const SUPPORTED: bool = cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"));

/// Optimised a little, which makes the suites faster; with lines, so that reports name them. Code of others
/// is not optimised: building it is most of the time.
const PROFILE: [&str; 6] = [
    "--config",
    "profile.dev.opt-level=1",
    "--config",
    "profile.dev.debug=\"line-tables-only\"",
    "--config",
    "profile.dev.package.\"*\".opt-level=0",
];

/// The stress of the tool, on real threads only.
const STRESS: [&str; 7] = ["device", "stress", "--mode", "threads", "--seconds", "5", "--chip-mix"];

/// Options of `cargo xtask sanitize`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this one; both, if left out.
    sanitizer: Option<Sanitizer>,
}

/// A sanitizer, by rustc's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sanitizer {
    /// Finds data races.
    Thread,
    /// Finds uses of memory that is freed or was never there; in the stress also leaks.
    Address,
}

/// One `cargo test`.
struct Suites {
    packages: &'static [&'static str],
    targets: &'static [&'static str],
}

/// Lets reports name lines where there is no llvm-symbolizer.
const OPTIONS: &str = "allow_addr2line=1";

/// The same, and what is left at the end is no error: there are tests that leak on purpose (L12).
const LEAKY: &str = "allow_addr2line=1:detect_leaks=0";

/// What starts threads; everything else runs in the deterministic world, on one.
const THREADED: Suites = Suites {
    packages: &["nova-core", "nova-backends", "nova-vfio-glue", "nova-sim-glue", "nova-tests"],
    targets: &["--lib", "--test=sysfs", "--test=threads", "--test=host_conformance", "--test=gates"],
};

/// The suites of the crates that have `unsafe`, and the contract's. By name, because what runs the compiler
/// itself (L04, the programs that must not compile) does not work in a build like this.
const MEMORY: Suites = Suites {
    packages: &["nova-core", "nova-backends", "nova-vfio-glue", "nova-sim-glue", "nova-tests"],
    targets: &[
        "--lib",
        "--test=catalogue",
        "--test=mmiotrace",
        "--test=sysfs",
        "--test=gpu",
        "--test=world",
        "--test=threads",
        "--test=host_conformance",
        "--test=gates",
        "--test=contract",
        "--test=children",
        "--test=diagnosis",
        "--test=one_drain",
        "--test=l16_two_pass",
        "--test=random",
        "--test=faults",
        "--test=conformance",
        "--test=every_chip",
        "--test=identify",
        "--test=traces",
        "--test=time_reads",
    ],
};

impl Sanitizer {
    const ALL: [Self; 2] = [Self::Thread, Self::Address];

    fn name(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Address => "address",
        }
    }

    fn suites(self) -> &'static Suites {
        match self {
            Self::Thread => &THREADED,
            Self::Address => &MEMORY,
        }
    }

    /// The planted bug it must find, and how its report of that begins.
    fn canary(self) -> (&'static str, &'static str) {
        match self {
            Self::Thread => ("race", "WARNING: ThreadSanitizer: data race"),
            Self::Address => ("use-after-free", "ERROR: AddressSanitizer: heap-use-after-free"),
        }
    }

    /// The variable that its runtime takes options from.
    fn options_variable(self) -> &'static str {
        match self {
            Self::Thread => "TSAN_OPTIONS",
            Self::Address => "ASAN_OPTIONS",
        }
    }
}

/// Runs the sanitizer that `args` names, or each of them.
pub(crate) fn run(shell: &Shell, args: &Args) -> Result<()> {
    let chosen = Sanitizer::ALL.into_iter().filter(|&one| args.sanitizer.is_none_or(|only| only == one));
    chosen.into_iter().try_for_each(|sanitizer| check(shell, sanitizer))
}

/// Runs everything under one sanitizer, and says what ran.
pub(crate) fn check(shell: &Shell, sanitizer: Sanitizer) -> Result<()> {
    if !SUPPORTED {
        bail!("the sanitizers are run on {TARGET} only; this machine is another, so nothing was checked");
    }
    rust_src::ensure(shell)?;
    let mut lines = vec![canary(sanitizer)?];
    lines.extend(test(sanitizer)?);
    lines.push(stress(sanitizer)?);
    for (what, result) in lines {
        shell::say(&format!("{:<8} {what:<24} {result}", sanitizer.name()));
    }
    Ok(())
}

/// What ran, and how it went.
type Line = (String, String);

/// Runs the planted bug, which must be reported.
fn canary(sanitizer: Sanitizer) -> Result<Line> {
    let (bug, report) = sanitizer.canary();
    let mut command = cargo(sanitizer, "run", OPTIONS);
    command.args(["--package=nova-tests", "--bin=planted", "--", bug]);
    let (ended, text) = logged(&format!("{}-canary", sanitizer.name()), &mut command)?;
    if ended.is_ok() || !text.contains(report) {
        println!("{}", text.trim_end());
        bail!("the planted {bug} was not reported (no `{report}` above), so nothing would be");
    }
    Ok((format!("planted {bug}"), "reported, as it must be".to_owned()))
}

/// Runs suites, which must pass without a report.
fn test(sanitizer: Sanitizer) -> Result<Vec<Line>> {
    let suites = sanitizer.suites();
    let mut command = cargo(sanitizer, "test", LEAKY);
    command.args(suites.packages.iter().map(|package| format!("--package={package}")));
    command.args(suites.targets);
    let text = clean(sanitizer, "suites", &mut command)?;
    let counts = counts(&text)?;
    if counts.is_empty() {
        bail!("{:?} have no tests", suites.packages);
    }
    Ok(counts.into_iter().map(|(suite, passed)| (suite, format!("{passed} tests passed"))).collect())
}

/// Runs the tool's stress, which must end with PASS and without a report. Nothing of all its devices may be
/// left at the end.
fn stress(sanitizer: Sanitizer) -> Result<Line> {
    let mut command = cargo(sanitizer, "run", OPTIONS);
    // Without what draws: it would have to be built again, and has no part in the stress.
    command.args(["--package=nova", "--bin=nova", "--no-default-features", "--"]).args(STRESS);
    let text = clean(sanitizer, "stress", &mut command)?;
    let lifecycles = lifecycles(&text).context("the stress printed no line 'lifecycles'")?;
    Ok(("nova device stress".to_owned(), format!("{lifecycles} lifecycles on threads passed")))
}

/// Cargo with the compiler, std and flags that a sanitizer needs.
fn cargo(sanitizer: Sanitizer, subcommand: &str, options: &str) -> Command {
    let mut command = shell::cargo();
    command
        .current_dir(workspace::root())
        // -Zsanitizer and -Zbuild-std are unstable; the compiler itself is the pinned stable one.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", format!("-Zsanitizer={}", sanitizer.name()))
        // It would be taken instead.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("CARGO_TARGET_DIR", workspace::target_dir(&format!("sanitize-{}", sanitizer.name())))
        .env("NOVA_TEST_QUICK", "1")
        .env(sanitizer.options_variable(), options)
        .args([subcommand, "--locked", "-Zbuild-std", "--target", TARGET])
        .args(PROFILE);
    command
}

/// Runs what must end well and without a report; gives its output.
fn clean(sanitizer: Sanitizer, what: &str, command: &mut Command) -> Result<String> {
    let (ended, text) = logged(&format!("{}-{what}", sanitizer.name()), command)?;
    let reported = text.lines().find(|line| is_report(line));
    if ended.is_err() || reported.is_some() {
        println!("{}", text.trim_end());
    }
    ended?;
    reported.map_or(Ok(()), |line| bail!("reported: {line}"))?;
    Ok(text)
}

/// Runs `command` with its output in a file of its own; how it ended, and what it printed.
fn logged(name: &str, command: &mut Command) -> Result<(Result<()>, String)> {
    let logs = workspace::target_dir("xtask-logs");
    cache::create(&logs)?;
    let path = logs.join(format!("sanitize-{name}.log"));
    let ended = Shell::log_to(&path)?.run(command);
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((ended, String::from_utf8_lossy(&text).into_owned()))
}

/// Whether a sanitizer's report begins with this line.
fn is_report(line: &str) -> bool {
    let names = ["ThreadSanitizer:", "AddressSanitizer:", "LeakSanitizer:"];
    ["WARNING: ", "ERROR: "].iter().any(|start| {
        line.split_once(start).is_some_and(|(_, rest)| names.iter().any(|name| rest.starts_with(name)))
    })
}

/// The suites in the output of `cargo test` that had something to run, and how many tests passed in each.
fn counts(text: &str) -> Result<Vec<(String, u32)>> {
    let mut counts = Vec::new();
    let mut running = None;
    for line in text.lines().map(str::trim_start) {
        if let Some(rest) = line.strip_prefix("Running ") {
            running = Some(suite(rest).with_context(|| format!("cargo names no program in '{line}'"))?);
        } else if let Some(rest) = line.strip_prefix("test result: ok. ") {
            let suite = running.take().with_context(|| format!("'{line}' is of no suite"))?;
            let passed = rest.split(' ').next().and_then(|count| count.parse().ok());
            counts.push((suite, passed.with_context(|| format!("no count in '{line}'"))?));
        }
    }
    if let Some(suite) = running {
        bail!("{suite} printed no result");
    }
    counts.retain(|&(_, passed)| passed > 0);
    Ok(counts)
}

/// The suite that cargo runs: `threads` of `tests/threads.rs (target/debug/deps/threads-0f69)`.
fn suite(running: &str) -> Option<String> {
    let (_, program) = running.trim_end().strip_suffix(')')?.rsplit_once('/')?;
    program.rsplit_once('-').map(|(name, _hash)| name.to_owned())
}

/// How many lifecycles the stress says it went through.
fn lifecycles(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("lifecycles"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "    Finished `test` profile [optimized + debuginfo] target(s) in 0.31s
     Running unittests src/lib.rs (target/x/debug/deps/nova_core-7fc94bca223f9cbe)

running 31 tests
test bus::tests::a_word ... ok
test result: ok. 31 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

     Running unittests src/bin/planted.rs (target/x/debug/deps/planted-1d)
test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Running tests/host_conformance.rs (target/x/debug/deps/host_conformance-0f)
test result: ok. 28 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.36s
";

    #[test]
    fn tests_are_counted_by_suite_and_empty_suites_left_out() {
        let expected = [("nova_core".to_owned(), 31), ("host_conformance".to_owned(), 28)];
        assert_eq!(counts(TEXT).unwrap(), expected);
        assert_eq!(counts("").unwrap(), []);
    }

    #[test]
    fn a_suite_without_a_result_is_an_error() {
        let cut = TEXT.rsplit_once("test result").unwrap().0;
        assert_eq!(counts(cut).unwrap_err().to_string(), "host_conformance printed no result");
        assert!(counts("test result: ok. 1 passed").is_err());
        assert!(counts("Running what?").is_err());
    }

    #[test]
    fn reports_are_told_from_what_is_said_about_them() {
        assert!(is_report("WARNING: ThreadSanitizer: data race (pid=1)"));
        assert!(is_report("==16==ERROR: AddressSanitizer: heap-use-after-free on address 0x7b"));
        assert!(is_report("==16==ERROR: LeakSanitizer: detected memory leaks"));
        assert!(!is_report("test an_error_of_AddressSanitizer ... ok"));
        assert!(!is_report("SUMMARY: AddressSanitizer: 8 byte(s) leaked"));
        for sanitizer in Sanitizer::ALL {
            assert!(is_report(sanitizer.canary().1));
        }
    }

    #[test]
    fn lifecycles_are_read_from_the_table() {
        let text =
            "                                threads\nlifecycles                          908\ntime  5.0 s\n";
        assert_eq!(lifecycles(text), Some(908));
        assert_eq!(lifecycles("lifecycles: none"), None);
    }
}
