//! What the benches share: cases that both criterion and a table of ratios can run.
//!
//! `cargo bench -p nova-tests --bench NAME` is criterion. With `-- --table` the cases run in turns instead, so that
//! a case and its peer meet the same noise, and a table gives time, ratio and instructions; `docs/performance.md`
//! is made of these. `-- --table WORD` takes only the cases with `WORD` in their name.

mod instructions;
mod table;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};

/// Something to measure.
pub(crate) struct Case {
    /// `group/what`.
    pub(crate) name: &'static str,
    /// Sets up, then does it so many times; gives what the doing took.
    pub(crate) run: fn(u64) -> Duration,
    /// What it is compared with.
    pub(crate) peer: Option<&'static str>,
    /// How many times it is done under callgrind; 0 where set-up is inside what is counted.
    pub(crate) counted: u64,
}

impl Case {
    /// A case that takes nanoseconds.
    pub(crate) const fn new(name: &'static str, run: fn(u64) -> Duration) -> Self {
        Self { name, run, peer: None, counted: 1_000 }
    }

    /// Compared with another case, which stands before it.
    pub(crate) const fn against(self, peer: &'static str) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// Done only so many times under callgrind.
    pub(crate) const fn counted(self, times: u64) -> Self {
        Self { counted: times, ..self }
    }
}

/// Does something `n` times and gives the time it took.
#[inline(always)]
pub(crate) fn timed(n: u64, mut f: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..n {
        f();
    }
    start.elapsed()
}

/// The main function of a bench.
pub(crate) fn main(cases: &[Case]) {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--table"] => table::print(cases, ""),
        ["--table", word] => table::print(cases, word),
        // What `instructions` starts under callgrind.
        ["--run", name, times] => {
            let case = cases.iter().find(|case| case.name == *name).expect("there is such a case");
            (case.run)(times.parse().expect("a number of times"));
        }
        _ => with_criterion(cases),
    }
}

fn with_criterion(cases: &[Case]) {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for case in cases {
        let (group, what) = case.name.split_once('/').unwrap_or(("all", case.name));
        let mut group = criterion.benchmark_group(group);
        group.throughput(Throughput::Elements(1));
        group.bench_function(what, |bencher| bencher.iter_custom(case.run));
        group.finish();
    }
    criterion.final_summary();
}
