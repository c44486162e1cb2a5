//! Bad input: one line, the next step, the right exit code, and nothing on standard output.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use common::{command, finish, nova};

/// Runs the tool, which must fail in good manners.
fn fails(args: &[&str], code: i32, says: &str) {
    let run = nova(args);
    assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
    assert_eq!(run.stdout, "", "{args:?}");
    assert_eq!(run.stderr.lines().count(), 1, "{args:?}: {}", run.stderr);
    assert!(run.stderr.starts_with("nova: ") && run.stderr.contains(says), "{args:?}: {}", run.stderr);
    assert!(run.stderr.contains("; try: "), "{args:?} says no next step: {}", run.stderr);
}

#[test]
fn devices() {
    fails(&["-d", "sim:ga105", "info"], 2, "did you mean GA1");
    fails(&["-d", "sim:ga102,sed=1", "info"], 2, "did you mean seed?");
    fails(&["-d", "ga102", "info"], 2, "nova -d sim:ga102 info");
    fails(&["-d", "usb:1", "info"], 2, "nova list");
    fails(&["-d", "pci:nonsense", "info"], 2, "0000:01:00.0");
    fails(&["-d", "pci:01:00.0", "info"], 3, "nova list");
    fails(&["-d", "replay:", "info"], 2, "names no file");
    fails(&["-d", "dev:", "info"], 2, "nova -d dev:/dev/nova0 info");
    fails(&["-d", "dev:/nowhere/nova0", "info"], 3, "is nova.ko loaded");
    fails(&["-d", "dev:/dev/null", "timer"], 2, "/dev/null is not a device of nova's kernel module");
}

#[test]
fn values_name_the_help_of_their_own_command() {
    fails(&["timer", "--alarm", "soon"], 2, "try: nova timer --help");
    fails(&["-d", "sim:ga102", "reg", "find", "--format", "nope"], 2, "try: nova reg find --help");
    fails(&["--format", "nope"], 2, "try: nova --help");
}

#[test]
fn gpus_that_are_not_well() {
    fails(&["-d", "sim:ga102,gone", "info"], 3, "0xffffffff");
    fails(&["-d", "sim:ga102,gone", "reg", "read", "NV_PMC_BOOT_0"], 3, "0xffffffff");
    fails(&["-d", "sim:ga102,gone", "reg", "read", "NV_PTIMER_ALARM_0", "0x9ffc"], 3, "0xffffffff");
    for write in [&["NV_PTIMER_ALARM_0=0"][..], &["NV_PTIMER_ALARM_0=0", "--write"], &["0x9ffc=1", "--write"]]
    {
        fails(&[&["-d", "sim:ga102,gone", "reg", "write"], write].concat(), 3, "0xffffffff");
    }
    fails(&["-d", "sim:gb202,firewall", "info"], 5, "firewall");
    fails(&["-d", "sim:ga102,vf", "info"], 5, "virtual function");
    fails(&["-d", "sim:ga102,boot-ms=9000", "info"], 6, "boot");
    fails(&["-d", "sim:gh100,security-fault", "info"], 7, "security fault");
    fails(&["-d", "sim:gh100,recovery", "info"], 7, "recovery");
    fails(&["-d", "sim:ga102,hung-timer", "timer"], 7, "stands still");
    fails(&["-d", "sim:ga102,fault=from=40;all-ones", "timer", "--alarm", "1ms"], 3, "gone");
}

