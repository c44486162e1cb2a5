//! The JSON of `VERSION`: what is read, what is passed over, and what is refused.

extern crate std;
use std::{format, string::String};

use crate::vfio_user::*;

fn decode(text: &str) -> Result<Capabilities, DecodeErrorKind> {
    let body = format!("\0\0\x01\0{text}\0");
    let header = Header::request(1, Command::Version, false);
    match Request::decode(&header, body.as_bytes(), 0, &Limits::default()) {
        Ok(Request::Version(version)) => Ok(version.capabilities),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.kind()),
    }
}

#[track_caller]
fn refused(text: &str, at: usize) {
    match decode(text) {
        Err(DecodeErrorKind::Json(error)) => assert_eq!(error.at, at, "{text}: {error}"),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_real_peers_send() {
    // QEMU's client.
    let qemu = r#"{"capabilities": {"max_msg_fds": 8, "max_data_xfer_size": 1048576, "pgsizes": 4096,
        "max_dma_maps": 65535, "write_multiple": true}}"#;
    let wanted = Capabilities { max_msg_fds: 8, write_multiple: true, ..Capabilities::default() };
    assert_eq!(decode(qemu), Ok(wanted));
    // rust-vmm's vfio_user 0.1.7.
    let rust_vmm =
        r#"{"capabilities":{"max_msg_fds":1,"max_data_xfer_size":1048576,"migration":{"pgsize":4096}}}"#;
    let migration = Some(Migration { pgsize: 4096, max_bitmap_size: None });
    assert_eq!(decode(rust_vmm), Ok(Capabilities { migration, ..Capabilities::default() }));
}

#[test]
fn what_is_missing_has_the_default() {
    for text in ["{}", " { } ", r#"{"capabilities":{}}"#, r#"{"capabilities":{"twin_socket":{}}}"#] {
        assert_eq!(decode(text), Ok(Capabilities::default()), "{text}");
    }
    let header = Header::request(1, Command::Version, false);
    let version = Request::decode(&header, &[0, 0, 1, 0], 0, &Limits::default());
    assert_eq!(version, Ok(Request::Version(Version::new(Capabilities::default()))));
}

#[test]
fn what_is_unknown_is_passed_over() {
    for value in [
        "1",
        "-1.5e+3",
        "0",
        "null",
        "true",
        "false",
        r#""text \" \\ \u00e9 }""#,
        "[]",
        "{}",
        r#"[1, [2, {"a": [] , "b": {}}], "]"]"#,
        r#"{"x":{"y":[{"z":null}]}, "max_msg_fds": 3}"#,
    ] {
        let text = format!(
            r#"{{"before": {value}, "capabilities": {{"new": {value}, "max_msg_fds": 9}}, "after": {value}}}"#
        );
        let wanted = Capabilities { max_msg_fds: 9, ..Capabilities::default() };
        assert_eq!(decode(&text), Ok(wanted), "{text}");
    }
    let escaped = r#"{"\u0063apabilities":{"m\u0061x_msg_fds":5,"max_msg_fd":6,"max_msg_fdss":7,"\nax":8}}"#;
    assert_eq!(decode(escaped).map(|found| found.max_msg_fds), Ok(5));
}

