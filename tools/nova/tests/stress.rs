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

fn every_entry_ran(part: &Value) {
    let entries = part["entries"].as_object().unwrap();
    assert_eq!(entries.len(), 5, "{part}");
    for (name, calls) in entries {
        assert!(calls["ran"].as_u64().unwrap() > 0, "{name}: {part}");
    }
}

#[test]
fn two_hundred_rounds_pass() {
    let report = json(&["device", "stress", "--rounds", "200", "--seed", "1", "--mode", "world"]);
    assert_eq!(report["verdict"], "PASS", "{report}");
    let part = &report["parts"][0];
    assert_eq!((&part["rounds"], &part["lifecycles"]), (&200.into(), &800.into()));
    // The load is a load: each kind of entry ran, and what is rare came about.
    every_entry_ran(part);
    for count in ["accesses", "alarms_fired", "suspends", "losses", "removes_blocked", "waiters_woken"] {
        assert!(part[count].as_u64().unwrap() > 0, "{count}: {part}");
    }
}

#[test]
fn every_chip_passes_in_the_world_and_on_threads() {
    let report = json(&["device", "stress", "--rounds", "310", "--seed", "2", "--chip-mix"]);
    assert_eq!(report["verdict"], "PASS", "{report}");
    let parts = report["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2);
    parts.iter().for_each(every_entry_ran);
}

#[test]
fn one_round_of_threads_has_a_life_long_enough_for_every_entry() {
    let report = json(&["device", "stress", "--rounds", "1", "--first", "5", "--mode", "threads"]);
    assert_eq!(report["verdict"], "PASS", "{report}");
    every_entry_ran(&report["parts"][0]);
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

#[test]
fn the_hang_demo_names_who_hangs_since_when_and_where_registered() {
    let report = json(&["device", "stress", "--hang-demo"]);
    assert_eq!((&report["state"], &report["removed"]), (&"removing".into(), &"removed".into()));
    let inside = report["inside"].as_array().unwrap();
    let [who] = inside.as_slice() else { panic!("{report}") };
    let who = who.as_str().unwrap();
    assert!(who.starts_with("session `client` (registered at core/src/driver/mod.rs:"), "{who}");
    assert!(who.contains("inside since "), "{who}");
    let blocked = report["blocked"].as_str().unwrap();
    assert!(blocked.contains(who) && blocked.ends_with("call remove again to go on"), "{blocked}");
    let happened: Vec<_> = report["history"].as_array().unwrap().iter().map(|event| &event["what"]).collect();
    let expected = [
        "being probed",
        "bound",
        "being removed",
        "waits for session `client`",
        "gave up waiting",
        "nobody inside",
        "removed",
    ];
    assert_eq!(happened, expected);
}