#[test]
fn registers() {
    fails(&["reg", "read", "NV_PMC_BOOT_9"], 1, "nova reg show NV_PMC_BOOT_");
    fails(&["reg", "read", "NV_PMC_BOOT_0.NOPE"], 1, "it has ");
    fails(&["reg", "read", "NV_PTIMER_INTR_EN_0"], 1, "exists on TU102");
    fails(&["reg", "read", "NV_PTIMER_VF_TIMER[16]"], 2, "the last is 15");
    fails(&["reg", "read", "0x1000000"], 2, "outside the 0x1000000-byte register window");
    fails(&["reg", "read", "0xffffffffffffffffff"], 2, "does not fit 64 bits");
    fails(&["reg", "read", "0xffffffff"], 2, "outside the 0x1000000-byte register window");
    fails(&["reg", "read", "NV_VOODOO_XYZZY"], 1, "nova reg find");
    fails(&["reg", "find", "["], 1, "no register fits");
    fails(&["dump", "PTIMER"], 1, "nova dump --unit ptimer");
    fails(&["reg", "read", "0x9401"], 2, "use 0x9400");
    fails(&["reg", "read", "-4"], 2, "negative");
    fails(&["reg", "read", "a b"], 2, "is in no name");
    fails(&["reg", "read", "NV_PTIMER_TIME_0_SET"], 5, "write-only");
    fails(&["reg", "read", "NV_PROM_DATA[*]"], 2, "nova dump");
    fails(&["reg", "find", "*VOODOO*"], 1, "no register fits");
    fails(&["reg", "show", "NV_PMC_*"], 2, "several");
    fails(&["reg", "show", "0x9ffc"], 1, "no register is known");
    fails(&["decode", "NV_PMC_BOOT_0", "0x1ffffffff"], 2, "does not fit 32 bits");
    fails(&["decode", "NV_PMC_BOOT_0", "-1"], 2, "negative");
    fails(&["decode", "NV_PMC_BOOT_0", "twelve"], 2, "not a number");
    fails(&["dump", "*VOODOO*"], 1, "no register fits");
    fails(&["dump", "--unit", "voodoo"], 1, "there are pmc");
}

#[test]
fn writes() {
    fails(&["reg", "write", "NV_PMC_BOOT_0=1", "--write"], 5, "read-only");
    fails(&["reg", "write", "NV_PTIMER_ALARM_INTR.MASK=2", "--write"], 2, "the largest is 0x1");
    fails(&["reg", "write", "NV_PTIMER_ALARM_INTR.MASK=MAYBE", "--write"], 2, "it knows DISABLED, ENABLED");
    fails(&["reg", "write", "NV_PTIMER_ALARM_0=0x100000000", "--write"], 2, "does not fit 32 bits");
    fails(&["reg", "write", "NV_PTIMER_ALARM_0=-1", "--write"], 2, "negative");
    fails(&["reg", "write", "NV_PTIMER_ALARM_0", "--write"], 2, "says no value");
    fails(&["reg", "write", "NV_PTIMER_TIMER_CFG?=1", "--write"], 2, "is for one register");
    let mask = "NV_PTIMER_ALARM_INTR.MASK";
    let (mask_0, mask_1) = (format!("{mask}=0"), format!("{mask}=1"));
    fails(&["reg", "write", &mask_1, &mask_0], 2, "given twice");
    fails(&["reg", "write", "NV_PTIMER_ALARM_INTR=0", &mask_1], 2, "given twice");
    fails(&["reg", "write", "NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF=1"], 2, "say which");
    // The first of the two is good, and is not written either.
    let run = nova(&["reg", "write", "--write", "NV_PTIMER_ALARM_0=0x20", "NV_PMC_BOOT_0=1"]);
    assert_eq!((run.code, run.stdout.as_str()), (5, ""));
}

#[test]
fn registers_that_answer_with_an_error() {
    let run = nova(&["reg", "read", "0x9ffc"]);
    assert_eq!(run.code, 7, "{}", run.stderr);
    assert!(run.stdout.contains("error pattern"), "{}", run.stdout);
    assert!(run.stderr.contains("0x009ffc answered 0xbad"), "{}", run.stderr);
    let run = nova(&["--format", "json", "reg", "read", "0x9ffc", "NV_PMC_BOOT_0"]);
    assert!(run.code == 7 && run.stdout.contains("error_pattern"), "{}", run.stdout);
}

