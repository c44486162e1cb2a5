//! One line for each model, for people and for `cargo xtask prove`.

use std::io::Write as _;

/// Prints `model: ` and the line, also from a test that passes: past the test harness's capture.
pub fn report(line: &str) {
    // One write, so that lines of tests that run side by side do not mix.
    let _ = std::io::stdout().write_all(format!("model: {line}\n").as_bytes());
}
