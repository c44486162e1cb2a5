//! Servers that break the protocol: a typed error within the deadline, no hang, no panic, and no file of theirs kept.

mod server;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use nova_backends::vfio_user::{
    Capabilities, Command, DmaAccess, Errno, Header, Kind as Type, RegionData, Reply, Request, Version,
};
use nova_vfio_glue::device::{Device, Error, Kind, irq, region};
use nova_vfio_glue::user::{Options, UserDevice};
use server::{Scripted, receive, send, welcome};

/// Where the deadline is the subject. Each question has one, so the machine may be busy, within limits.
const DEADLINE: Duration = Duration::from_secs(1);
/// Where it is not.
const LONG: Duration = Duration::from_secs(50);
/// What a busy machine may add.
const GRACE: Duration = Duration::from_secs(20);

fn connect(server: &Scripted) -> Result<UserDevice, Error> {
    connect_for(server, LONG)
}

fn connect_for(server: &Scripted, deadline: Duration) -> Result<UserDevice, Error> {
    UserDevice::connect(server.path(), &Options { deadline })
}

/// What a read of a register gives, of a server that does as it should until then, and then `does`.
fn read_of(does: impl FnOnce(&mut UnixStream, Header) + Send + 'static) -> Error {
    read_for(LONG, does)
}

fn read_for(deadline: Duration, does: impl FnOnce(&mut UnixStream, Header) + Send + 'static) -> Error {
    let server = Scripted::start(move |mut stream| {
        welcome(&mut stream);
        let (header, _) = receive(&mut stream).expect("a read");
        assert_eq!(header.command, Command::RegionRead.number());
        does(&mut stream, header);
        // Keeps the connection open until the client has given it up.
        let _ = stream.read(&mut [0; 1]);
    });
    let device = connect_for(&server, deadline).expect("connects");
    let start = Instant::now();
    let error = device.read(region::BAR0, 0, &mut [0; 4]).expect_err("no answer");
    assert!(start.elapsed() < deadline + GRACE, "{:?}", start.elapsed());
    assert!(device.is_gone(), "{error}");
    let again = device.read(region::BAR0, 0, &mut [0; 4]).expect_err("gone");
    assert_eq!(again.kind(), Kind::Gone);
    drop(device);
    server.join();
    error
}

/// The right answer, as bytes.
fn right(header: &Header) -> Vec<u8> {
    let mut out = vec![0; 64];
    let data = RegionData { offset: 0, region: region::BAR0, data: &[1, 2, 3, 4] };
    let len = Reply::RegionRead(data).encode(header, &mut out).expect("fits");
    out.truncate(len);
    out
}

fn assert_protocol(error: &Error) {
    assert_eq!(error.kind(), Kind::Protocol, "{error}");
    assert!(error.to_string().contains("reading of a region"), "{error}");
}

#[test]
fn silence_ends_at_the_deadline() {
    let start = Instant::now();
    assert_eq!(read_for(DEADLINE, |_, _| ()).kind(), Kind::Timeout);
    assert!(start.elapsed() >= DEADLINE);
}

#[test]
fn half_an_answer_and_then_silence_ends_at_the_deadline() {
    for len in [1, 16, 35] {
        let error = read_for(DEADLINE, move |stream, header| {
            stream.write_all(&right(&header)[..len]).expect("sends");
        });
        assert_eq!(error.kind(), Kind::Timeout, "{len}: {error}");
    }
}

