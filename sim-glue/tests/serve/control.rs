//! Faults at run time, by handle and by socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nova_backends::vfio_user::{Capabilities, Request as Asked, Version, index::irq};
use nova_sim_glue::serve::control::{LONGEST_REQUEST, Request, Response, Storm};
use nova_sim_glue::serve::{Handle, ServeOptions, Server};

use crate::client::{Client, DEADLINE, serve, until};

const TIME_0: u32 = 0x9400;

fn ask(handle: &Handle, request: &Request) {
    let response = handle.control(request);
    assert!(matches!(response, Response::Ok(_)), "{request:?}: {response:?}");
}

fn refused(handle: &Handle, request: &Request) -> String {
    match handle.control(request) {
        Response::Error(error) => error,
        other @ Response::Ok(_) => panic!("{request:?}: {other:?}"),
    }
}

#[test]
fn a_gpu_falls_off_the_bus_and_comes_back() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    client.set_reg(0x9420, 0x60);
    ask(server.handle(), &Request::Unplug);
    assert_eq!((client.reg(0), client.config(0)), (u32::MAX, 0xffff));
    assert_eq!((client.read(1, 0, 1), client.read(6, 0, 2)), (Ok(vec![0xff]), Ok(vec![0xff; 2])));
    ask(server.handle(), &Request::Reconnect);
    assert_eq!((client.reg(0), client.reg(0x9420)), (0xB720_00A1, 0x60));
    ask(server.handle(), &Request::PowerOff);
    assert_eq!(client.reg(0), u32::MAX);
    assert_eq!(server.handle().stats().power, "off");
    ask(server.handle(), &Request::Replug);
    assert_eq!(client.reg(0), u32::MAX, "not decoded after power-on");
    client.enable();
    assert_eq!((client.reg(0), client.reg(0x9420)), (0xB720_00A1, 0));
}

#[test]
fn a_hung_timer_stays_hung_over_resets() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    ask(server.handle(), &Request::FreezeTimer { on: true });
    for _ in 0..3 {
        let time = client.reg(TIME_0);
        assert_eq!(client.reg(TIME_0), time);
        assert_eq!(client.ask(&Asked::DeviceReset).error(), None);
    }
    ask(server.handle(), &Request::FreezeTimer { on: false });
    let (time, end) = (client.reg(TIME_0), Instant::now() + DEADLINE);
    while client.reg(TIME_0) == time {
        assert!(Instant::now() < end, "it never went on");
    }
    ask(server.handle(), &Request::CorruptTime { reads: 1 });
    assert_eq!((client.reg(TIME_0) & 31, client.reg(TIME_0) & 31), (31, 0));
}

#[test]
fn registers_answer_with_an_error_pattern() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    ask(server.handle(), &Request::PriErrors { first: 0x9400, last: 0x9413, pattern: 0xbadf_5040 });
    assert_eq!(
        (client.reg(0x9400), client.reg(0x9410), client.reg(0)),
        (0xbadf_5040, 0xbadf_5040, 0xB720_00A1)
    );
    ask(server.handle(), &Request::ClearPriErrors);
    assert_ne!(client.reg(0x9410), 0xbadf_5040);
}

#[test]
fn single_accesses_fail_counted_from_the_request() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let fault = |text: &str| Request::Fault { text: text.to_owned() };
    let faulted = || server.handle().stats().bus.faulted;
    client.reg(0);
    ask(server.handle(), &fault("nth=2,pri=0xbadf1100"));
    assert_eq!((client.reg(0), client.reg(0), client.reg(0)), (0xB720_00A1, 0xbadf_1100, 0xB720_00A1));
    assert_eq!(faulted(), 1);
    ask(server.handle(), &fault("from=2,all-ones"));
    assert_eq!((client.reg(0), client.reg(0), client.reg(0)), (0xB720_00A1, u32::MAX, u32::MAX));
    assert_eq!(faulted(), 3);
    ask(server.handle(), &Request::ClearFaults);
    assert_eq!((client.reg(0), faulted()), (0xB720_00A1, 0));
    assert!(refused(server.handle(), &fault("sometimes")).contains("no such word"));
    for _ in 0..64 {
        ask(server.handle(), &fault("nth=1000,all-ones"));
    }
    assert!(refused(server.handle(), &fault("nth=1000,all-ones")).contains("clear-faults"));
}

