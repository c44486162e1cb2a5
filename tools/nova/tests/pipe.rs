//! A reader that goes away.

mod common;

use std::process::Stdio;

use common::command;

#[test]
fn a_closed_pipe_is_no_error_and_no_panic() {
    for args in [
        &["--format", "ndjson", "trace", "show", "nouveau-ga102-trimmed.mmiotrace"][..],
        &["timer", "--watch", "--interval", "1ms"],
        &["device", "stress", "--rounds", "1", "--mode", "world"],
        &["--help"],
    ] {
        let mut child = command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}
