//! GPUs that another process serves: everything as on a simulated one, and what can go wrong.

mod common;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use common::server::{Server, folder};
use common::{Run, nova, transcript};
use serde_json::Value;

/// What the simulator has made up, as JSON has it.
const DERIVED: &str = "\"derived\": [\n    \"boot42\"\n  ]";

/// What a command prints on a device, without what differs by nature: its name, and times.
fn shape(device: &str, args: &[&str]) -> String {
    let mut all = vec!["-d", device];
    all.extend(args);
    let text = transcript(&all).replace(device, "DEVICE");
    // What is known of the simulator is not in what a device says of itself.
    let text = text.replace("  (derived, not observed)", "").replace(DERIVED, "\"derived\": []");
    let lines = text.lines().map(|line| {
        // How late somebody is, and what day it is there, is the only thing of these lines that is not a time already.
        let cut =
            line.starts_with("late") || line.starts_with("NV_PTIMER_TIME ") || line.contains("\"late_ns\"");
        if cut {
            line.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default().trim_end()
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn fails(run: &Run, code: i32, says: &str) {
    assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.starts_with("nova: ") && run.stderr.contains(says), "{}", run.stderr);
}

#[test]
fn commands_print_what_they_print_of_a_simulated_gpu() {
    for chip in ["ga102", "tu104", "gh100", "gb202"] {
        let server = Server::start(&["--chip", chip]);
        let (sim, served) = (format!("sim:{chip}"), server.device());
        for args in [
            &["info"][..],
            &["--format", "json", "info"],
            &["timer"],
            &["timer", "--alarm", "1ms"],
            &["--format", "json", "timer", "--alarm", "1ms"],
            &["irq"],
            &["irq", "--trigger", "3"],
            &["--format", "json", "irq", "--trigger"],
            &["reg", "read", "NV_PMC_BOOT_0", "NV_PMC_BOOT_42.ARCHITECTURE", "0x9140"],
            &["reg", "write", "--write", "NV_PTIMER_ALARM_0=0x1000"],
            &["dump", "NV_PMC_BOOT_*"],
        ] {
            assert_eq!(shape(&sim, args), shape(&served, args), "{chip}");
        }
        server.end();
    }
}

#[test]
fn a_watched_timer_goes_on_in_real_time() {
    let server = Server::start(&["--chip", "ga102"]);
    let args = [
        "-d",
        &server.device(),
        "timer",
        "--watch",
        "--interval",
        "20ms",
        "--count",
        "3",
        "--format",
        "ndjson",
    ];
    let run = nova(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for line in &lines[1..] {
        assert!(line["since_last_ns"].as_u64().unwrap() >= 20_000_000, "{line}");
    }
}

#[test]
fn two_servers_are_two_gpus() {
    let (one, two) = (Server::start(&["ga102"]), Server::start(&["--spec", "sim:gh100,boot-ms=1"]));
    for (server, chip) in [(&one, "GA102"), (&two, "GH100"), (&one, "GA102")] {
        let run = nova(&["-d", &server.device(), "info"]);
        assert!(run.stdout.contains(chip), "{}{}", run.stdout, run.stderr);
    }
    one.ctl(&["unplug"]);
    assert_eq!(nova(&["-d", &one.device(), "info"]).code, 3);
    assert_eq!(nova(&["-d", &two.device(), "info"]).code, 0);
    one.end();
    two.end();
}

#[test]
fn the_device_is_left_quiet() {
    let server = Server::start(&["--chip", "ga102"]);
    for args in [&["irq", "--trigger", "5"][..], &["timer", "--alarm", "1ms"], &["info"]] {
        assert_eq!(nova(&[&["-d", &server.device()], args].concat()).code, 0);
        let stats = server.stats();
        assert_eq!((&stats["connected"], &stats["dma"]["maps"]), (&false.into(), &0.into()), "{stats}");
        assert_eq!(stats["server"]["messages_untold"], 0, "{stats}");
    }
    assert!(server.stats()["server"]["messages"].as_u64().unwrap() >= 5);
}

#[test]
fn faults_show_in_what_commands_say() {
    let server = Server::start(&["--chip", "ga102"]);
    let on = |args: &[&str]| nova(&[&["-d", &server.device()], args].concat());
    server.ctl(&["fall-off"]);
    fails(&on(&["info"]), 3, "0xffffffff");
    fails(&on(&["reg", "read", "NV_PMC_BOOT_0"]), 3, "0xffffffff");
    fails(&on(&["reg", "write", "--write", "NV_PTIMER_ALARM_0=0"]), 3, "0xffffffff");
    assert_eq!(server.stats()["power"], "gone");
    server.ctl(&["come-back"]);
    assert_eq!(on(&["info"]).code, 0);
    server.ctl(&["freeze"]);
    fails(&on(&["timer"]), 7, "stands still");
    server.ctl(&["thaw"]);
    assert_eq!(on(&["timer"]).code, 0);
    server.ctl(&["block", "0x9400", "0x9403"]);
    assert_eq!(on(&["reg", "read", "NV_PTIMER_TIME_0"]).code, 7);
    server.ctl(&["unblock"]);
    assert_eq!(on(&["reg", "read", "NV_PTIMER_TIME_0"]).code, 0);
    server.ctl(&["power-off"]);
    fails(&on(&["info"]), 3, "0xffffffff");
    server.ctl(&["replug"]);
    assert_eq!(on(&["info"]).code, 0);
    // Longer than a client waits.
    server.ctl(&["delay", "3s"]);
    fails(&on(&["reg", "read", "NV_PMC_BOOT_0"]), 6, "no answer within");
}

#[test]
fn a_storm_does_not_keep_a_command_from_ending() {
    let server = Server::start(&["--chip", "ga102"]);
    server.ctl(&["storm", "148", "--count", "100000", "--interval", "50us", "--spurious"]);
    let run = nova(&["-d", &server.device(), "timer", "--alarm", "20ms"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    server.ctl(&["storm", "148", "--count", "0"]);
}

#[test]
fn what_ctl_refuses() {
    // Shorter than that of `ctl`, which speaks to the wrong socket below.
    let server = Server::start(&["--chip", "ga102", "--patience", "500ms"]);
    let socket = server.socket();
    let ctl = |args: &[&str]| nova(&[&["sim", "ctl", "--socket", &socket], args].concat());
    fails(&ctl(&["raise", "512"]), 2, "0..=511");
    fails(&ctl(&["block", "8", "4"]), 2, "the last register, 0x4, is before the first, 0x8");
    fails(&ctl(&["block", "8", "0x1000000"]), 2, "0x1000000 is outside");
    fails(&ctl(&["raise", "999"]), 2, "try: nova sim ctl raise --help");
    fails(&ctl(&["delay", "61s"]), 2, "is too long; the longest is 60.000 s; try:");
    fails(&ctl(&["delay", "1ns"]), 2, "whole number of us");
    let control = format!("{socket}.ctl");
    fails(&nova(&["sim", "ctl", "--socket", &control, "stats"]), 2, "is the control socket itself");
    fails(&nova(&["-d", &format!("vfio-user:{control}"), "info"]), 2, "is a control socket");
    fails(&ctl(&["disconnect"]), 5, "no client is connected");
    fails(&ctl(&["fal-off"]), 2, "fall-off");
    fails(&nova(&["sim", "ctl", "--control", &socket, "stats"]), 3, "has hung up");
    let run = ctl(&["unplug"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "done\n", ""));
    fails(&ctl(&["raise", "148"]), 5, "reconnect or replug");
    let run =
        nova(&["--format", "json", "sim", "ctl", "--socket", &socket, "block", "0", "3", "--pattern", "1"]);
    let done: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&done["schema_version"], &done["request"]["do"]),
        (&1.into(), &"pri-errors".into()),
        "{done}"
    );
    assert_eq!(done["request"]["pattern"], 1);
    server.end();
    fails(&ctl(&["stats"]), 3, "nobody serves a GPU there");
}

#[test]
fn a_control_socket_of_ones_own_choice_or_none() {
    let folder = folder();
    let path = folder.path().join("elsewhere").display().to_string();
    let server = Server::start(&["--chip", "ga102", "--control", &path]);
    assert_eq!(nova(&["sim", "ctl", "--control", &path, "stats"]).code, 0);
    server.end();
    let server = Server::start(&["--chip", "ga102", "--no-control"]);
    assert_eq!(nova(&["sim", "ctl", "--socket", &server.socket(), "stats"]).code, 3);
    assert_eq!(nova(&["-d", &server.device(), "info"]).code, 0);
}

#[test]
fn a_server_ends_with_a_signal_and_leaves_nothing() {
    let server = Server::start(&["--chip", "ga102"]);
    assert!(server.ready().starts_with("GA102 is served at "), "{}", server.ready());
    let path = std::path::PathBuf::from(server.socket());
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left = server.end();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn servers_that_cannot_be() {
    let server = Server::start(&["--chip", "ga102"]);
    let folder = folder();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let serve = |path: &str, more: &[&str]| nova(&[&["sim", "serve", "--socket", path], more].concat());
    fails(&serve(&server.socket(), &[]), 5, "somebody listens");
    fails(&serve(&at("a"), &["--chip", "ga105"]), 2, "did you mean GA1");
    fails(&serve(&at("a"), &["--chip", "ga102", "--link", "9x16"]), 2, "generations 1 to 4");
    fails(&serve(&at("a"), &["--link", "fast"]), 2, "4x16");
    fails(&serve(&at("a"), &["--bar1-mib", "3"]), 2, "power of two");
    fails(&serve(&at("a"), &["--mode", "999"]), 2, "600");
    fails(&serve(&at("a"), &["-d", "pci:01:00.0"]), 2, "not simulated");
    fails(&serve(&at("a"), &["--control", &at("a")]), 2, "the device's own");
    fails(&serve(&at("no/a"), &[]), 1, "No such file");
    fails(&serve(&at(&"x".repeat(120)), &[]), 2, "too long");
    std::fs::write(folder.path().join("file"), "").unwrap();
    fails(&serve(&at("file"), &[]), 2, "no socket");
    assert!(!folder.path().join("a").exists(), "a server that failed has left its socket");
    // Not as root, whom no permission keeps out.
    if !is_root() {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
        fails(&serve(&at("a"), &[]), 4, "denied");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn devices_that_are_not_there() {
    let folder = folder();
    let at = |name: &str| format!("vfio-user:{}", folder.path().join(name).display());
    fails(&nova(&["-d", &at("none"), "info"]), 3, "there is no such socket");
    std::fs::write(folder.path().join("file"), "").unwrap();
    fails(&nova(&["-d", &at("file"), "info"]), 3, "nobody listens there");
    fails(&nova(&["-d", &at(&"x".repeat(120)), "info"]), 2, "108");
    fails(&nova(&["-d", "vfio-user:", "info"]), 2, "names no socket");
    fails(&nova(&["-d", "vfio:01:00.0", "info"]), 3, "there is no PCI function 0000:01:00.0; try: nova list");
    fails(&nova(&["-d", "vfio:01:00.0,no-imu", "info"]), 2, "only no-iommu");
    fails(&nova(&["-d", &at("none"), "device", "stress"]), 5, "not simulated");
}

#[test]
fn a_server_that_is_no_server_of_devices() {
    let folder = folder();
    let path = folder.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\nThis is not what you are looking for.").unwrap();
        // Until it has hung up: closing first might take away what it has not read.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let run = nova(&["-d", &format!("vfio-user:{}", path.display()), "info"]);
    fails(&run, 7, "breaks the vfio-user protocol");
    thread.join().unwrap();
}

#[test]
fn one_client_at_a_time() {
    let server = Server::start(&["--chip", "ga102"]);
    let mut watch = server.watch();
    fails(
        &nova(&["-d", &server.device(), "info"]),
        5,
        "in use by another client; try: nova sim ctl --socket",
    );
    watch.interrupt();
    assert_eq!(nova(&["-d", &server.device(), "info"]).code, 0);
}

#[test]
fn a_client_that_is_interrupted_leaves_the_device_quiet() {
    let server = Server::start(&["--chip", "ga102"]);
    let mut watch = server.watch();
    let signal = watch.interrupt();
    assert_eq!(signal, Some(2));
    let stats = server.stats();
    assert_eq!((&stats["connected"], &stats["dma"]["maps"]), (&false.into(), &0.into()), "{stats}");
    assert_eq!(nova(&["-d", &server.device(), "irq", "--trigger"]).code, 0);
}

#[test]
fn a_server_that_dies_is_a_gpu_that_is_gone() {
    for command in ["timer", "irq"] {
        let server = Server::start(&["--chip", "ga102"]);
        let watch = server.watch_with(command);
        server.kill();
        let run = watch.finish();
        assert_eq!(run.code, 3, "{}", run.stderr);
        let last = run.stderr.lines().last().unwrap_or_default();
        assert!(last.contains("the device is gone; try: nova sim serve --socket "), "{}", run.stderr);
        assert!(command == "irq" || last.len() + 1 == run.stderr.len(), "{}", run.stderr);
    }
}

#[test]
fn a_client_that_is_asked_for_the_device_ends() {
    let server = Server::start(&["--chip", "ga102"]);
    for (order, says) in
        [("request-device", "asks for the device back"), ("signal-error", "gone; try: nova sim")]
    {
        let watch = server.watch();
        server.ctl(&[order]);
        fails(&watch.finish(), 3, says);
        let alarm = server.alarm();
        server.ctl_when_heard(order);
        let run = alarm.finish();
        // The driver may have a word to say before.
        let last = run.stderr.lines().last().unwrap_or_default();
        assert!(run.code == 3 && last.starts_with("nova: ") && last.contains(says), "{}", run.stderr);
    }
    assert_eq!(nova(&["-d", &server.device(), "info"]).code, 0);
}

#[test]
fn the_driver_at_work_is_recorded() {
    let server = Server::start(&["--chip", "ga102"]);
    let folder = folder();
    let file = folder.path().join("gpu.trace").display().to_string();
    for scenario in ["probe", "timer", "irq", "all"] {
        let run = nova(&["-d", &server.device(), "trace", "record", "-o", &file, scenario]);
        assert_eq!(run.code, 0, "{scenario}: {}", run.stderr);
        assert!(run.stdout.contains(&format!("accesses of `{scenario}` on vfio-user:")), "{}", run.stdout);
        let shown = nova(&["trace", "show", &file]).stdout;
        assert!(shown.contains("NV_PMC_BOOT_0"), "{scenario}: {shown}");
        assert_eq!(shown.contains("-- interrupt"), scenario != "probe", "{scenario}: {shown}");
    }
    // Nothing that time decides is in it.
    assert_eq!(nova(&["-d", &server.device(), "trace", "record", "-o", &file, "probe"]).code, 0);
    let run = nova(&["trace", "replay", &file]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}