#[test]
fn a_byte_now_and_then_does_not_move_the_deadline() {
    let error = read_for(DEADLINE, |stream, header| {
        for byte in right(&header) {
            thread::sleep(DEADLINE / 8);
            if stream.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    assert_eq!(error.kind(), Kind::Timeout, "{error}");
}

#[test]
fn questions_without_end_do_not_move_the_deadline() {
    let error = read_for(DEADLINE, |stream, _| {
        let mut out = [0; 64];
        let request = Request::DmaRead(DmaAccess { address: 0, count: 4 });
        let len = request.encode(9, false, &mut out).expect("fits");
        // Its answers are read as well, or the client would wait for room.
        while stream.write_all(&out[..len]).is_ok() && receive(stream).is_some() {}
    });
    assert_eq!(error.kind(), Kind::Timeout, "{error}");
}

#[test]
fn a_server_that_closes_is_gone() {
    for len in [0, 7, 20] {
        let error = read_of(move |stream, header| {
            stream.write_all(&right(&header)[..len]).expect("sends");
            stream.shutdown(std::net::Shutdown::Write).expect("closes");
        });
        assert_eq!(error.kind(), Kind::Gone, "{len}: {error}");
    }
}

#[test]
fn answers_to_something_else_are_refused() {
    let changes: [fn(&mut Header); 3] = [
        |header| header.id = header.id.wrapping_add(1),
        |header| header.command = Command::RegionWrite.number(),
        |header| header.command = 999,
    ];
    for change in changes {
        assert_protocol(&read_of(move |stream, mut header| {
            change(&mut header);
            stream.write_all(&right(&header)).expect("sends");
        }));
    }
}

#[test]
fn answers_of_another_size_are_refused() {
    for size in [0, 15, u32::MAX, 1 << 30] {
        assert_protocol(&read_of(move |stream, header| {
            let reply = Header { size, ..header.reply() };
            stream.write_all(&reply.encode()).expect("sends");
        }));
    }
    // Shorter and longer than its own count.
    for len in [32, 34, 40] {
        assert_protocol(&read_of(move |stream, header| {
            let mut bytes = right(&header);
            bytes.resize(len, 0);
            bytes[4..8].copy_from_slice(&(len as u32).to_le_bytes());
            stream.write_all(&bytes).expect("sends");
        }));
    }
}

#[test]
fn data_of_another_place_is_refused() {
    let places = [(4, region::BAR0, 4), (0, region::BAR1, 4), (0, region::BAR0, 2), (0, region::BAR0, 8)];
    for (offset, region, count) in places {
        assert_protocol(&read_of(move |stream, header| {
            let data = vec![0; count];
            send(stream, &header, &Reply::RegionRead(RegionData { offset, region, data: &data }));
        }));
    }
}

#[test]
fn files_that_come_with_data_are_closed() {
    let (mut kept, passed) = UnixStream::pair().expect("two ends");
    let server = Scripted::start(move |mut stream| {
        welcome(&mut stream);
        let (header, _) = receive(&mut stream).expect("a read");
        let data = RegionData { offset: 0, region: region::BAR0, data: &[1, 2, 3, 4] };
        server::send_with(&stream, &header, &Reply::RegionRead(data), &passed);
        let _ = stream.read(&mut [0; 1]);
    });
    let device = connect(&server).expect("connects");
    let mut data = [0; 4];
    device.read(region::BAR0, 0, &mut data).expect("an answer");
    assert_eq!(data, [1, 2, 3, 4]);
    drop(device);
    // The server's own descriptor goes with its script.
    server.join();
    kept.set_read_timeout(Some(LONG)).expect("a limit");
    assert_eq!(kept.read(&mut [0; 1]).expect("nobody has the other end"), 0);
}

#[test]
fn flags_that_are_none_are_refused() {
    for flags in [2_u32, 0x11, 0x20, 0xffff_ffff] {
        assert_protocol(&read_of(move |stream, header| {
            let mut bytes = right(&header);
            bytes[8..12].copy_from_slice(&flags.to_le_bytes());
            stream.write_all(&bytes).expect("sends");
        }));
    }
}

#[test]
fn a_refusal_is_an_error_and_the_device_stays() {
    let server = Scripted::start(|mut stream| {
        welcome(&mut stream);
        for errno in [Errno::EINVAL, Errno(0), Errno(u32::MAX)] {
            let (header, _) = receive(&mut stream).expect("a read");
            send(&mut stream, &header, &Reply::Error(errno));
        }
        let (header, _) = receive(&mut stream).expect("a read");
        stream.write_all(&right(&header)).expect("sends");
    });
    let device = connect(&server).expect("connects");
    let mut bytes = [0; 4];
    for errno in [rustix::io::Errno::INVAL, rustix::io::Errno::IO, rustix::io::Errno::IO] {
        let refused = Error::Refused { what: "reading of a region", errno };
        assert_eq!(device.read(region::BAR0, 0, &mut bytes), Err(refused));
    }
    device.read(region::BAR0, 0, &mut bytes).expect("reads");
    assert_eq!(bytes, [1, 2, 3, 4]);
    server.join();
}

#[test]
fn a_handshake_that_is_none_is_refused() {
    type Answer = fn(&mut UnixStream, Header);
    let answers: [(Answer, Kind); 5] = [
        (|_, _| (), Kind::Timeout),
        (|stream, header| send(stream, &header, &Reply::Error(Errno::EINVAL)), Kind::Other),
        (
            |stream, header| {
                let version = Version { major: 7, ..Version::new(Capabilities::default()) };
                send(stream, &header, &Reply::Version(version));
            },
            Kind::Protocol,
        ),
        (
            |stream, header| {
                let text = b"\x00\x00\x01\x00{\"capabilities\":{\"max_msg_fds\":\0";
                let reply = Header { size: (16 + text.len()) as u32, ..header.reply() };
                stream.write_all(&[&reply.encode()[..], text].concat()).expect("sends");
            },
            Kind::Protocol,
        ),
        (|stream, _| stream.write_all(&[0xff; 4096]).expect("sends"), Kind::Protocol),
    ];
    for (answer, kind) in answers {
        let server = Scripted::start(move |mut stream| {
            let (header, _) = receive(&mut stream).expect("a version");
            answer(&mut stream, header);
            let _ = stream.read(&mut [0; 1]);
        });
        let deadline = if kind == Kind::Timeout { DEADLINE } else { LONG };
        let error = connect_for(&server, deadline).expect_err("no handshake");
        assert_eq!(error.kind(), kind, "{error}");
        server.join();
    }
}

#[test]
fn requests_of_the_server_are_answered_while_an_answer_is_waited_for() {
    let server = Scripted::start(|mut stream| {
        welcome(&mut stream);
        let (header, _) = receive(&mut stream).expect("a read");
        // Memory that nobody gave it, something a client does not do, and something that is no command.
        let asked = [
            Request::DmaRead(DmaAccess { address: 0x1000, count: 8 }),
            Request::DmaWrite { address: u64::MAX, data: &[1] },
            Request::DeviceReset,
        ];
        for (id, request) in (100..).zip(&asked) {
            let mut out = [0; 64];
            let len = request.encode(id, false, &mut out).expect("fits");
            stream.write_all(&out[..len]).expect("sends");
            let (answer, _) = receive(&mut stream).expect("an answer");
            assert_eq!((answer.id, answer.command), (id, request.command().number()));
            assert!(matches!(answer.kind, Type::Error(_)), "{answer:?}");
        }
        stream.write_all(&right(&header)).expect("sends");
    });
    let device = connect(&server).expect("connects");
    let mut bytes = [0; 4];
    device.read(region::BAR0, 0, &mut bytes).expect("reads");
    assert_eq!(bytes, [1, 2, 3, 4]);
    server.join();
}

#[test]
fn no_server_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nobody");
    let error = UserDevice::connect(&path, &Options::default()).expect_err("nobody");
    assert!(error.to_string().contains("nobody"), "{error}");
}

/// What can be mapped of BAR0 when the server passes this file with it.
fn mappable(file: &rustix::fd::OwnedFd, offset: u64) -> Vec<nova_vfio_glue::device::Area> {
    use nova_backends::vfio_user::{RegionCaps, RegionFlags, RegionInfo};
    let file = file.try_clone().expect("a descriptor");
    let server = Scripted::start(move |mut stream| {
        server::welcome_with(&mut stream, |stream, header, index| {
            let flags = RegionFlags::READ | RegionFlags::WRITE | RegionFlags::MMAP;
            let info = RegionInfo::new(index, flags, server::SIZE, offset, RegionCaps::NONE);
            server::send_with(stream, header, &Reply::DeviceGetRegionInfo(info), &file);
        });
        let _ = stream.read(&mut [0; 1]);
    });
    let device = connect(&server).expect("connects");
    let region = device.region(region::BAR0).expect("BAR0");
    for area in &region.mappable {
        assert_eq!(device.map(region::BAR0, *area).expect("maps").len() as u64, area.len);
    }
    drop(device);
    server.join();
    region.mappable
}

#[test]
fn a_file_is_mapped_only_if_it_has_the_bytes_for_ever() {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
    let file = memfd_create("window", MemfdFlags::ALLOW_SEALING).expect("a file");
    ftruncate(&file, server::SIZE).expect("its size");
    assert_eq!(mappable(&file, 0), [], "whoever can shrink it can end this process");
    fcntl_add_seals(&file, SealFlags::SHRINK).expect("sealed");
    let whole = nova_vfio_glue::device::Area { offset: 0, len: server::SIZE };
    assert_eq!(mappable(&file, 0), [whole]);
    assert_eq!(mappable(&file, 4096), [], "too short by a page");
    let no_file = std::fs::File::open("/dev/null").expect("a file").into();
    assert_eq!(mappable(&no_file, 0), [], "not a file with bytes");
}

#[test]
fn a_twin_socket_is_attended_while_nobody_asks_anything() {
    use nova_backends::vfio_user::TwinSocket;
    use nova_vfio_glue::device::Memory;
    use nova_vfio_glue::host::{Event, Runtime};
    use std::sync::{Arc, mpsc};
    let (ready, wait) = mpsc::channel::<()>();
    let server = Scripted::start(move |mut stream| {
        let (header, _) = receive(&mut stream).expect("a version");
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let twin_socket = TwinSocket { supported: true, fd_index: Some(0) };
        let version = Version::new(Capabilities { twin_socket, ..Capabilities::default() });
        server::send_with(&stream, &header, &Reply::Version(version), &theirs);
        drop(theirs);
        server::welcome_after_version(&mut stream);
        for _ in [irq::ERROR, irq::REQUEST] {
            let (header, _) = receive(&mut stream).expect("an eventfd");
            send(&mut stream, &header, &Reply::DeviceSetIrqs);
        }
        let (header, _) = receive(&mut stream).expect("a mapping");
        send(&mut stream, &header, &Reply::DmaMap);
        wait.recv().expect("the reactor watches");
        let mut ask = |id, request: Request<'_>| {
            let mut out = [0; 64];
            let len = request.encode(id, false, &mut out).expect("fits");
            ours.write_all(&out[..len]).expect("asks");
            receive(&mut ours).expect("an answer")
        };
        let (header, _) = ask(1, Request::DmaWrite { address: 0x10_0004, data: &[1, 2, 3] });
        assert_eq!((header.id, header.kind), (1, Type::Reply));
        let (_, body) = ask(2, Request::DmaRead(DmaAccess { address: 0x10_0003, count: 5 }));
        assert_eq!(body[16..], [0, 1, 2, 3, 0]);
        let (header, _) = ask(3, Request::DmaRead(DmaAccess { address: 0x10_0ffc, count: 5 }));
        assert_eq!(header.kind, Type::Error(Errno::EFAULT), "past its end");
        // Garbage ends it.
        ours.write_all(&[0xff; 64]).expect("sends");
        let _ = stream.read(&mut [0; 1]);
    });
    let device: Arc<dyn Device> = Arc::new(connect(&server).expect("connects"));
    let runtime = Runtime::start(1).expect("threads");
    let plug = runtime.plug(&device).expect("a plug");
    let (told, events) = mpsc::channel();
    plug.on_event(move |event| {
        let _ = told.send(event);
    });
    let memory = Arc::new(Memory::new(4096).expect("memory"));
    device.map_dma(&memory, 0x10_0000).expect("maps");
    ready.send(()).expect("waits");
    assert_eq!(events.recv_timeout(GRACE), Ok(Event::Lost));
    assert!(device.is_gone());
    let mut bytes = [0; 3];
    memory.read(4, &mut bytes).expect("reads");
    assert_eq!(bytes, [1, 2, 3]);
    drop((device, plug));
    server.join();
}

#[test]
fn a_file_that_cannot_be_mapped_leaves_messages() {
    use nova_backends::vfio_user::{RegionCaps, RegionFlags, RegionInfo};
    use nova_core::bus::{Bus as _, Offset};
    use nova_vfio_glue::bus::AnyBus;
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
    // Sealed against writing, too, which nobody sees before it is mapped.
    let file = memfd_create("window", MemfdFlags::ALLOW_SEALING).expect("a file");
    ftruncate(&file, server::SIZE).expect("its size");
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::WRITE).expect("sealed");
    let server = Scripted::start(move |mut stream| {
        server::welcome_with(&mut stream, |stream, header, index| {
            let flags = RegionFlags::READ | RegionFlags::WRITE | RegionFlags::MMAP;
            let info = RegionInfo::new(index, flags, server::SIZE, 0, RegionCaps::NONE);
            server::send_with(stream, header, &Reply::DeviceGetRegionInfo(info), &file);
        });
        let (header, _) = receive(&mut stream).expect("a read");
        stream.write_all(&right(&header)).expect("sends");
    });
    let device: std::sync::Arc<dyn Device> = std::sync::Arc::new(connect(&server).expect("connects"));
    let bus = AnyBus::new(device).expect("a bus");
    assert!(!bus.is_mapped());
    assert_eq!(bus.read32(Offset::new(0).expect("an offset")), Ok(0x0403_0201));
    server.join();
}

