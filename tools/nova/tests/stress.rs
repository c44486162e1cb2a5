//! The main job.

mod common;

use common::{json, nova};
use serde_json::Value;

/// A report without what differs from run to run.
fn timeless(mut report: Value) -> Value {
    for part in report["parts"].as_array_mut().unwrap() {
        part.as_object_mut().unwrap().remove("seconds");
    }
    report
}

#[test]
fn two_hundred_rounds_pass() {
    let report = json(&["device", "stress", "--rounds", "200", "--seed", "1", "--mode", "world"]);
    assert_eq!(report["verdict"], "PASS", "{report}");
    let part = &report["parts"][0];
    assert_eq!((&part["rounds"], &part["lifecycles"]), (&200.into(), &800.into()));
    // The load is a load: each kind of entry ran and was refused, and what is rare came about.
    for (name, calls) in part["entries"].as_object().unwrap() {
        assert!(calls["ran"].as_u64().unwrap() > 0, "{name}: {part}");
    }
    for count in ["accesses", "alarms_fired", "suspends", "losses", "removes_blocked", "waiters_woken"] {
        assert!(part[count].as_u64().unwrap() > 0, "{count}: {part}");
    }
}

#[test]
fn every_chip_passes_in_the_world_and_on_threads() {
    let report = json(&["device", "stress", "--rounds", "31", "--seed", "2", "--chip-mix"]);
    assert_eq!(report["verdict"], "PASS", "{report}");
    assert_eq!(report["parts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_seed_repeats_a_run_and_another_does_not() {
    let run = |seed: &str| {
        timeless(json(&["device", "stress", "--rounds", "40", "--seed", seed, "--mode", "world"]))
    };
    assert_eq!(run("7"), run("7"));
    assert_ne!(run("7")["parts"], run("8")["parts"]);
}

#[test]
fn the_table_ends_with_seed_and_verdict() {
    let run =
        nova(&["-d", "sim:gh100", "device", "stress", "--rounds", "5", "--seed", "3", "--mode", "world"]);
    assert!(run.stdout.starts_with("sim:gh100: GH100 (Hopper), revision a1"), "{}", run.stdout);
    assert!(run.stdout.ends_with("seed 3  PASS\n"), "{}", run.stdout);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}
