//! What must not compile, each misuse beside a twin that compiles.
//!
//!     cargo test -p nova-must-not-compile
//!
//! A case is one file in `tests/compile_fail/cases`. Its first line says which error the compiler gives, and what is
//! refused. What is marked `#[cfg(trybuild)]` in it is the misuse, and what is marked `#[cfg(not(trybuild))]` is what the
//! twin does instead; the rest is the same. It is compiled twice:
//!
//! * trybuild compiles the misuse. It has to fail as `NAME.stderr` beside it says, with the error that the first line
//!   names and no other.
//! * This test compiles the twin, as one of its modules.
//!
//! To add a case, write the file, name it below, and run this test with `TRYBUILD=overwrite`, which writes the
//! `.stderr`. To run one alone: `cargo test -p nova-must-not-compile -- each_misuse trybuild=NAME`.

#![allow(unexpected_cfgs, reason = "trybuild sets the cfg of its name")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The twins.
#[path = "../cases"]
#[allow(clippy::all, clippy::pedantic, reason = "they show one thing each, and are never run")]
mod twin {
    // Tokens end with their call.
    mod data_in_a_static;
    mod data_kept_across_calls;
    mod drop_that_touches_the_device;
    mod io_in_a_static;
    mod io_in_driver_state;
    mod io_kept_across_calls;
    mod io_on_a_detached_thread;
    mod token_cloned;
    mod token_forged;
    mod token_kept_past_the_call;
    mod token_moved_out;
    mod token_on_another_thread;
    mod token_returned;
    mod token_taken_apart;

    // Gate, state and device.
    mod bus_used_beside_the_device;
    mod callback_forged;
    mod gate_opened_by_a_driver;
    mod gate_without_unsafe;
    mod session_keeps_its_device;
    mod state_set_by_hand;
    mod ticket_forged;

    // Stages.
    mod io_kept_across_a_step;
    mod io_of_a_sleeping_or_lost_device;
    mod probing_kept_past_probe;
    mod queue_unless_bound;
    mod register_outside_probe;
    mod stage_of_ones_own;

    // Contexts.
    mod busy_wait_in_an_interrupt;
    mod host_behind_the_clock;
    mod outside_in_driver_state;
    mod outside_on_another_thread;
    mod remove_from_an_interrupt;
    mod remove_inside_a_call;
    mod sleep_in_an_interrupt;
    mod sleeping_handler_of_a_timer;
    mod suspend_inside_a_call;
    mod wait_inside_a_call;

    // Callbacks and what they share.
    mod callback_captures_a_counter;
    mod callback_captures_a_local;
    mod driver_state_not_send;
    mod driver_state_not_sync;

    // Drivers and devices are kept apart.
    mod entry_of_another_driver;
    mod entry_of_another_driver_registered;
    mod session_of_another_driver;
    mod token_of_another_driver;
    mod unit_of_another_device;
    mod unit_without_its_device;

    // Memory that the device has.
    mod memory_freed_while_the_device_has_it;

    // Registers and offsets.
    mod array_without_an_index;
    mod field_of_another_register;
    mod field_value_too_wide;
    mod offset_not_aligned;
    mod offset_of_another_width;
    mod offset_outside_the_bar;
    mod offset_without_a_check;
    mod read_only_register_written;
    mod register_of_another_unit;
    mod register_without_a_word;
    mod unit_without_an_instance;
    mod write_1_to_clear_register_modified;
    mod write_only_register_checked;
    mod write_only_register_read;

    // Chips and their proofs.
    mod chip_not_identified;
    mod family_forgotten;
    mod proof_narrowed;
    mod proof_of_ones_own;
    mod proof_out_of_thin_air;
    mod register_moved_to_another_family;
    mod register_without_a_proof;
    mod turing_register_on_hopper;
}

/// Cases without an error code: lifetime errors have none.
const NO_CODE: &str = "no code";

#[test]
fn each_misuse_is_refused_with_the_error_it_names() {
    let cases = trybuild::TestCases::new();
    for case in cases_in_the_folder() {
        cases.compile_fail(Path::new("cases").join(case.file_name().unwrap()));
    }
    // Dropping it compiles them.
    let refused = catch_unwind(AssertUnwindSafe(|| drop(cases)));
    assert!(
        refused.is_ok(),
        "a misuse compiles (that is a hole: close it), or the compiler words its errors differently than `.stderr` \
         says.\nThe `.stderr` files are of the compiler in rust-toolchain.toml. Where that, or a signature in an \
         error, was changed on purpose, run\n\n    TRYBUILD=overwrite cargo test -p \
         nova-must-not-compile\n\nand look at what changed in tests/compile_fail/cases before you commit it."
    );
    for case in cases_in_the_folder() {
        let stderr = read(&case.with_extension("stderr"));
        assert!(
            !stderr.contains("$RUST"),
            "{}: quotes the standard library, whose source may not be installed",
            case.display()
        );
        assert_eq!(codes(&stderr), BTreeSet::from([code(&case)]), "errors of {}", case.display());
    }
}

#[test]
fn each_case_has_a_twin_and_each_stderr_a_case() {
    let here = include_str!("must_not_compile.rs");
    for case in cases_in_the_folder() {
        let line = format!("    mod {};\n", case.file_stem().unwrap().to_str().unwrap());
        assert!(
            here.contains(&line),
            "add to the twins in tests/compile_fail/tests/must_not_compile.rs: {}",
            line.trim()
        );
        let text = read(&case);
        assert!(text.contains("trybuild)"), "{} has no misuse under `cfg(trybuild)`", case.display());
    }
    for stderr in files("stderr") {
        assert!(stderr.with_extension("rs").exists(), "{} is of no case", stderr.display());
    }
}

/// The error that the first line of a case names: `//! E0277: what is refused`.
fn code(case: &Path) -> String {
    let text = read(case);
    let named = text.strip_prefix("//! ").and_then(|line| line.split_once(": "));
    named.unwrap_or_else(|| panic!("{} begins with its error", case.display())).0.to_owned()
}

/// The errors that the compiler gave.
fn codes(stderr: &str) -> BTreeSet<String> {
    let heads = stderr.lines().filter_map(|line| line.strip_prefix("error"));
    heads
        .map(|head| head.strip_prefix('[').and_then(|head| head.split_once("]: ")))
        .map(|code| code.map_or(NO_CODE, |code| code.0).to_owned())
        .collect()
}

fn cases_in_the_folder() -> Vec<PathBuf> {
    let cases = files("rs");
    assert!(!cases.is_empty());
    cases
}

fn files(extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|is| is == extension)).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
