//! Scripts of steps and faults on a simulated GPU.

mod common;

use std::path::Path;

use common::{command, finish, nova};
use insta::assert_snapshot;

/// A script of this folder.
fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts").join(name).display().to_string()
}

/// A run of a script in the folder of scripts, as it looks on a terminal.
fn transcript(name: &str, options: &[&str]) -> String {
    let args = [&["sim", "run", name], options].concat();
    let run = finish(command(&args).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")));
    format!(
        "$ nova {}\n{}--- standard error\n{}--- exit code {}\n",
        args.join(" "),
        run.stdout,
        run.stderr,
        run.code
    )
}

#[test]
fn a_gpu_is_pulled_out_and_comes_back() {
    assert_snapshot!(transcript("unplug.nova", &[]));
}

#[test]
fn faults_come_and_go() {
    assert_snapshot!(transcript("faults.nova", &[]));
}

#[test]
fn accesses_fail_as_a_fault_says() {
    assert_snapshot!(transcript("accesses.nova", &[]));
    // Each run has a GPU of its own: what one counted is nothing to the next.
    assert_eq!(nova(&["sim", "run", &script("accesses.nova"), "--runs", "3"]).code, 0);
}

#[test]
fn a_device_has_room_for_so_many_faults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.nova").display().to_string();
    let faults = "fault nth=1000,read,all-ones\n".repeat(32);
    std::fs::write(&file, format!("{faults}clear-faults\n{faults}")).unwrap();
    assert_eq!(nova(&["sim", "run", &file]).code, 0);
    // Those of the device are in the same list.
    let run = nova(&["-d", "sim:ga102,fault=nth=1000;drop", "sim", "run", &file]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(
        run.stderr.contains("x.nova:32: `fault nth=1000,read,all-ones`: the list holds 32 faults"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_failing_script_names_its_line_and_the_seed_that_repeats_it() {
    let text = transcript("fails.nova", &["--seed", "7"]);
    assert_snapshot!(text);
    // The command that it says does the same again.
    let seed = ["sim", "run", &script("fails.nova"), "--seed", "7"];
    let (one, other) = (nova(&seed), nova(&seed));
    assert_eq!((one.code, &one.stdout, &one.stderr), (1, &other.stdout, &other.stderr));
    assert_ne!(one.stdout, nova(&["sim", "run", &script("fails.nova"), "--seed", "8"]).stdout);
}

#[test]
fn every_chip_and_many_seeds() {
    for chip in ["tu102", "ga100", "ad102", "gh100", "gb202"] {
        let text = std::fs::read_to_string(script("unplug.nova")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.nova").display().to_string();
        std::fs::write(&file, text.replace("expect NV_PMC_BOOT_42.ARCHITECTURE=AMPERE", "")).unwrap();
        let run = nova(&["-d", &format!("sim:{chip}"), "sim", "run", &file, "--runs", "20"]);
        assert_eq!(run.code, 0, "{chip}: {}", run.stderr);
    }
}

#[test]
fn a_script_ends_with_the_exit_code_of_the_step_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.nova").display().to_string();
    for (text, code, says) in [
        ("alarm 1ms", 5, "x.nova:1: `alarm 1ms`: no driver is bound; `probe` comes first (seed 1)"),
        ("probe\nprobe", 5, "x.nova:2: `probe`: the driver is bound already"),
        ("probe\nunplug\n\ntime", 3, "x.nova:4: `time`: "),
        ("fails probe", 1, "x.nova:1: `fails probe`: it does not fail (seed 1)"),
        ("fails timeout remove", 1, "it fails otherwise: no driver is bound"),
        ("unplug\nraise 148", 5, "reconnect or replug it first"),
        ("probe\nserved 9", 1, "only "),
        ("state bound", 1, "it is unbound"),
        ("probe\nquiet", 1, "they are not off"),
        ("wait 5", 0, ""),
        ("", 0, ""),
        ("probbe", 2, "x.nova: line 1: unrecognized subcommand 'probbe'"),
        ("disconnect", 2, "a script has none"),
        (
            "fault nth=1,all-ones\nexpect NV_PMC_BOOT_0=0",
            1,
            "x.nova:2: `expect NV_PMC_BOOT_0=0`: NV_PMC_BOOT_0 reads 0xffffffff",
        ),
        ("probe\n\nfault nth=3,reed", 2, "x.nova: line 3: fault, column 7: no such word; use reg="),
        ("fault stuck=32:high", 2, "x.nova: line 1: fault, column "),
        ("fault", 2, "x.nova: line 1: "),
    ] {
        std::fs::write(&file, text).unwrap();
        let run = nova(&["sim", "run", &file]);
        assert_eq!(run.code, code, "{text}: {}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains(says), "{text}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), usize::from(code != 0), "{text}: {}", run.stderr);
        assert!(code == 0 || run.stderr.contains("; try: "), "{}", run.stderr);
    }
    assert_eq!(
        nova(&["-d", "replay:nouveau-ga102-trimmed.mmiotrace", "sim", "run", &script("unplug.nova")]).code,
        5
    );
    assert_eq!(nova(&["sim", "run", "no-such-file"]).code, 1);
    assert_eq!(nova(&["sim", "run", "."]).code, 2);
}
