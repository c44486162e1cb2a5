//! What every command prints.

mod common;

use common::{nova, transcript};
use insta::assert_snapshot;

#[test]
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
    assert_snapshot!("reg_write_write", transcript(&["reg", "write", "--write", "NV_PTIMER_ALARM_0=0x1007"]));
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
fn colour_only_where_asked_for() {
    assert!(!nova(&["reg", "show", "NV_PMC_BOOT_0"]).stdout.contains('\x1b'));
    assert!(nova(&["--color", "always", "reg", "show", "NV_PMC_BOOT_0"]).stdout.contains("\x1b["));
}
