//! Clients that break the rules: each costs its own connection and nothing else.

use std::io::Write;
use std::os::fd::AsFd;
use std::time::Duration;

use nova_backends::vfio_user::{Command, HEADER_SIZE, RegionAccess, RegionData, Request};
use nova_sim_glue::Rng;
use nova_sim_glue::serve::{Handle, ServeOptions};

use crate::client::{Client, DEADLINE, Event, serve, serve_with, until};

/// Still served, and as it should be.
fn check(handle: &Handle) {
    let mut client = Client::new(handle);
    assert_eq!(client.reg(0), 0xB720_00A1);
    drop(client);
    until(handle, "the end of the check", |stats| !stats.connected);
}

fn header(command: u16, size: u32, flags: u32) -> [u8; HEADER_SIZE] {
    let mut bytes = [0; HEADER_SIZE];
    bytes[2..4].copy_from_slice(&command.to_le_bytes());
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    bytes[8..12].copy_from_slice(&flags.to_le_bytes());
    bytes
}

fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn sizes_that_cannot_be_end_the_connection_at_once() {
    let server = serve("ga102");
    for size in [0, 1, 15, (1 << 20) + (64 << 10) + 1, u32::MAX] {
        let mut client = Client::new(server.handle());
        client.send(&header(9, size, 0), &[]);
        assert!(client.is_closed(), "{size}");
    }
    assert_eq!(server.handle().stats().server.out_of_step, 5);
    // Before the version less is taken.
    let mut client = Client::silent(server.handle());
    client.send(&header(1, 1 << 20, 0), &[]);
    assert!(client.is_closed());
    check(server.handle());
}

#[test]
fn an_answer_to_nothing_ends_the_connection() {
    let server = serve("ga102");
    for flags in [1, 0x21, 2, 0xf, 0x8000_0000] {
        let mut client = Client::new(server.handle());
        client.send(&header(9, 16, flags), &[]);
        assert!(client.is_closed(), "{flags:#x}");
    }
    check(server.handle());
}

#[test]
fn bodies_that_do_not_fit_are_refused_in_step() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    for command in [2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16] {
        for body in [0, 1, 3, 100] {
            let bytes = [&header(command, 16 + body, 0)[..], &vec![0xee; body as usize]].concat();
            client.send(&bytes, &[]);
            let answer = client.answer(Command::from_number(command).unwrap()).expect("an answer");
            assert!(answer.error().is_some(), "command {command} with {body} bytes");
        }
    }
    // A count that is not what follows.
    let mut bytes = [0; 40];
    Request::RegionWrite(RegionData { offset: 0, region: 1, data: &[0; 8] })
        .encode(0, false, &mut bytes)
        .unwrap();
    bytes[28..32].copy_from_slice(&u32::MAX.to_le_bytes());
    client.send(&bytes, &[]);
    assert!(client.answer(Command::RegionWrite).unwrap().error().is_some());
    assert_eq!(client.reg(0), 0xB720_00A1);
}

#[test]
fn who_stalls_is_cut_off_and_who_is_silent_is_not() {
    let mut options = ServeOptions::new("ga102".parse().unwrap());
    options.patience = Duration::from_secs(1);
    let server = serve_with(&options);
    let mut idle = Client::new(server.handle());
    // A second one that says nothing is not kept.
    assert!(Client::silent(server.handle()).is_closed());
    assert_eq!(idle.reg(0), 0xB720_00A1, "much later than its patience");
    drop(idle);
    let mut stalls = Client::new(server.handle());
    stalls.send(&header(9, 32, 0), &[]);
    assert!(stalls.is_closed());
    // An answer that is not taken: the socket's room is far less than a hundred mebibytes.
    let mut deaf = Client::new(server.handle());
    let request = Request::RegionRead(RegionAccess { offset: 0, region: 1, count: 1 << 20 });
    for _ in 0..100 {
        let mut out = [0; 32];
        request.encode(0, false, &mut out).unwrap();
        if (&deaf.socket).write_all(&out).is_err() {
            break;
        }
    }
    until(server.handle(), "the end of its patience", |stats| stats.server.stalled == 2);
    assert!(deaf.is_closed());
    check(server.handle());
}

#[test]
fn who_never_says_its_version_is_cut_off() {
    let mut options = ServeOptions::new("ga102".parse().unwrap());
    options.patience = Duration::from_secs(1);
    let server = serve_with(&options);
    let mut silent = Client::silent(server.handle());
    assert!(silent.is_closed());
    // A byte now is no version.
    let mut slow = Client::silent(server.handle());
    slow.send(&[0], &[]);
    assert!(slow.is_closed());
    assert_eq!(server.handle().stats().server.stalled, 2);
    check(server.handle());
}

