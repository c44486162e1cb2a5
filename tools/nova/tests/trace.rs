//! Recording, showing and replaying.

mod common;

use std::fs;

use common::{json, nova, transcript};
use insta::assert_snapshot;
use serde_json::Value;

const LOG: &str = "nouveau-ga102-trimmed.mmiotrace";

#[test]
fn a_recording_replays_on_every_family() {
    let folder = tempfile::tempdir().unwrap();
    for chip in ["tu102", "ga100", "ga102", "ad102", "gh100", "gb100", "gb202"] {
        for scenario in ["probe", "timer", "irq", "all"] {
            let file = folder.path().join(format!("{chip}-{scenario}.trace")).display().to_string();
            let recorded = json(&["-d", &format!("sim:{chip}"), "trace", "record", "-o", &file, scenario]);
            let replayed = json(&["trace", "replay", &file]);
            assert_eq!(replayed["same"], true, "{chip} {scenario}: {replayed}");
            assert_eq!(replayed["accesses"], recorded["accesses"]);
            assert_eq!(replayed["scenario"], scenario);
        }
    }
}

#[test]
fn a_recording_is_the_same_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let texts = ["one", "two"].map(|name| {
        let file = folder.path().join(name);
        assert_eq!(nova(&["trace", "record", "-o", &file.display().to_string(), "all"]).code, 0);
        fs::read_to_string(file).unwrap()
    });
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn the_first_divergence_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.trace").display().to_string();
    assert_eq!(nova(&["trace", "record", "-o", &file, "probe"]).code, 0);
    let text = fs::read_to_string(&file).unwrap();
    // The second look at BOOT_0 goes elsewhere, and the end line goes.
    let mut lines: Vec<_> = text.lines().filter(|line| !line.starts_with("E ")).collect();
    let place = lines.iter().rposition(|line| line.starts_with("R4 000a00")).unwrap();
    lines[place] = "R4 000a04 00000000";
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    let run = nova(&["trace", "replay", &file]);
    assert_eq!(run.code, 1);
    let says = "DIFFERS  access 2: trace has read32 0xa04, the driver did read32 0xa00";
    assert!(run.stdout.starts_with(says), "{}", run.stdout);
    assert!(run.stderr.ends_with(&format!("try: nova trace show {file}\n")), "{}", run.stderr);
    assert!(run.stderr.contains("no end line: the trace may be cut off"), "{}", run.stderr);
    // Cut off later: the driver's own complaints are not shown.
    assert_eq!(nova(&["trace", "record", "-o", &file, "all"]).code, 0);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.lines().take(100).collect::<Vec<_>>().join("\n") + "\n").unwrap();
    let run = nova(&["trace", "replay", &file]);
    assert_eq!((run.code, run.stderr.lines().count()), (1, 2), "{}", run.stderr);
}

#[test]
fn another_drivers_log_differs_at_once() {
    assert_snapshot!(transcript(&["trace", "replay", LOG]));
}

#[test]
fn the_log_of_nouveau_by_unit() {
    assert_snapshot!(transcript(&["trace", "show", "--summary", LOG]));
    assert_snapshot!(
        "the_log_of_nouveau_by_unit_json",
        transcript(&["--format", "json", "trace", "show", "--summary", LOG])
    );
}

#[test]
fn the_log_of_nouveau_decoded() {
    assert_snapshot!(transcript(&["trace", "show", LOG, "--unit", "PGC6"]));
    assert_snapshot!(
        "the_log_of_nouveau_ndjson",
        transcript(&["--format", "ndjson", "trace", "show", LOG, "--unit", "pmc"])
    );
}

#[test]
fn ndjson_is_an_object_for_each_access() {
    let run = nova(&["--format", "ndjson", "trace", "show", LOG]);
    let accesses: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(accesses.len(), 1885);
    assert!(accesses.iter().enumerate().all(|(seq, access)| access["seq"] == seq));
    assert_eq!(accesses[1]["register"], "NV_PMC_BOOT_0");
    assert_eq!(accesses[1]["fields"]["ARCHITECTURE_0"], "AMPERE");
}

#[test]
fn a_log_as_a_device() {
    let device = format!("replay:{LOG}");
    assert_snapshot!(transcript(&["-d", &device, "info"]));
    assert_snapshot!("a_log_as_a_device_read", transcript(&["-d", &device, "reg", "read", "NV_PMC_BOOT_0"]));
    assert_snapshot!(
        "a_log_as_a_device_absent",
        transcript(&["-d", &device, "reg", "read", "NV_PTIMER_ALARM_0"])
    );
    let run = nova(&["-d", &device, "reg", "write", "--write", "NV_PTIMER_ALARM_0=0"]);
    assert_eq!((run.code, run.stdout.as_str()), (5, ""));
    assert_eq!(nova(&["-d", &device, "irq"]).code, 5);
}

#[test]
fn a_recording_as_a_device_tells_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.trace").display().to_string();
    assert_eq!(nova(&["-d", "sim:gb202", "trace", "record", "-o", &file, "timer"]).code, 0);
    let info = json(&["-d", &format!("replay:{file}"), "info"]);
    assert_eq!((&info["chipset"], &info["state"]), (&"GB202".into(), &"recorded".into()));
    assert!(info["timer_ns"].as_u64().unwrap() > 0);
}
