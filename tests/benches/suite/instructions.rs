//! Instructions of a case, counted by callgrind: the same on every run, however busy the machine is.

use std::process::Command;

use super::Case;

/// Instructions that doing a case once takes: the difference of two runs, so that starting up and setting up cancel
/// out. `None` where valgrind is not installed or its answer is not understood.
pub(crate) fn of(case: &Case) -> Option<f64> {
    if case.counted == 0 {
        return None;
    }
    let (few, many) = (case.counted, case.counted * 3);
    let more = collected(case, many)?.checked_sub(collected(case, few)?)?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Some(more as f64 / (many - few) as f64)
}

fn collected(case: &Case, times: u64) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().ok()?)
        .args(["--run", case.name, &times.to_string()])
        .output()
        .ok()?;
    // ==123== Collected : 456789
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = report.lines().find(|line| line.contains("Collected :"))?;
    line.split_whitespace().last()?.parse().ok()
}