#[test]
fn interrupts_storm() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    client.enable();
    let msi = client.attach(irq::MSI);
    let storm = Storm { vector: 148, count: 50, interval_us: 10, spurious: true };
    ask(server.handle(), &Request::Storm(storm));
    until(server.handle(), "the storm", |stats| stats.server.messages == 50);
    assert_eq!(msi.take(), 50);
    // One that the GPU stands behind is told once, until it is re-armed.
    client.set_reg(0xb8_1210, u32::MAX);
    client.set_reg(0xb8_1608, 0xff);
    ask(server.handle(), &Request::Storm(Storm { count: u32::MAX, spurious: false, ..storm }));
    for _ in 0..5 {
        assert_eq!(msi.wait(), 1);
        client.set_reg(0xb8_1010, u32::MAX);
        client.set_reg(0x8_8704, 0);
    }
    ask(server.handle(), &Request::Storm(Storm { count: 0, ..storm }));
    ask(server.handle(), &Request::Raise { vector: 150 });
}

#[test]
fn accesses_take_longer_and_nobody_waits_for_them() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    ask(server.handle(), &Request::Delay { us: 20_000 });
    let begin = Instant::now();
    client.reg(0);
    client.reg(0);
    assert!(begin.elapsed() >= Duration::from_millis(40));
    // A minute is not waited for: not by control, not by others, and not at the end.
    ask(server.handle(), &Request::Delay { us: 60_000_000 });
    client.tell(&Asked::DeviceReset, &[], false);
    until(server.handle(), "the request", |stats| stats.server.resets == 1);
    let mut second = Client::silent(server.handle());
    assert_eq!(second.ask(&Asked::Version(Version::new(Capabilities::default()))).error(), Some(16));
    ask(server.handle(), &Request::Delay { us: 0 });
    drop(client);
    until(server.handle(), "its end", |stats| !stats.connected);
    assert_eq!(Client::new(server.handle()).reg(0), 0xB720_00A1);
}

#[test]
fn a_client_is_told_and_cut_off() {
    let server = serve("ga102");
    assert!(refused(server.handle(), &Request::Disconnect).contains("no client is connected"));
    let mut client = Client::new(server.handle());
    for request in [Request::SignalError, Request::RequestDevice] {
        assert!(refused(server.handle(), &request).contains("does not listen"), "{request:?}");
    }
    let (error, request) = (client.attach(irq::ERR), client.attach(irq::REQ));
    ask(server.handle(), &Request::SignalError);
    assert_eq!(error.wait(), 1);
    ask(server.handle(), &Request::RequestDevice);
    assert_eq!(request.wait(), 1);
    ask(server.handle(), &Request::Disconnect);
    assert!(client.is_closed());
    let _second = Client::new(server.handle());
    assert!(refused(server.handle(), &Request::SignalError).contains("does not listen"));
}

#[test]
fn numbers_out_of_range_and_what_makes_no_sense_are_refused() {
    let server = serve("gb202,firewall");
    let handle = server.handle();
    for (request, says) in [
        (Request::Raise { vector: 512 }, "vector is 512; it goes from 0 to 511"),
        (Request::Delay { us: 60_000_001 }, "us is 60000001; it goes from 0 to 60000000"),
        (Request::PriErrors { first: 8, last: 7, pattern: 0 }, "last is 7; it goes from 8 to 16777215"),
        (Request::PriErrors { first: 1 << 24, last: 1 << 24, pattern: 0 }, "first is 16777216"),
    ] {
        assert!(refused(handle, &request).starts_with(says), "{request:?}");
    }
    let mut client = Client::new(handle);
    assert_eq!(client.reg(0), u32::MAX);
    ask(handle, &Request::LowerFirewall);
    assert_ne!(client.reg(0), u32::MAX);
    ask(handle, &Request::Unplug);
    assert!(refused(handle, &Request::Raise { vector: 1 }).contains("replug it first"));
}

