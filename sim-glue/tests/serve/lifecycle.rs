//! Servers, clients and resets, from beginning to end.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use nova_backends::vfio_user::{Capabilities, Request, Version, index};
use nova_sim_glue::gpu::Power;
use nova_sim_glue::serve::{ServeError, ServeOptions, Server, control};

use crate::client::{Client, DEADLINE, serve, serve_with, until};

const EBUSY: u32 = 16;
const ALARM: u32 = 0x9420;

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gpu.sock");
    (folder, path)
}

fn options(spec: &str) -> ServeOptions {
    ServeOptions::new(spec.parse().unwrap())
}

#[test]
fn a_socket_is_private_and_gone_with_its_server() {
    let (_folder, path) = place();
    let server = Server::bind(&path, &options("ga102")).unwrap().spawn().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut client = Client::on(UnixStream::connect(&path).unwrap());
    client.negotiate();
    assert_eq!(client.reg(0), 0xB720_00A1);
    server.join().unwrap();
    assert!(!path.exists() && client.is_closed());
}

#[test]
fn who_leaves_and_comes_back_at_once_is_served() {
    let (_folder, path) = place();
    let server = Server::bind(&path, &options("ga102")).unwrap().spawn().unwrap();
    for round in 0..200 {
        let mut client = Client::on(UnixStream::connect(&path).unwrap());
        client.negotiate();
        assert_eq!(client.reg(ALARM), 0, "round {round}");
        client.set_reg(ALARM, 0x60);
        // Something is on its way to the server when it leaves, and something back.
        client.tell(&Request::DeviceReset, &[], round % 2 == 0);
    }
    assert_eq!(server.handle().stats().server.refused, 0);
}

#[test]
fn a_server_stops_while_it_holds_an_answer_back_or_nobody_takes_it() {
    use nova_backends::vfio_user::RegionAccess;
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    server.handle().control(&control::Request::Delay { us: control::LONGEST_DELAY_US });
    client.tell(&Request::DeviceReset, &[], false);
    until(server.handle(), "the request", |stats| stats.server.resets == 1);
    server.join().unwrap();
    assert!(client.is_closed());
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    for _ in 0..8 {
        client.tell(&Request::RegionRead(RegionAccess { offset: 0, region: 1, count: 1 << 20 }), &[], false);
    }
    until(server.handle(), "the first of them", |stats| stats.server.requests > 1);
    server.join().unwrap();
    assert!(client.is_closed());
}

#[test]
fn a_dead_servers_socket_is_replaced_and_nothing_else_is() {
    let (_folder, path) = place();
    // Its file stays when a listener is closed.
    drop(UnixListener::bind(&path).unwrap());
    let server = Server::bind(&path, &options("ga102")).unwrap();
    assert!(matches!(Server::bind(&path, &options("ga102")), Err(ServeError::InUse { .. })));
    assert!(path.exists(), "the one in use stays");
    drop(server);
    assert!(!path.exists());
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Server::bind(&path, &options("ga102")), Err(ServeError::NotASocket { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let nowhere = path.join("below/a/file");
    assert!(matches!(Server::bind(&nowhere, &options("ga102")), Err(ServeError::Socket { .. })));
    let long = PathBuf::from(format!("/tmp/{}", "x".repeat(200)));
    assert!(matches!(Server::bind(&long, &options("ga102")), Err(ServeError::Socket { .. })));
}

#[test]
fn a_server_that_accepts_nobody_is_one_all_the_same() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let (_folder, path) = place();
    let address = SocketAddrUnix::new(&path).unwrap();
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = || socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
    let stopped = socket();
    rustix::net::bind(&stopped, &address).unwrap();
    rustix::net::listen(&stopped, 0).unwrap();
    let mut waiting = vec![socket()];
    while connect(waiting.last().unwrap(), &address) != Err(rustix::io::Errno::AGAIN) {
        waiting.push(socket());
        assert!(waiting.len() < 100, "the backlog is never full");
    }
    let (done, bound) = std::sync::mpsc::channel();
    let other = path.clone();
    std::thread::spawn(move || done.send(Server::bind(&other, &options("ga102")).map(|_| ())));
    let bound = bound.recv_timeout(DEADLINE).expect("it waits for a server that has stopped");
    assert!(matches!(bound, Err(ServeError::InUse { .. })), "{bound:?}");
    assert!(path.exists());
}

#[test]
fn a_folder_that_somebody_else_has_locked_is_named() {
    let (folder, path) = place();
    let held = std::fs::File::open(folder.path()).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let Err(error) = Server::bind(&path, &options("ga102")) else { panic!("it is locked") };
    let expected = format!("the folder {} is locked by another process", folder.path().display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    drop(held);
    assert!(Server::bind(&path, &options("ga102")).is_ok());
}

#[test]
fn somebody_elses_socket_at_our_path_is_left_alone() {
    let (_folder, path) = place();
    let server = Server::bind(&path, &options("ga102")).unwrap();
    std::fs::remove_file(&path).unwrap();
    let _theirs = UnixListener::bind(&path).unwrap();
    drop(server);
    assert!(path.exists());
}

#[test]
fn options_that_cannot_be_are_refused() {
    let mut board = options("ga102");
    board.pci.bar1_size = 3;
    assert!(matches!(Server::unbound(&board), Err(ServeError::Pci(_))));
    let mut faults = options("ga102,fault=all-ones");
    faults.spec.faults = vec![faults.spec.faults[0]; nova_sim_glue::serve::MOST_FAULTS + 1];
    assert!(matches!(Server::unbound(&faults), Err(ServeError::Fault(_))));
}

#[test]
fn a_client_finds_what_a_reset_leaves() {
    let server = serve("ga102");
    for _ in 0..20 {
        let mut client = Client::new(server.handle());
        assert_eq!((client.reg(ALARM), client.config(4) & 6), (0, 2));
        assert_eq!(client.read(1, 0, 1), Ok(vec![0]), "nobody else's memory");
        client.enable();
        client.set_reg(ALARM, 0x60);
        client.write(1, 0, &[7]).unwrap();
        let _msi = client.attach(index::irq::MSI);
    }
    let stats = until(server.handle(), "the last one's end", |stats| !stats.connected);
    assert_eq!((stats.server.clients, stats.server.resets), (20, 20));
}

#[test]
fn a_second_client_is_told_that_the_first_is_there() {
    let server = serve("ga102");
    let mut first = Client::new(server.handle());
    for _ in 0..20 {
        let mut second = Client::silent(server.handle());
        let answer = second.ask(&Request::Version(Version::new(Capabilities::default())));
        assert_eq!(answer.error(), Some(EBUSY));
        assert!(second.is_closed());
    }
    assert_eq!(first.reg(0), 0xB720_00A1);
    assert_eq!(server.handle().stats().server.refused, 20);
    drop(first);
    until(server.handle(), "its end", |stats| !stats.connected);
    Client::new(server.handle());
}

#[test]
fn every_reset_starts_the_gpu_over() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let resets: [fn(&mut Client); 3] = [
        |client| assert_eq!(client.ask(&Request::DeviceReset).error(), None),
        |client| {
            let word = client.config(0x80);
            client.set_config(0x80, word | 1 << 15);
        },
        |client| {
            client.set_config(0x64, 3);
            client.set_config(0x64, 0);
        },
    ];
    for (count, (reset, command)) in (1..).zip(resets.iter().zip([6, 0, 0])) {
        client.enable();
        client.set_reg(ALARM, 0x60);
        let msi = client.attach(index::irq::MSI);
        reset(&mut client);
        assert_eq!(client.config(4) & 6, command, "reset {count}");
        client.enable();
        assert_eq!(client.reg(ALARM), 0, "reset {count}");
        assert_eq!((server.handle().stats().server.resets, msi.take()), (count, 0));
    }
}

#[test]
fn eventfds_and_config_space_outlive_a_reset_of_the_device() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    client.enable();
    let msi = client.attach(index::irq::MSI);
    client.write(index::region::CONFIG, 0x10, &0xf000_0000_u32.to_le_bytes()).unwrap();
    client.set_config(0x64, 3);
    assert_eq!(client.ask(&Request::DeviceReset).error(), None);
    assert_eq!((client.config(0x12), client.config(0x64) & 3, client.config(4) & 6), (0xf000, 0, 6));
    for (offset, value) in [(0xb8_1210, u32::MAX), (0xb8_1608, 0xff), (0xb8_1640, 148)] {
        client.set_reg(offset, value);
    }
    assert_eq!(msi.take(), 1);
}

