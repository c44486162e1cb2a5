//! Runs a model under loom.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Explores every execution of `model`, and prints how many there were.
pub fn explore(name: &str, threads: usize, model: impl Fn() + Send + Sync + 'static) {
    explore_up_to(None, name, threads, model);
}

/// The same with at most so many preemptions: switches away from a thread that could have gone on.
pub fn explore_within(bound: usize, name: &str, threads: usize, model: impl Fn() + Send + Sync + 'static) {
    explore_up_to(Some(bound), name, threads, model);
}

/// The same with a bound, or without.
pub fn explore_up_to(
    bound: Option<usize>,
    name: &str,
    threads: usize,
    model: impl Fn() + Send + Sync + 'static,
) {
    let executions = Arc::new(AtomicU64::new(0));
    let counted = executions.clone();
    let mut builder = loom::model::Builder::new();
    // A loop that waits for something that never comes ends here: this is how a lost wake-up shows.
    builder.max_branches = 5_000;
    // For a quick look at a model without a bound: LOOM_MAX_PREEMPTIONS.
    builder.preemption_bound = bound.or(builder.preemption_bound);
    let preemptions = builder.preemption_bound.map_or("unbounded".into(), |bound| bound.to_string());
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let executions = executions.load(Ordering::Relaxed);
    crate::report(&format!(
        "{name} | threads {threads} | preemptions {preemptions} | executions {executions}"
    ));
}