#[test]
fn an_eventfd_that_is_full_and_blocks_holds_up_nobody() {
    use nova_backends::vfio_user::{IrqAction, IrqData, SetIrqs, index::irq};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let event = client.attach(irq::REQ);
    // The server has set it not to block; the client takes that back.
    rustix::fs::fcntl_setfl(&event.0, rustix::fs::OFlags::RDWR).unwrap();
    rustix::io::write(&event.0, &(u64::MAX - 1).to_ne_bytes()).unwrap();
    let data = IrqData::None;
    let set = SetIrqs { index: irq::REQ, start: 0, count: 1, action: IrqAction::Trigger, data };
    client.tell(&Request::DeviceSetIrqs(set), &[], false);
    let mut ask = [PollFd::new(&client.socket, PollFlags::IN)];
    let deadline = Timespec { tv_sec: DEADLINE.as_secs().cast_signed(), tv_nsec: 0 };
    let answered = poll(&mut ask, Some(&deadline));
    // Lets the server go in any case.
    assert_eq!(event.take(), u64::MAX - 1);
    assert_eq!(answered, Ok(1), "the server waits for its client");
    assert_eq!(client.answer(Command::DeviceSetIrqs).unwrap().error(), None);
    drop(client);
    check(server.handle());
}

#[test]
fn file_descriptors_are_never_kept() {
    let server = serve("ga102");
    check(server.handle());
    let before = open_fds();
    let event = Event::new();
    for round in 0..200 {
        let mut client = Client::new(server.handle());
        let fds = vec![event.0.as_fd(); round % 40 + 1];
        // With a request that takes none, with a part of one, with more than there may be.
        match round % 3 {
            0 => client.tell(&Request::DeviceReset, &fds, false),
            1 => client.send(&[1, 2, 3], &fds),
            _ => {
                client.tell(
                    &Request::RegionRead(RegionAccess { offset: 0, region: 0, count: 4 }),
                    &fds,
                    true,
                );
            }
        }
        if fds.len() > 16 {
            assert!(client.is_closed(), "{} file descriptors", fds.len());
        }
    }
    until(server.handle(), "the last one's end", |stats| !stats.connected);
    check(server.handle());
    // Other tests of this process have theirs open meanwhile, but not thousands.
    assert!(open_fds() < before + 1000, "{} were {before}", open_fds());
}

#[test]
fn garbage_of_every_kind() {
    // More of them, for a soak: NOVA_CONNECTIONS=1000000. Each has its number for a seed.
    let connections = std::env::var("NOVA_CONNECTIONS").map_or(3000, |text| text.parse().unwrap());
    let server = serve("ga102");
    for seed in 0..connections {
        let mut rng = Rng::new(seed);
        let mut client =
            if seed % 4 == 0 { Client::silent(server.handle()) } else { Client::new(server.handle()) };
        let event = Event::new();
        for _ in 0..rng.below(6) {
            let bytes = garbage(&mut rng);
            let fds = vec![event.0.as_fd(); rng.below(4) as usize * rng.below(2) as usize];
            if send_some(&client, &bytes, &fds).is_err() {
                break;
            }
        }
        if seed % 2 == 0 {
            client.socket.shutdown(std::net::Shutdown::Write).unwrap();
            assert!(client.is_closed(), "seed {seed}: neither answered nor closed");
        }
    }
    until(server.handle(), "the last one's end", |stats| !stats.connected);
    server.handle().control(&nova_sim_glue::serve::control::Request::Replug);
    check(server.handle());
}

fn send_some(client: &Client, bytes: &[u8], fds: &[std::os::fd::BorrowedFd<'_>]) -> std::io::Result<()> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    let parts = [std::io::IoSlice::new(bytes)];
    rustix::net::sendmsg(&client.socket, &parts, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Bytes that are a message, nearly one, or none.
fn garbage(rng: &mut Rng) -> Vec<u8> {
    let length = rng.below(200) as usize;
    let mut bytes: Vec<u8> = (0..length).map(|_| rng.next() as u8).collect();
    if rng.below(4) == 0 || length < HEADER_SIZE {
        return bytes;
    }
    // A header that leads to the body, with small numbers in it, where ranges are met.
    let size = if rng.below(4) == 0 { rng.below(400) as u32 } else { length as u32 };
    let command = rng.below(20) as u16;
    let flags = if rng.below(8) == 0 { rng.next() as u32 & 0x3f } else { (rng.below(2) as u32) << 4 };
    bytes[..HEADER_SIZE].copy_from_slice(&header(command, size, flags));
    for word in bytes[HEADER_SIZE..].chunks_exact_mut(4) {
        if rng.below(3) > 0 {
            let value = [0, 1, 4, 16, 20, 24, 32, 4096, 0x25][rng.below(9) as usize];
            word.copy_from_slice(&u32::to_le_bytes(value));
        }
    }
    bytes
}