#[test]
fn several_servers_are_several_gpus() {
    let servers = ["tu102", "ga100", "gh100", "gb202"].map(serve);
    let mut clients = servers.each_ref().map(|server| Client::new(server.handle()));
    for round in 0..50_u32 {
        for client in &mut clients {
            client.set_reg(ALARM, round << 5);
        }
        assert!(clients.iter_mut().all(|client| client.reg(ALARM) == round << 5));
    }
    let ids = clients.each_mut().map(|client| client.reg(0) >> 20 & 0x1ff);
    assert_eq!(ids, [0x162, 0x170, 0x180, 0x1b2]);
}

#[test]
fn a_client_that_dies_in_the_middle_costs_only_its_connection() {
    let server = serve("ga102");
    for cut in 1..48 {
        let client = Client::new(server.handle());
        let mut message = [0; 48];
        let request = Request::RegionWrite(nova_backends::vfio_user::RegionData {
            offset: 0,
            region: 1,
            data: &[1; 16],
        });
        assert_eq!(request.encode(9, false, &mut message).unwrap(), 48);
        client.send(&message[..cut], &[]);
    }
    let mut last = Client::new(server.handle());
    assert_eq!(last.reg(0), 0xB720_00A1);
    assert_eq!(server.handle().stats().server.out_of_step, 0);
}

#[test]
fn a_server_stops_while_its_client_stalls() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    client.send(&[1; 7], &[]);
    server.join().unwrap();
    assert!(client.is_closed());
    let server = serve("ga102");
    drop(server);
}

#[test]
fn nothing_wakes_an_idle_server() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    client.reg(0);
    // Each request wakes it once; all that it does beside that would show.
    let settled = server.handle().stats().server.wakeups;
    for count in 1..=100 {
        client.reg(0);
        assert_eq!(server.handle().stats().server.wakeups, settled + count);
    }
}

#[test]
fn a_gpu_that_is_gone_stays_gone_for_the_next_client() {
    let server = serve_with(&options("ga102,gone"));
    let mut client = Client::new(server.handle());
    assert_eq!((client.reg(0), client.config(0)), (u32::MAX, 0xffff));
    assert_eq!(client.ask(&Request::DeviceReset).error(), None);
    assert_eq!(client.reg(0), u32::MAX);
    drop(client);
    let mut client = Client::new(server.handle());
    assert_eq!(client.reg(0), u32::MAX);
    assert_eq!(server.handle().gpu().with(|gpu| gpu.power()), Power::Gone);
}
