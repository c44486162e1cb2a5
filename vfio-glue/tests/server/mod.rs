//! A server of a test's own, which says what the test wants it to say.
#![allow(unreachable_pub, reason = "a module of a test")]
#![allow(dead_code, reason = "every test uses its part")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use nova_backends::vfio_user::{
    Capabilities, DeviceFlags, DeviceInfo, HEADER_SIZE, Header, IrqFlags, IrqInfo, Limits, RegionCaps,
    RegionFlags, RegionInfo, Reply, Request, Version,
};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tempfile::TempDir;

/// Size of every region.
pub const SIZE: u64 = 16 << 20;

/// A server for one connection.
pub struct Scripted {
    _folder: TempDir,
    path: PathBuf,
    thread: JoinHandle<()>,
}

impl Scripted {
    /// Listens, and does with the first connection what the script says.
    pub fn start(script: impl FnOnce(UnixStream) + Send + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("a socket");
        let thread = thread::spawn(move || script(listener.accept().expect("a client").0));
        Self { _folder: folder, path, thread }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the end of the script.
    pub fn join(self) {
        self.thread.join().expect("the script ends well");
    }
}

/// One message; `None` when the client has closed.
pub fn receive(stream: &mut UnixStream) -> Option<(Header, Vec<u8>)> {
    let mut head = [0; HEADER_SIZE];
    stream.read_exact(&mut head).ok()?;
    let header = Header::decode(&head, &Limits::default()).expect("a header");
    let mut body = vec![0; header.body_size()];
    stream.read_exact(&mut body).ok()?;
    Some((header, body))
}

pub fn send(stream: &mut UnixStream, request: &Header, reply: &Reply<'_>) {
    let mut out = vec![0; 8192];
    let len = reply.encode(request, &mut out).expect("fits");
    stream.write_all(&out[..len]).expect("sends");
}

/// Sends an answer with a file.
pub fn send_with(stream: &UnixStream, request: &Header, reply: &Reply<'_>, file: impl std::os::fd::AsFd) {
    let mut out = vec![0; 8192];
    let len = reply.encode(request, &mut out).expect("fits");
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [file.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    let sent = sendmsg(stream, &[std::io::IoSlice::new(&out[..len])], &mut control, SendFlags::empty());
    assert_eq!(sent, Ok(len));
}

/// Does as it should until the client has asked for everything there is to know: nine regions, five kinds of interrupt.
pub fn welcome(stream: &mut UnixStream) {
    welcome_with(stream, |stream, header, index| {
        let flags = RegionFlags::READ | RegionFlags::WRITE;
        send(
            stream,
            header,
            &Reply::DeviceGetRegionInfo(RegionInfo::new(index, flags, SIZE, 0, RegionCaps::NONE)),
        );
    });
}

/// The same when the version was answered already.
pub fn welcome_after_version(stream: &mut UnixStream) {
    answer(stream, 1 + 9 + 5, |stream, header, index| {
        let info = RegionInfo::new(index, RegionFlags::READ, SIZE, 0, RegionCaps::NONE);
        send(stream, header, &Reply::DeviceGetRegionInfo(info));
    });
}

/// The same with regions of the test's own.
pub fn welcome_with(stream: &mut UnixStream, region: impl FnMut(&mut UnixStream, &Header, u32)) {
    answer(stream, 2 + 9 + 5, region);
}

fn answer(stream: &mut UnixStream, questions: u32, mut region: impl FnMut(&mut UnixStream, &Header, u32)) {
    for _ in 0..questions {
        let (header, body) = receive(stream).expect("a question");
        let reply = match Request::decode(&header, &body, 0, &Limits::default()).expect("a request") {
            Request::Version(_) => {
                Reply::Version(Version::new(Capabilities { max_msg_fds: 8, ..Default::default() }))
            }
            Request::DeviceGetInfo { .. } => Reply::DeviceGetInfo(DeviceInfo {
                flags: DeviceFlags::PCI | DeviceFlags::RESET,
                num_regions: 9,
                num_irqs: 5,
            }),
            Request::DeviceGetRegionInfo { index, .. } => {
                region(stream, &header, index);
                continue;
            }
            Request::DeviceGetIrqInfo { index, .. } => {
                Reply::DeviceGetIrqInfo(IrqInfo { flags: IrqFlags::EVENTFD, index, count: 1 })
            }
            other => panic!("{other:?}"),
        };
        send(stream, &header, &reply);
    }
}
