//! Two devices, dumps or traces side by side; traces in the other format; traces made to a device.

mod common;

use std::fs;

use common::{data, nova, transcript};
use insta::assert_snapshot;
use tempfile::TempDir;

const LOG: &str = "nouveau-ga102-trimmed.mmiotrace";

/// A folder for traces.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Records a scenario.
    fn record(&self, name: &str, device: &str, scenario: &str) -> String {
        let file = self.path(name);
        let run = nova(&["-d", device, "trace", "record", "-o", &file, scenario]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        file
    }

    /// A run with the folder's name taken out of it.
    fn transcript(&self, args: &[&str]) -> String {
        transcript(args).replace(&self.0.path().display().to_string(), "DIR")
    }
}

#[test]
fn a_dump_is_compared_with_the_device_it_is_of() {
    let folder = Folder::new();
    let file = folder.path("dump.json");
    for format in ["json", "ndjson"] {
        fs::write(&file, nova(&["--format", format, "dump", "--unit", "pmc"]).stdout).unwrap();
        let run = nova(&["diff", &file, "sim:ga102"]);
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
        let run = nova(&["diff", &file, "sim:gh100", "*BOOT_0"]);
        assert_eq!(run.code, 1);
        assert!(run.stdout.contains("AMPERE->HOPPER"), "{}", run.stdout);
    }
}

#[test]
fn what_is_ignored_does_not_differ() {
    let run =
        nova(&["diff", "sim:ga102", "sim:ga104", "*BOOT*", "--ignore", "*BOOT_0", "--ignore", "PMC_BOOT_42"]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    let run = nova(&["diff", "sim:ga102", "sim:ga104", "*BOOT*", "--ignore", "*BOOT_0"]);
    assert_eq!(run.code, 1);
}

#[test]
fn what_is_no_dump_says_why() {
    let folder = Folder::new();
    let file = folder.path("x.json");
    for (text, code) in [("{", 2), ("{}", 2), ("{\"registers\":[]}", 1)] {
        fs::write(&file, text).unwrap();
        let run = nova(&["diff", &file, "sim:ga102"]);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (code, "", 1), "{text}");
        assert!(run.stderr.contains("; try: "), "{}", run.stderr);
    }
    let entry = |offset: &str, width: u32, value: &str| {
        format!("{{\"registers\":[{{\"offset\":{offset:?},\"width\":{width},\"value\":{value:?}}}]}}")
    };
    for text in [entry("0x0", 3, "1"), entry("zero", 4, "1"), entry("0x0", 4, "0x100000000")] {
        fs::write(&file, &text).unwrap();
        assert_eq!(nova(&["diff", &file, "sim:ga102"]).code, 2, "{text}");
    }
    assert_eq!(nova(&["diff", "no-such-file", "sim:ga102"]).code, 2);
}

#[test]
fn two_recordings_of_one_device_are_the_same() {
    let folder = Folder::new();
    let (one, other) = (folder.record("one", "sim:ga102", "irq"), folder.record("other", "sim:ga102", "irq"));
    let run = nova(&["trace", "compare", &one, &other]);
    assert_eq!(run.code, 0);
    assert!(run.stdout.starts_with("SAME  "), "{}", run.stdout);
}

#[test]
fn traces_differ_where_an_access_does() {
    let folder = Folder::new();
    let one = folder.record("one", "sim:ga102", "probe");
    let text = fs::read_to_string(&one).unwrap();
    // One access is another one, one is left out, one reads something else; and nothing checks the sum.
    let mut lines: Vec<_> = text.lines().filter(|line| !line.starts_with("E ")).map(str::to_owned).collect();
    let reads: Vec<_> = (0..lines.len()).filter(|at| lines[*at].starts_with("R4 ")).collect();
    lines[reads[1]] = "R4 009400 00000020".to_owned();
    lines[reads[12]] = lines[reads[12]].replace("R4", "W4");
    lines.remove(reads[20]);
    let other = folder.path("other");
    fs::write(&other, lines.join("\n") + "\n").unwrap();
    assert_snapshot!(folder.transcript(&["trace", "compare", &one, &other, "--context", "1"]));
    assert_snapshot!(
        "traces_differ_json",
        folder.transcript(&["--format", "json", "trace", "compare", &one, &other, "--context", "0"])
    );
}

