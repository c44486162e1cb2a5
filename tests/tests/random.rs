//! The contract as properties over random schedules in the deterministic world.
//!
//! A failure prints its seed; `NOVA_SEED=<seed> cargo test -p nova-tests --test random` runs only that one.

use nova_tests::cases;
use nova_tests::schedule::{Broken, Seen, run};

/// Runs many schedules, none of which may break `line`, and gives what came up in them.
fn holds(line: u8) -> Seen {
    let single = std::env::var("NOVA_SEED").ok().and_then(|seed| seed.parse().ok());
    // Each line has its own seeds, so that the suite as a whole covers more.
    let first = u64::from(line) << 32;
    let seeds = single.map_or(first..first + u64::from(cases(400)), |seed: u64| seed..seed + 1);
    let mut all = Seen::default();
    for seed in seeds {
        let (broken, seen) = run(seed);
        let broken: Vec<&Broken> = broken.iter().filter(|broken| broken.line == line).collect();
        assert!(
            broken.is_empty(),
            "{broken:?}\nreplay with NOVA_SEED={seed} cargo test -p nova-tests --test random l{line:02}"
        );
        all.add(seen);
    }
    println!("L{line}: {all:?}");
    all
}

/// Whether the property was about something; a single replayed seed need not be.
fn came_up(count: usize) {
    assert!(count > 0 || std::env::var_os("NOVA_SEED").is_some(), "the situation never came up");
}

#[test]
fn l01_property_no_access_after_remove() {
    came_up(holds(1).removals);
}

#[test]
fn l02_property_no_callback_after_remove() {
    came_up(holds(2).callbacks);
}

#[test]
fn l03_property_remove_returns_with_nobody_inside() {
    came_up(holds(3).blocked);
}

#[test]
fn l05_property_nobody_is_let_in_once_remove_has_begun() {
    came_up(holds(5).refused);
}

#[test]
fn l06_property_busy_work_does_not_stall_remove() {
    came_up(holds(6).removals);
}

#[test]
fn l07_property_what_went_up_comes_down_in_reverse() {
    came_up(holds(7).failed_probes);
}

#[test]
fn l08_property_removal_from_inside_ends() {
    let seen = holds(8);
    came_up(seen.requests);
    came_up(seen.blocked);
}

#[test]
fn l09_property_a_lost_device_is_not_in_use() {
    came_up(holds(9).losses);
}

#[test]
fn l10_property_a_deadline_names_somebody_and_frees_nothing() {
    came_up(holds(10).blocked);
}

#[test]
fn l11_property_nothing_is_left() {
    came_up(holds(11).removals);
}

#[test]
fn l12_property_sessions_of_any_age_are_safe() {
    let seen = holds(12);
    came_up(seen.stale);
    came_up(seen.forgotten);
}

#[test]
fn l13_property_the_host_is_out_of_the_code() {
    came_up(holds(13).removals);
}

#[test]
fn l14_property_nobody_is_inside_a_device_that_sleeps() {
    came_up(holds(14).sleeps);
}

#[test]
fn l15_property_old_sessions_are_refused_and_waiters_wake() {
    let seen = holds(15);
    came_up(seen.stale);
    came_up(seen.woken);
}

#[test]
fn l16_property_nothing_is_freed_before_everything_is_quiet() {
    came_up(holds(16).removals);
}
