//! The gate of a process whose kernel refuses the barrier: from the start, or from some moment on.
//!
//! The mode belongs to a process, and a filter cannot be taken off again. So each case is a process of its own: this
//! program once more, with the case in the environment.
#![cfg(target_os = "linux")]

use std::env;
use std::process::Command;

use nova_backends::gate::{AsymmetricGate, Mode, Reason, mode};
use nova_core::lifecycle::Gate;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

const CASE: &str = "NOVA_SANDBOX_CASE";

type OneLane = AsymmetricGate<1>;

/// From here on this thread's `membarrier` fails with this error number.
fn refuse_membarrier(error: i32) {
    let rules = [(libc::SYS_membarrier, Vec::new())].into_iter().collect();
    let arch = env::consts::ARCH.try_into().expect("an architecture with filters");
    let filter =
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(error.unsigned_abs()), arch);
    let program: BpfProgram = filter.expect("a filter").try_into().expect("a program");
    seccompiler::apply_filter(&program).expect("the kernel takes filters");
}

/// Runs the test `name` again, alone, with its case.
fn alone(name: &str) {
    let output = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", name, "--test-threads=1", "--nocapture"])
        .env(CASE, name)
        .env_remove("NOVA_GATE")
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn is_alone(name: &str) -> bool {
    env::var_os(CASE).is_some_and(|case| case == name)
}

/// A gate that was never opened.
fn new() -> OneLane {
    OneLane::NEW
}

/// A gate works: who is inside is found, and nobody is found when all have left.
fn works(gate: &OneLane) {
    gate.open();
    let pass = gate.enter(0).expect("open");
    gate.close();
    assert_eq!(gate.busy(0), Some(0));
    assert!(gate.enter(0).is_none());
    gate.leave(0, pass);
    assert_eq!(gate.busy(0), None);
}

#[test]
fn a_process_without_the_barrier_fences() {
    const NAME: &str = "a_process_without_the_barrier_fences";
    if !is_alone(NAME) {
        return alone(NAME);
    }
    refuse_membarrier(libc::EPERM);
    assert_eq!(mode(), Mode::Fence(Reason::Refused(libc::EPERM)));
    works(&new());
}

#[test]
fn a_kernel_without_the_call_is_told_apart() {
    const NAME: &str = "a_kernel_without_the_call_is_told_apart";
    if !is_alone(NAME) {
        return alone(NAME);
    }
    refuse_membarrier(libc::ENOSYS);
    assert_eq!(mode(), Mode::Fence(Reason::Absent));
    works(&new());
}

#[test]
fn l03_a_barrier_that_fails_later_keeps_the_gate_busy() {
    const NAME: &str = "l03_a_barrier_that_fails_later_keeps_the_gate_busy";
    if !is_alone(NAME) {
        return alone(NAME);
    }
    assert_eq!(mode(), Mode::Membarrier, "the rest needs a kernel that has it");
    let gate = new();
    works(&gate);
    gate.open();
    refuse_membarrier(libc::EPERM);
    gate.close();
    // Nobody can be seen, and that is not enough: somebody who came in without a fence might be inside.
    assert_eq!(gate.busy(0), Some(0));
    // Gates that are opened from now on fence.
    assert_eq!(mode(), Mode::Fence(Reason::Refused(libc::EPERM)));
    works(&new());
}
