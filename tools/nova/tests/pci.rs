//! A real machine, as far as sysfs goes: a fake tree.

mod common;

use std::fs;

use common::{FakeSys, GPU};
use serde_json::Value;

const DEVICE: &str = "pci:01:00.0";

#[test]
fn the_gpu_is_listed_first() {
    let run = FakeSys::new().nova(&["list"]);
    let line = run.stdout.lines().nth(1).unwrap();
    assert_eq!(line, "pci:0000:01:00.0  10de:2204  030000  16 MiB  nouveau  D0");
    assert_eq!(run.stderr, "");
}

#[test]
fn info_reads_and_binds_nothing() {
    let tree = FakeSys::new();
    let run = tree.nova(&["-d", DEVICE, "--format", "json", "info"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let info: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&info["chipset"], &info["state"]), (&"GA102".into(), &"unbound".into()));
    assert_eq!((&info["kernel_driver"], &info["pci"]["device"]), (&"nouveau".into(), &"2204".into()));
    assert_eq!(info["timer_ns"], 0x1700_0000_u64 << 32 | 0x60);
}

#[test]
fn registers_are_read_and_not_written() {
    let tree = FakeSys::new();
    let run = tree.nova(&["-d", DEVICE, "reg", "read", "NV_PMC_BOOT_0.FOUNDRY"]);
    assert!(run.stdout.contains("FOUNDRY = 0x5"), "{}{}", run.stdout, run.stderr);
    let before = fs::read(tree.folder().join("resource0")).unwrap();
    let run = tree.nova(&["-d", DEVICE, "reg", "write", "--write", "NV_PTIMER_ALARM_0=0"]);
    assert_eq!((run.code, run.stdout.as_str()), (5, ""), "{}", run.stderr);
    for args in [["timer", "--alarm=1ms"], ["irq", "--trigger"], ["device", "stress"]] {
        let run = tree.nova(&["-d", DEVICE, args[0], args[1]]);
        assert_eq!((run.code, run.stdout.as_str()), (5, ""), "{args:?}: {}", run.stderr);
    }
    assert_eq!(tree.nova(&["-d", DEVICE, "timer"]).code, 0);
    assert_eq!(tree.nova(&["-d", DEVICE, "dump", "--unit", "ptimer"]).code, 0);
    assert!(before == fs::read(tree.folder().join("resource0")).unwrap());
}

#[test]
fn a_write_waits_for_the_driver_to_let_go() {
    let tree = FakeSys::new();
    let word = || {
        let bar = fs::read(tree.folder().join("resource0")).unwrap();
        u32::from_le_bytes(bar[0x9420..0x9424].try_into().unwrap())
    };
    let write = ["-d", DEVICE, "reg", "write", "--write", "NV_PTIMER_ALARM_0=0x40"];
    let run = tree.nova(&write);
    assert_eq!((run.code, run.stdout.as_str(), word()), (5, "", 0));
    assert!(run.stderr.contains("bound to nouveau"), "{}", run.stderr);
    assert!(run.stderr.ends_with("try: sudo nova bind 0000:01:00.0, or --force\n"), "{}", run.stderr);
    let run = tree.nova(&[&write[..], &["--force"]].concat());
    assert_eq!((run.code, word()), (0, 0x40), "{}", run.stderr);
    // Without a driver nobody has to be forced.
    fs::remove_file(tree.folder().join("driver")).unwrap();
    let run = tree.nova(&["-d", DEVICE, "reg", "write", "--write", "NV_PTIMER_ALARM_0=0x80"]);
    assert_eq!((run.code, word()), (0, 0x80), "{}", run.stderr);
    // A dry run never maps the GPU for writing.
    let run = tree.nova(&["-d", DEVICE, "reg", "write", "NV_PTIMER_ALARM_0=0xc0"]);
    assert_eq!((run.code, word()), (0, 0x80), "{}", run.stderr);
}

#[test]
fn what_is_in_the_way_is_named() {
    let tree = FakeSys::new();
    let config = tree.folder().join("config");
    let mut bytes = fs::read(&config).unwrap();
    bytes[4] = 0b101;
    fs::write(&config, &bytes).unwrap();
    let run = tree.nova(&["-d", DEVICE, "info"]);
    assert_eq!(run.code, 5);
    assert!(run.stderr.contains(&format!("setpci -s {GPU}")), "{}", run.stderr);
    bytes[0] = 0x86;
    fs::write(&config, &bytes).unwrap();
    assert_eq!(tree.nova(&["-d", DEVICE, "info"]).code, 3);
}

#[test]
fn one_that_was_given_to_vfio_is_listed_as_such() {
    let tree = FakeSys::new();
    for (driver, device) in [("vfio-pci", "vfio"), ("nvgrace_gpu_vfio_pci", "vfio"), ("nouveau", "pci")] {
        tree.set_driver(driver);
        let run = tree.nova(&["list"]);
        assert!(run.stdout.contains(&format!("\n{device}:{GPU}  10de:2204")), "{}", run.stdout);
    }
}

#[test]
fn binding_says_what_was_and_is() {
    let tree = FakeSys::new();
    let run = tree.nova(&["bind", "01:00.0"]);
    assert_eq!((run.code, run.stdout.as_str()), (5, ""));
    assert!(run.stderr.ends_with("try: sudo modprobe vfio-pci\n"), "{}", run.stderr);
    let run = tree.nova(&["unbind", GPU]);
    assert_eq!((run.code, run.stdout.as_str()), (5, ""));
    assert!(run.stderr.contains("not bound to vfio-pci but to nouveau"), "{}", run.stderr);
    tree.set_driver("vfio-pci");
    let run = tree.nova(&["bind", GPU]);
    assert_eq!((run.code, run.stdout), (0, format!("{GPU}: vfio-pci, as before\n")), "{}", run.stderr);
    let run = tree.nova(&["--format", "json", "bind", GPU]);
    let moved: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&moved["changed"], &moved["to"]), (&false.into(), &"vfio-pci".into()));
    assert_eq!((tree.nova(&["bind", "02:00.0"]).code, tree.nova(&["unbind", "02:00.0"]).code), (3, 3));
    assert_eq!(tree.nova(&["bind", "gpu"]).code, 2);
}

#[test]
fn the_doctor_names_what_is_in_the_way_and_the_way_out() {
    let tree = FakeSys::new();
    let run = tree.nova(&["doctor", GPU]);
    assert_eq!(run.code, 5);
    for says in ["is bound to nouveau", &format!("$ sudo nova bind {GPU}"), "$ sudo modprobe vfio-pci"] {
        assert!(run.stdout.contains(says), "{says}: {}", run.stdout);
    }
    assert!(run.stderr.starts_with("nova: ") && run.stderr.contains("; try: "), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1);
    let run = tree.nova(&["--format", "json", "doctor", GPU]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["ready"], false);
    let findings = report["findings"].as_array().unwrap();
    let driver = findings.iter().find(|finding| finding["subject"] == "driver").unwrap();
    assert_eq!(
        (&driver["severity"], &driver["fix"]),
        (&"problem".into(), &format!("sudo nova bind {GPU}").into())
    );
    assert_eq!(tree.nova(&["doctor", "gpu"]).code, 2);
    // A machine without any: NOVA_SYSFS names no folder.
    let run = common::nova(&["doctor"]);
    let first = run.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("problem  there is no GPU of NVIDIA"), "{}", run.stdout);
    assert!(run.code == 5 && run.stderr.ends_with("try: nova -d sim:ga102 info\n"), "{}", run.stderr);
}
