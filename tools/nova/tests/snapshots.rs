//! What every command prints.

mod common;

use common::{nova, transcript};
use insta::assert_snapshot;

/// Of the whole tool: tests/help.rs holds a smaller one against it.
#[test]
#[cfg(all(feature = "plot", feature = "tui"))]
fn help() {
    assert_snapshot!(transcript(&["--help"]));
}

#[test]
fn list() {
    assert_snapshot!(transcript(&["list"]));
}

#[test]
fn info() {
    assert_snapshot!(transcript(&["info"]));
    assert_snapshot!("info_json", transcript(&["-d", "sim:gb202", "--format", "json", "info"]));
}

#[test]
fn timer() {
    assert_snapshot!(transcript(&["timer"]));
    assert_snapshot!("timer_json", transcript(&["--format", "json", "timer"]));
}

#[test]
fn irq() {
    assert_snapshot!(transcript(&["irq", "--trigger", "3"]));
    assert_snapshot!("irq_turing", transcript(&["-d", "sim:tu102", "irq", "--trigger"]));
}

#[test]
fn reg_find() {
    assert_snapshot!(transcript(&["reg", "find", "NV_PTIMER_*TIME*"]));
    assert_snapshot!("reg_find_word", transcript(&["reg", "find", "countdown"]));
}

#[test]
fn reg_show() {
    assert_snapshot!(transcript(&["reg", "show", "NV_PTIMER_INTR_EN_0"]));
    assert_snapshot!("reg_show_field", transcript(&["reg", "show", "PTIMER_INTR_EN_0.TIMER"]));
    assert_snapshot!(
        "reg_show_json",
        transcript(&["--format", "json", "reg", "show", "NV_PTIMER_INTR_EN_0"])
    );
}

#[test]
fn reg_read() {
    assert_snapshot!(transcript(&["reg", "read", "NV_PMC_BOOT_0"]));
    let several = ["reg", "read", "NV_PMC_BOOT_42.ARCHITECTURE", "0x9140", "NV_PTIMER_TIMER_CFG?", "0x9ffc"];
    assert_snapshot!("reg_read_several", transcript(&several));
    assert_snapshot!(
        "reg_read_json",
        transcript(&["--format", "json", "reg", "read", "NV_PTIMER_ALARM_INTR"])
    );
}

#[test]
fn reg_write() {
    assert_snapshot!(transcript(&[
        "reg",
        "write",
        "NV_PTIMER_ALARM_INTR.MASK=enabled",
        "NV_PTIMER_ALARM_0=0x1000"
    ]));
    assert_snapshot!(
        "reg_write_write",
        transcript(&["reg", "write", "--write", "--force", "NV_PTIMER_ALARM_0=0x1007"])
    );
    assert_snapshot!("reg_write_unknown_bits", transcript(&["reg", "write", "NV_PTIMER_ALARM_0=0x1007"]));
    assert_snapshot!(
        "reg_write_refused",
        transcript(&["reg", "write", "--write", "NV_PTIMER_ALARM_0=0x1007"])
    );
    assert_snapshot!("reg_write_unknown_place", transcript(&["reg", "write", "--write", "0x9ffc=1"]));
    let set_enable = ["--format", "json", "-d", "sim:tu102", "reg", "write", "NV_PTIMER_INTR_EN_0.TIMER=1"];
    assert_snapshot!("reg_write_json", transcript(&set_enable));
}

#[test]
fn decode() {
    assert_snapshot!(transcript(&["decode", "NV_PMC_BOOT_42", "0x172a1000"]));
    assert_snapshot!("decode_field", transcript(&["decode", "NV_PMC_BOOT_42.ARCHITECTURE", "0x172a1000"]));
    assert_snapshot!("decode_error", transcript(&["decode", "0x9400", "0xbadf1100"]));
}

#[test]
fn dump() {
    assert_snapshot!(transcript(&["dump", "NV_PMC_BOOT_*"]));
    assert_snapshot!(
        "dump_bounds_arrays",
        transcript(&["dump", "--unit", "prom", "--all", "--elements", "2"])
    );
}

#[test]
fn diff() {
    assert_snapshot!(transcript(&["diff", "sim:ga102", "sim:ga104"]));
    assert_snapshot!("diff_same", transcript(&["diff", "sim:ga102", "sim:ga102"]));
    assert_snapshot!(
        "diff_json",
        transcript(&["--format", "json", "diff", "sim:ga102", "sim:ga104", "*BOOT_0"])
    );
}

#[test]
fn watch() {
    let time = ["watch", "PTIMER_TIME_0", "PTIMER_TIME_1", "--interval", "1ms", "--count", "3"];
    assert_snapshot!(transcript(&time));
    assert_snapshot!("watch_json", transcript(&[&["--format", "json"], &time[..]].concat()));
    // Nothing changes in what a trace says once it has been read to its end.
    let still = [
        "-d",
        "replay:nouveau-ga102-trimmed.mmiotrace",
        "watch",
        "PMC_BOOT_0",
        "--interval",
        "1ms",
        "--for",
        "3ms",
    ];
    assert_snapshot!("watch_still", transcript(&still));
}

#[test]
fn device() {
    assert_snapshot!(transcript(&["device", "probe", "--hold", "1ms"]));
    assert_snapshot!("device_remove", transcript(&["device", "remove"]));
    assert_snapshot!(
        "device_remove_json",
        transcript(&["--format", "json", "device", "remove", "--load", "0"])
    );
    assert_snapshot!("device_probe_gone", transcript(&["-d", "sim:ga102,gone", "device", "probe"]));
}

#[test]
fn plain_is_columns_between_tabs() {
    assert_snapshot!(transcript(&["--format", "plain", "dump", "NV_PMC_BOOT_*"]));
    assert_snapshot!("plain_info", transcript(&["--format", "plain", "info"]));
    let run = nova(&["--format", "plain", "--color", "always", "reg", "show", "NV_PMC_BOOT_0"]);
    assert!(!run.stdout.contains('\x1b'));
}

#[test]
fn colour_only_where_asked_for() {
    assert!(!nova(&["reg", "show", "NV_PMC_BOOT_0"]).stdout.contains('\x1b'));
    assert!(nova(&["--color", "always", "reg", "show", "NV_PMC_BOOT_0"]).stdout.contains("\x1b["));
    // Who says `always` means it; whether NO_COLOR wins over a terminal, the terminal's tests show.
    let run = common::finish(
        common::command(&["--color", "always", "reg", "show", "NV_PMC_BOOT_0"]).env("NO_COLOR", "1"),
    );
    assert!(run.stdout.contains("\x1b["));
}