#[test]
fn values_and_registers_can_be_left_out_of_a_comparison() {
    let folder = Folder::new();
    let one = folder.record("one", "sim:ga102", "timer");
    // A second later all is the same but the time, and what is reckoned from it.
    let other = folder.record("other", "sim:ga102,time=1722281886695713664", "timer");
    assert_eq!(nova(&["trace", "compare", &one, &other]).code, 1);
    let ignore = ["--ignore", "*TIME*", "--ignore", "*ALARM*"];
    let run = nova(&[&["trace", "compare", &one, &other][..], &ignore].concat());
    assert_eq!(run.code, 0, "{}", run.stdout);
    let without = ["--without", "*TIME*", "--without", "*ALARM*"];
    let run = nova(&[&["trace", "compare", &one, &other][..], &without].concat());
    assert_eq!(run.code, 0, "{}", run.stdout);
}

#[test]
fn a_trace_survives_the_other_format() {
    let folder = Folder::new();
    let (log, back) = (folder.path("log"), folder.path("back"));
    for device in ["sim:tu102", "sim:ga102", "sim:gb202"] {
        let file = folder.record("one", device, "all");
        assert_eq!(nova(&["trace", "convert", &file, "-o", &log]).code, 0);
        assert!(fs::read_to_string(&log).unwrap().starts_with("VERSION 20070824\nPCIDEV 0100 10de"));
        assert_eq!(nova(&["trace", "convert", &log, "-o", &back]).code, 0);
        assert!(fs::read(&file).unwrap() == fs::read(&back).unwrap(), "{device}");
        // So the log is a device, and something for the driver to run against.
        assert_eq!(nova(&["trace", "replay", &log, "--scenario", "all"]).code, 0, "{device}");
        assert_eq!(nova(&["-d", &format!("replay:{log}"), "info"]).code, 0);
    }
}

#[test]
fn the_log_of_nouveau_in_novas_format() {
    let folder = Folder::new();
    let (file, back) = (folder.path("one"), folder.path("back.log"));
    assert_eq!(nova(&["trace", "convert", LOG, "-o", &file]).code, 0);
    assert_eq!(nova(&["trace", "compare", LOG, &file]).code, 0);
    assert_eq!(nova(&["trace", "convert", &file, "-o", &back]).code, 0);
    let accesses = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with(['R', 'W']));
        lines.map(|line| line.split(' ').take(6).collect::<Vec<_>>().join(" ")).collect()
    };
    let original = accesses(&fs::read_to_string(data().join(LOG)).unwrap());
    assert_eq!(original.len(), 1885);
    assert!(original == accesses(&fs::read_to_string(&back).unwrap()));
}

#[test]
fn what_a_log_cannot_say_is_told() {
    let folder = Folder::new();
    let file = folder.path("one");
    fs::write(&file, "nova-trace 1 chip=ga102\nR4 000000 b72000a1\nG 3\nR4 009400 !gone\n").unwrap();
    let run = nova(&["trace", "convert", &file, "-o", &folder.path("log")]);
    assert_eq!(run.code, 0);
    assert!(run.stderr.contains("2 lines have no counterpart"), "{}", run.stderr);
}

#[test]
fn a_trace_is_made_again_to_the_device_it_is_of() {
    let folder = Folder::new();
    for device in ["sim:tu102", "sim:ga102", "sim:gh100", "sim:gb202"] {
        let file = folder.record("one", device, "all");
        let run = nova(&["-d", device, "trace", "replay", &file, "--on-device", "--write"]);
        assert_eq!(run.code, 0, "{device}: {}", run.stdout);
    }
    let file = folder.record("one", "sim:ga102", "probe");
    assert_snapshot!(folder.transcript(&[
        "-d",
        "sim:ga104",
        "trace",
        "replay",
        &file,
        "--on-device",
        "--write"
    ]));
    // The same but for what makes it another chip.
    let ignore = ["--ignore", "NV_PMC_BOOT*"];
    let on_another = ["-d", "sim:ga104", "trace", "replay", &file, "--on-device", "--write"];
    assert_eq!(nova(&[&on_another[..], &ignore].concat()).code, 0);
}

#[test]
fn nothing_is_written_to_a_device_unless_said() {
    let folder = Folder::new();
    let file = folder.record("one", "sim:ga102", "probe");
    let run = nova(&["--format", "json", "trace", "replay", &file, "--on-device"]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["writes"], 0);
    assert!(report["left_out"].as_u64().unwrap() > 0);
    assert!(report["reads"].as_u64().unwrap() > 0);
    let run = nova(&["-d", &format!("replay:{file}"), "trace", "replay", &file, "--on-device", "--write"]);
    assert_eq!((run.code, run.stdout.as_str()), (5, ""), "{}", run.stderr);
    // As something to read a recording answers itself.
    assert_eq!(nova(&["-d", &format!("replay:{file}"), "trace", "replay", &file, "--on-device"]).code, 0);
}
