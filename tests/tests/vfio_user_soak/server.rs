//! A whole server, at the other end of sockets: many messages in each write, as fast as it takes them.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nova_backends::vfio_user::{
    Capabilities, Command, Frame, HEADER_SIZE, Kind, Limits, Reply, Request, Version,
};
use nova_sim_glue::Rng;
use nova_sim_glue::serve::{ServeOptions, Server};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::Run;
use crate::generate::{Source, Store};
use crate::messages::{LONGEST, command, damage, decisions, near};
use crate::process::Watch;

/// Longer than anything takes that does not hang.
const DEADLINE: Duration = Duration::from_mins(1);
/// Messages on one connection, and bytes in a write.
const MESSAGES: u64 = 5000;
const BATCH: usize = 16 << 10;
/// File descriptors with one message.
const MOST_FDS: usize = 16;

/// What the server and its clients counted.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "printed as a whole")]
pub(crate) struct Found {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) answered: u64,
    connections: u64,
    out_of_step: u64,
}

pub(crate) fn soak(run: Run, watch: &mut Watch) -> Found {
    let mut options = ServeOptions::new("ga102".parse().expect("a chip"));
    options.patience = DEADLINE;
    let server = Server::unbound(&options).and_then(Server::spawn).expect("a server");
    let (mut connections, mut answered) = (0, 0);
    loop {
        let counted = server.handle().stats().server;
        if counted.requests >= run.messages / 10 {
            watch.warm();
        }
        if counted.requests >= run.messages {
            let (requests, failed, out_of_step) = (counted.requests, counted.failed, counted.out_of_step);
            assert_eq!(counted.stalled, 0, "nobody stalls here");
            server.join().expect("an orderly end");
            return Found { requests, failed, answered, connections, out_of_step };
        }
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        server.handle().attach(theirs);
        let seed = run.seed.wrapping_add(connections);
        let left = (run.messages - counted.requests).min(MESSAGES);
        answered += std::thread::scope(|scope| {
            let reader = scope.spawn(|| read_all(&ours, seed));
            Writer::new(&ours).write_all(Rng::new(seed), left);
            reader.join().expect("the reader's own message")
        });
        connections += 1;
    }
}

struct Writer<'a> {
    socket: &'a UnixStream,
    batch: Vec<u8>,
    memory: OwnedFd,
    event: OwnedFd,
}

impl<'a> Writer<'a> {
    fn new(socket: &'a UnixStream) -> Self {
        socket.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        let memory = memfd_create("soak", MemfdFlags::CLOEXEC).expect("a file");
        ftruncate(&memory, 1 << 16).expect("a longer file");
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).expect("an eventfd");
        Self { socket, batch: Vec::with_capacity(BATCH + LONGEST), memory, event }
    }

    /// A version and so many messages, unless the server has enough before.
    fn write_all(mut self, mut rng: Rng, messages: u64) {
        let mut buffer = vec![0; LONGEST];
        let version = Version::new(Capabilities { write_multiple: true, ..Capabilities::default() });
        let length = Request::Version(version).encode(0, false, &mut buffer).expect("it fits");
        self.batch.extend_from_slice(&buffer[..length]);
        for message in 0..messages {
            let bytes = decisions(&mut rng);
            let mut source = Source(&bytes);
            let store = Store::new(&mut source);
            let (request, fds) = store.request(command(&mut rng), &mut source);
            let request = near(request, &mut rng);
            let no_reply = rng.below(16) == 0;
            let length = request.encode(message as u16, no_reply, &mut buffer).expect("it fits");
            damage(&mut buffer[..length], &mut rng);
            let sent = if fds > 0 {
                self.with_files(&buffer[..length], &request, fds)
            } else {
                self.add(&buffer[..length])
            };
            if sent.is_err() {
                break;
            }
        }
        // The server may have closed already; then there is nothing to send, and nothing to shut down.
        let _ = self.flush();
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    fn add(&mut self, message: &[u8]) -> std::io::Result<()> {
        self.batch.extend_from_slice(message);
        if self.batch.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let mut socket = self.socket;
        let sent = socket.write_all(&self.batch);
        self.batch.clear();
        sent.inspect_err(expected)
    }

    fn with_files(&mut self, message: &[u8], request: &Request<'_>, count: usize) -> std::io::Result<()> {
        self.flush()?;
        let file: BorrowedFd<'_> = match request {
            Request::DmaMap(_) => self.memory.as_fd(),
            _ => self.event.as_fd(),
        };
        let files = vec![file; count.min(MOST_FDS)];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&files)));
        let sent = sendmsg(self.socket, &[IoSlice::new(message)], &mut control, SendFlags::NOSIGNAL);
        let sent = sent.map_err(std::io::Error::from).inspect_err(expected)?;
        let mut socket = self.socket;
        socket.write_all(&message[sent..]).inspect_err(expected)
    }
}

/// Closing is an answer to what the server could not understand. Silence is not.
fn expected(error: &std::io::Error) {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    assert!(
        matches!(error.kind(), BrokenPipe | ConnectionReset),
        "the server takes nothing any more: {error}"
    );
}

/// Reads answers to the end of the connection; each is one that a client can read. Gives how many there were.
fn read_all(mut socket: &UnixStream, seed: u64) -> u64 {
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let limits = Limits::default();
    let mut input = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    let mut answers = 0;
    loop {
        match socket.read(&mut chunk) {
            // What it had not read when it closed comes back as a reset.
            Ok(0) => return answers,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return answers,
            Err(error) => panic!("seed {seed}: neither an answer nor an end: {error}"),
            Ok(count) => input.extend_from_slice(&chunk[..count]),
        }
        let mut used = 0;
        while let Frame::Whole { header, body, .. } = Frame::split(&input[used..], &limits).expect("a frame")
        {
            match Command::from_number(header.command) {
                Ok(command) => {
                    Reply::decode(command, &header, body, 1, &limits).expect("an answer of the protocol");
                }
                Err(_) => assert!(matches!(header.kind, Kind::Error(_)), "seed {seed}: {header:?}"),
            }
            answers += 1;
            used += HEADER_SIZE + body.len();
        }
        input.drain(..used);
    }
}
