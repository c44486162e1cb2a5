//! Arbitrary bytes to a whole vfio-user server: as a stream, cut where the bytes say, with files where they say.
//!
//! The first byte says whether a version is agreed on before. Then each piece has a byte for its length and one for the
//! files that come with it. The server lives as long as the process, as servers do; every input is a client of its own.
#![no_main]

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::time::Duration;

use nova_backends::vfio_user::{Capabilities, Request, Version};
use nova_sim_glue::serve::{Running, ServeOptions, Server};
use rustix::event::{EventfdFlags, eventfd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

const DEADLINE: Duration = Duration::from_secs(20);
const MOST_FDS: usize = 20;

static SERVER: OnceLock<(Running, OwnedFd)> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (server, event) = SERVER.get_or_init(|| {
        let options = ServeOptions::new("ga102".parse().expect("a chip"));
        let server = Server::unbound(&options).and_then(Server::spawn).expect("a server");
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).expect("an eventfd");
        (server, event)
    });
    let Some((first, mut rest)) = bytes.split_first() else { return };
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    ours.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    ours.set_write_timeout(Some(DEADLINE)).expect("a timeout");
    server.handle().attach(theirs);
    let reader = ours.try_clone().expect("a file descriptor");
    // Answers are taken meanwhile: nobody waits for anybody.
    let reader = std::thread::spawn(move || drain(reader));
    let mut talk = || -> std::io::Result<()> {
        if first & 1 == 0 {
            agree(&ours)?;
        }
        while let [length, files, after @ ..] = rest {
            let (piece, after) = after.split_at(after.len().min(usize::from(*length)));
            let files = usize::from(files.saturating_sub(128)) % (MOST_FDS + 1);
            send(&ours, piece, files, event)?;
            rest = after;
        }
        ours.shutdown(Shutdown::Write)
    };
    // The server may close, but not be silent.
    if let Err(error) = talk() {
        assert!(!matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{error}");
    }
    reader.join().expect("the server ends the connection");
});

fn agree(mut socket: &UnixStream) -> std::io::Result<()> {
    let mut out = [0; 1024];
    let version = Version::new(Capabilities { write_multiple: true, ..Capabilities::default() });
    let length = Request::Version(version).encode(0, false, &mut out).expect("it fits");
    socket.write_all(&out[..length])
}

fn send(mut socket: &UnixStream, piece: &[u8], files: usize, event: &OwnedFd) -> std::io::Result<()> {
    if files == 0 || piece.is_empty() {
        return socket.write_all(piece);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = vec![event.as_fd(); files];
    assert!(control.push(SendAncillaryMessage::ScmRights(&files)));
    let sent = sendmsg(socket, &[IoSlice::new(piece)], &mut control, SendFlags::NOSIGNAL)?;
    socket.write_all(&piece[sent..])
}

fn drain(mut socket: UnixStream) {
    let mut chunk = vec![0; 64 << 10];
    loop {
        match socket.read(&mut chunk) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
            Err(error) => panic!("neither an answer nor an end: {error}"),
        }
    }
}