#[test]
fn a_write_that_did_not_take() {
    let run = nova(&["reg", "write", "--write", "--force", "NV_PTIMER_ALARM_0=0x1007"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("was written 0x00001007 and reads 0x00001000"), "{}", run.stderr);
    assert_eq!(nova(&["reg", "write", "--write", "NV_PTIMER_ALARM_0=0x1000"]).code, 0);
}

#[test]
fn spans_of_time() {
    fails(&["timer", "--alarm", "-5ms"], 2, "it is negative");
    fails(&["timer", "--alarm", "99999999999s"], 2, "584 years");
    fails(&["timer", "--alarm", "18446744073709551616"], 2, "584 years");
    fails(&["timer", "--alarm", "5h"], 2, "10ms, 2s, 500us");
    fails(&["timer", "--alarm", ""], 2, "no number");
    fails(&["timer", "--watch", "--interval", "0"], 2, "more than 0");
    // Longer than the GPU's 61 bits of time.
    fails(&["timer", "--alarm", "18446744073s"], 2, "out of range");
}

#[test]
fn command_lines() {
    fails(&["frobnicate"], 2, "unrecognized subcommand");
    fails(&[], 2, "a subcommand is missing: list, info, ");
    for args in [&["reg"][..], &["-d", "sim:ga102", "reg"]] {
        fails(args, 2, "a subcommand is missing: find, show, read, write; try: nova reg --help");
    }
    fails(&["device"], 2, "a subcommand is missing: probe, remove, stress; try: nova device --help");
    fails(&["irq", "--trigger", "1000001"], 2, "--trigger");
    let help = nova(&["help"]);
    assert!(help.code == 0 && help.stdout.contains("Exit codes") && help.stderr.is_empty());
    assert!(nova(&["help", "reg", "read"]).stdout.contains("nova reg read"));
    fails(&["reg", "reed"], 2, "'read'");
    fails(&["info", "--frob"], 2, "nova info --help");
    fails(&["--format", "xml", "info"], 2, "table, plain, json, ndjson");
    fails(&["trace", "record"], 2, "--output <FILE>");
    fails(&["device", "stress", "--rounds", "0"], 2, "--rounds");
    fails(&["device", "stress", "--seconds", "-1"], 2, "--seconds");
    fails(&["-d", "replay:nouveau-ga102-trimmed.mmiotrace", "device", "stress"], 5, "not simulated");
    fails(&["-d", "sim:ga102,fault=from=9;all-ones", "device", "stress"], 2, "without faults");
}

#[test]
fn traces() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let bad = path("bad.trace");
    fs::write(&bad, "nova-trace 1 chip=ga102\nR4 000000 b72000a1\nR4 00000g 1\n").unwrap();
    for args in [["trace", "show"], ["trace", "replay"]] {
        fails(&[args[0], args[1], &bad], 2, "line 3, column 4");
    }
    fails(&["-d", &format!("replay:{bad}"), "info"], 2, "line 3");
    fs::write(&bad, b"nova-trace 1\n\xff\xfe\n").unwrap();
    fails(&["trace", "show", &bad], 2, "line 2: it is not text");
    fs::write(&bad, "nova-trace 1 chip=voodoo\nE 0\n").unwrap();
    fails(&["trace", "show", &bad], 2, "chip=voodoo is no chip");
    fs::write(&bad, "VERSION 20070824\n").unwrap();
    fails(&["trace", "show", &bad], 1, "no access to the registers");
    fs::write(&bad, "VERSION 20070824\nR 4 nonsense\n").unwrap();
    fails(&["trace", "show", &bad], 2, &format!("try: sed -n 2p {bad}"));
    fs::write(&bad, "").unwrap();
    fails(&["trace", "show", &bad], 2, "no trace that nova knows");
    fails(&["trace", "show", &path("absent")], 1, "No such file");
    fails(&["trace", "show", &folder.path().display().to_string()], 2, "directory");
    fails(&["trace", "show", "nouveau-ga102-trimmed.mmiotrace", "--unit", "VOODOO"], 1, "--summary");
}