#[test]
fn a_socket_takes_a_line_and_gives_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let mut options = ServeOptions::new("ga102".parse().unwrap());
    options.control = Some(path.clone());
    let server = Server::unbound(&options).unwrap().spawn().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let connect = || {
        let stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    };
    let stream = connect();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    for (line, begins) in [
        ("{\"do\":\"unplug\"}", "{\"ok\":{}}"),
        (
            "  {\"do\":\"stats\"}  \r",
            "{\"ok\":{\"stats\":{\"chip\":\"GA102\",\"connected\":false,\"power\":\"gone\"",
        ),
        (
            "{\"do\":\"storm\",\"vector\":1,\"count\":1,\"interval_us\":1}",
            "{\"error\":\"the GPU is not there",
        ),
        ("{\"do\":\"unplug\",\"again\":1}", "{\"error\":\"the line is no request: unknown field `again`"),
        ("unplug", "{\"error\":\"the line is no request: expected value"),
        ("{\"do\":\"dance\"}", "{\"error\":\"the line is no request: unknown variant `dance`"),
        ("{\"do\":\"reconnect\"}", "{\"ok\":{}}"),
    ] {
        (&stream).write_all(format!("\n{line}\n").as_bytes()).unwrap();
        let answer = lines.next().unwrap().unwrap();
        assert!(answer.starts_with(begins), "{line}: {answer}");
        serde_json::from_str::<Response>(&answer).unwrap();
    }
    // In pieces, and several at once.
    (&stream).write_all(b"{\"do\":\"un").unwrap();
    (&stream).write_all(b"plug\"}\n{\"do\":\"reconnect\"}\n").unwrap();
    assert!((0..2).all(|_| lines.next().unwrap().unwrap() == "{\"ok\":{}}"));
    // Too long a line, and bytes that are no text.
    let mut long = connect();
    long.write_all(&vec![b'x'; LONGEST_REQUEST]).unwrap();
    let mut answer = String::new();
    long.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("longer than 4096 bytes"), "{answer}");
    let mut binary = connect();
    binary.write_all(b"\xff\xfe\n").unwrap();
    let answer = BufReader::new(&mut binary).lines().next().unwrap().unwrap();
    assert!(answer.contains("invalid utf-8"), "{answer}");
    // More connections than are taken; then there is room again.
    let held: Vec<_> = (0..6).map(|_| connect()).collect();
    let mut refused = connect();
    refused.write_all(b"{\"do\":\"stats\"}\n").unwrap();
    let mut answer = String::new();
    refused.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("{\"error\":\"busy: "), "{answer}");
    drop((held, binary));
    server.join().unwrap();
    assert!(!path.exists());
}

#[test]
fn silent_connections_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let mut options = ServeOptions::new("ga102".parse().unwrap());
    options.control = Some(path.clone());
    options.patience = Duration::from_secs(1);
    let server = Server::unbound(&options).unwrap().spawn().unwrap();
    let _silent: Vec<_> = (0..8).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let end = Instant::now() + DEADLINE;
    loop {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(b"{\"do\":\"unplug\"}\n").unwrap();
        let answer = BufReader::new(stream).lines().next().unwrap().unwrap();
        if answer == "{\"ok\":{}}" {
            break;
        }
        assert!(answer.contains("busy"), "{answer}");
        assert!(Instant::now() < end, "they are still in the way");
    }
    server.join().unwrap();
}
