//! Runs a model under shuttle.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

/// Places at which a PCT schedule changes who goes first.
const DEPTH: usize = 3;

fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    let given = env::var(name).ok();
    given.map_or(default, |given| given.parse().unwrap_or_else(|_| panic!("{name} is no number: {given}")))
}

/// Runs `model` over `default` random schedules and as many of PCT, and prints how many there were.
///
/// `NOVA_MODEL_SCHEDULES` says how many instead, in hundredths of the default; `NOVA_MODEL_SEED` which;
/// `NOVA_MODEL_REPLAY` runs the one that a failure has printed.
pub fn schedules(name: &'static str, threads: usize, default: usize, model: fn()) {
    if let Ok(schedule) = env::var("NOVA_MODEL_REPLAY") {
        // It is printed in several lines.
        let schedule: String = schedule.split_whitespace().collect();
        return shuttle::replay(model, &schedule);
    }
    let count = default * number("NOVA_MODEL_SCHEDULES", 100_usize) / 100;
    let seed = number("NOVA_MODEL_SEED", 1_u64);
    run(name, threads, "random", seed, RandomScheduler::new_from_seed(seed, count), model);
    run(name, threads, "pct", seed, PctScheduler::new_from_seed(seed, DEPTH, count), model);
}

fn run(name: &str, threads: usize, how: &str, seed: u64, scheduler: impl Scheduler + 'static, model: fn()) {
    let schedules = Arc::new(AtomicU64::new(0));
    let counted = schedules.clone();
    let mut config = Config::new();
    config.stack_size = 0x20000;
    config.silence_warnings = true;
    let line = format!("{name} | threads {threads} | scheduler {how} | seed {seed} | schedules ");
    let told = Told(line);
    Runner::new(scheduler, config).run(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    crate::report(&format!("{}{}", told.0, schedules.load(Ordering::Relaxed)));
}

/// Says what failed and how to see it again, if it does.
struct Told(String);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            crate::report(&format!("{}FAILED; replay: see tests/model/README.md", self.0));
        }
    }
}