#[test]
fn nesting_has_an_end() {
    let nested = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(decode(&nested(32)), Ok(Capabilities::default()));
    refused(&nested(33), 5 + 32);
    refused(&nested(100_000 / 2), 5 + 32);
    let objects: String = (0..40).map(|_| r#"{"a":"#).collect();
    assert!(decode(&objects).is_err());
}

#[test]
fn what_is_refused() {
    refused("", 0);
    refused("[]", 0);
    refused("{", 1);
    refused(r#"{"a"}"#, 4);
    refused(r#"{"a":}"#, 5);
    refused(r#"{"a":1,}"#, 7);
    refused(r#"{"a":1 "b":2}"#, 7);
    refused(r#"{"a":[1,]}"#, 8);
    refused(r#"{"a":[1}"#, 7);
    refused(r#"{"a":{"b":1]}"#, 11);
    refused(r#"{"a":01}"#, 6);
    refused(r#"{"a":1.}"#, 7);
    refused(r#"{"a":1e}"#, 7);
    refused(r#"{"a":-}"#, 6);
    refused(r#"{"a":tru}"#, 5);
    refused(r#"{"a":"\x"}"#, 7);
    refused(r#"{"a":"\u12g4"}"#, 10);
    refused("{\"a\":\"\n\"}", 6);
    refused(r#"{"a":"b}"#, 8);
    refused("{} x", 3);
    refused(r#"{"capabilities":1}"#, 16);
    refused(r#"{"capabilities":{"max_msg_fds":"1"}}"#, 31);
    refused(r#"{"capabilities":{"max_msg_fds":-1}}"#, 31);
    refused(r#"{"capabilities":{"max_msg_fds":1.5}}"#, 31);
    refused(r#"{"capabilities":{"max_msg_fds":1e3}}"#, 31);
    refused(r#"{"capabilities":{"pgsizes":18446744073709551616}}"#, 27);
    refused(r#"{"capabilities":{"write_multiple":1}}"#, 34);
    refused(r#"{"capabilities":{"twin_socket":true}}"#, 31);
    assert_eq!(
        decode(r#"{"capabilities":{"pgsizes":18446744073709551615}}"#).map(|c| c.pgsizes),
        Ok(u64::MAX)
    );
}

#[test]
fn the_text_ends_with_one_nul() {
    let header = Header::request(1, Command::Version, false);
    for body in [&b"\0\0\x01\0{}"[..], b"\0\0\x01\0{}\0\0", b"\0\0\x01\0{\0}\0", b"\0\0\x01\0\0{}"] {
        let error = Request::decode(&header, body, 0, &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::Nul, "{body:?}");
    }
    let error = Request::decode(&header, b"\0\0\x01\0{\"\xff\":1}\0", 0, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::Json(JsonError { at: 2, expected: "UTF-8" }));
}

#[test]
fn negotiation() {
    let twin = TwinSocket { supported: true, fd_index: None };
    let all = Capabilities {
        max_msg_fds: 16,
        max_data_xfer_size: 4096,
        pgsizes: 0x20_1000,
        twin_socket: twin,
        write_multiple: true,
        ..Capabilities::default()
    };
    let ours = Version::new(all);
    let proposed = Version { major: 0, minor: 0, capabilities: Capabilities::default() };
    let answer = ours.answer(&proposed).expect("the major version is the same");
    let common = Capabilities { max_data_xfer_size: 4096, ..Capabilities::default() };
    assert_eq!(answer, Version { major: 0, minor: 0, capabilities: common });
    assert_eq!(proposed.accept(&answer), Ok(()));
    assert_eq!(ours.answer(&ours).map(|answer| answer.capabilities), Ok(all));

    let other = Version { major: 1, ..proposed };
    assert_eq!(ours.answer(&other).unwrap_err().kind(), DecodeErrorKind::Unsupported(1));
    for wrong in [
        Version { major: 1, ..answer },
        Version { minor: 1, ..answer },
        Version { capabilities: Capabilities { write_multiple: true, ..common }, ..answer },
        Version { capabilities: Capabilities { twin_socket: twin, ..common }, ..answer },
    ] {
        assert!(proposed.accept(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_index_of_a_twin_socket_is_that_of_a_file_descriptor() {
    let twin_socket = TwinSocket { supported: true, fd_index: Some(1) };
    let version = Version::new(Capabilities { twin_socket, ..Capabilities::default() });
    let asked = Header::request(1, Command::Version, false);
    let mut out = [0; 256];
    let length = Reply::Version(version).encode(&asked, &mut out).expect("it fits");
    let Ok(Frame::Whole { header, body, .. }) = Frame::split(&out[..length], &Limits::default()) else {
        panic!("a whole message")
    };
    let decode = |fds| Reply::decode(Command::Version, &header, body, fds, &Limits::default());
    assert_eq!(decode(2), Ok(Reply::Version(version)));
    assert_eq!(decode(1).unwrap_err().kind(), DecodeErrorKind::FdIndex(1));
}