#[test]
fn a_flood_of_requests_leaves_the_others_their_turn() {
    use nova_backends::vfio_user::TwinSocket;
    use std::sync::mpsc;
    const ASKED: u16 = 100;
    let (ready, wait) = mpsc::channel::<()>();
    let (attended, once) = mpsc::channel::<()>();
    let (counted, seen) = mpsc::channel();
    let server = Scripted::start(move |mut stream| {
        let (header, _) = receive(&mut stream).expect("a version");
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let twin_socket = TwinSocket { supported: true, fd_index: Some(0) };
        let version = Version::new(Capabilities { twin_socket, ..Capabilities::default() });
        server::send_with(&stream, &header, &Reply::Version(version), &theirs);
        drop(theirs);
        server::welcome_after_version(&mut stream);
        for id in 0..ASKED {
            let mut out = [0; 64];
            let request = Request::DmaRead(DmaAccess { address: 0x1000, count: 8 });
            let len = request.encode(id, false, &mut out).expect("fits");
            ours.write_all(&out[..len]).expect("asks");
        }
        ready.send(()).expect("listened to");
        once.recv().expect("attended to once");
        ours.set_nonblocking(true).expect("does not block");
        let answered = std::iter::from_fn(|| receive(&mut ours)).count();
        counted.send(answered).expect("listened to");
        ours.set_nonblocking(false).expect("blocks");
        for _ in answered..ASKED.into() {
            receive(&mut ours).expect("an answer");
        }
        // Keeps the connection open until the client has ended it.
        let _ = stream.read(&mut [0; 1]);
    });
    let device = connect(&server).expect("connects");
    wait.recv().expect("asked");
    device.attend().expect("attends");
    attended.send(()).expect("listened to");
    let answered = seen.recv_timeout(GRACE).expect("counted");
    assert!((1..usize::from(ASKED)).contains(&answered), "{answered} at once");
    for _ in 0..ASKED {
        device.attend().expect("attends");
    }
    drop(device);
    server.join();
}