#[test]
fn a_trace_that_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent/x.trace");
    fails(&["trace", "record", "-o", &absent.display().to_string()], 1, "mkdir -p");
    // The device fails in the middle: no half trace either.
    let half = folder.path().join("half.trace");
    let args =
        ["-d", "sim:ga102,fault=from=60;all-ones", "trace", "record", "-o", &half.display().to_string()];
    let run = nova(&args);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A named pipe, which nobody writes to or reads from.
fn fifo(path: &str) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn only_regular_files_are_traces() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe").display().to_string();
    fifo(&pipe);
    fails(&["trace", "show", &pipe], 2, "no regular file");
    fails(&["trace", "replay", &pipe], 2, "no regular file");
    fails(&["-d", &format!("replay:{pipe}"), "info"], 2, "no regular file");
    // More than is read, without taking up room.
    let long = folder.path().join("long");
    fs::File::create(&long).unwrap().set_len((1 << 40) + 1).unwrap();
    fails(&["trace", "show", &long.display().to_string()], 2, "1024 MiB");
}

#[test]
fn a_recording_replaces_only_regular_files_that_may_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
    let chmod = |name: &str, mode| fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    fifo(&path("pipe"));
    fails(&["trace", "record", "-o", &path("pipe"), "probe"], 5, "no regular file");
    fails(&["trace", "record", "-o", &path(""), "probe"], 5, "directory");
    fs::write(path("kept"), "kept").unwrap();
    chmod("kept", 0o444);
    fails(&["trace", "record", "-o", &path("kept"), "probe"], 4, "write-protected");
    assert_eq!(fs::read_to_string(path("kept")).unwrap(), "kept");
    // A link stays a link, and what it leads to keeps its permissions.
    chmod("kept", 0o640);
    std::os::unix::fs::symlink("kept", path("link")).unwrap();
    assert_eq!(nova(&["trace", "record", "-o", &path("link"), "probe"]).code, 0);
    assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
    assert!(fs::read_to_string(path("kept")).unwrap().starts_with("nova-trace"));
    assert_eq!(mode("kept"), 0o640);
    std::os::unix::fs::symlink("absent", path("dangling")).unwrap();
    fails(&["trace", "record", "-o", &path("dangling"), "probe"], 5, "symbolic link");
    // A new one has the permissions of any new file.
    fs::write(path("plain"), "").unwrap();
    assert_eq!(nova(&["trace", "record", "-o", &path("new"), "probe"]).code, 0);
    assert_eq!(mode("new"), mode("plain"));
}

#[test]
fn a_file_without_permission() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.trace");
    fs::write(&path, "nova-trace 1\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        // Root reads everything; there is nothing to see here.
        return;
    }
    fails(&["trace", "show", &path.display().to_string()], 4, "ls -l");
}

#[test]
fn a_folder_without_permission() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.path().join("probe"), "").is_ok() {
        // Root writes everywhere.
        return;
    }
    let file = folder.path().join("x.trace").display().to_string();
    let run = nova(&["trace", "record", "-o", &file, "probe"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    // Only the name that was given, not that of a temporary file.
    assert!(run.stderr.contains(&file) && !run.stderr.contains(".tmp"), "{}", run.stderr);
}

#[test]
fn the_environment_names_a_device_and_the_command_line_wins() {
    let run = finish(command(&["info"]).env("NOVA_DEVICE", "sim:gh100"));
    assert!(run.stdout.contains("GH100"));
    let run = finish(command(&["-d", "sim:tu102", "info"]).env("NOVA_DEVICE", "sim:gh100"));
    assert!(run.stdout.contains("TU102"));
}
