//! One end of the connection: whole messages out and in, within a deadline.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nova_backends::vfio_user::{Frame, HEADER_SIZE, Header, Limits, Reply, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, recv,
    recvmsg, send, sendmsg, shutdown, socket_with,
};
use rustix::thread::sched_yield;

use crate::device::Error;

/// Most file descriptors in one message, in either direction; more that come are closed by the kernel.
pub(super) const MOST_FDS: usize = 16;
/// How often the rest of a message is looked for before it is waited for.
const HURRIED: u32 = 3;

/// A connected socket.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

/// The buffers of a connection. Who has them may send and receive.
#[derive(Debug)]
pub(super) struct Buffers {
    input: Vec<u8>,
    /// Bytes of `input` that have been received and not been looked at.
    filled: usize,
    output: Vec<u8>,
    /// File descriptors that came since the last whole message.
    fds: Vec<OwnedFd>,
    pub(super) limits: Limits,
}

/// A message that was received; its body is in the buffers.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) header: Header,
    pub(super) body: &'a [u8],
    pub(super) fds: Vec<OwnedFd>,
}

impl Socket {
    /// Connects to a server.
    pub(super) fn connect(path: &Path, deadline: Duration) -> Result<Self, Error> {
        let fail = |errno| Error::Open { path: path.to_owned(), errno };
        let address = SocketAddrUnix::new(path).map_err(fail)?;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let socket = Self(socket.map_err(fail)?);
        socket.limit(deadline).map_err(fail)?;
        connect(&socket.0, &address).map_err(fail)?;
        Ok(socket)
    }

    /// An end that was passed to us.
    pub(super) fn passed(file: OwnedFd, deadline: Duration) -> Result<Self, Errno> {
        let socket = Self(file);
        socket.limit(deadline)?;
        Ok(socket)
    }

    /// No call blocks for longer.
    fn limit(&self, deadline: Duration) -> Result<(), Errno> {
        set_socket_timeout(&self.0, Timeout::Recv, Some(deadline))?;
        set_socket_timeout(&self.0, Timeout::Send, Some(deadline))
    }

    /// Ends the connection for both sides; whoever waits for it wakes up.
    pub(super) fn end(&self) {
        // It fails when the other side has done it already.
        let _ = shutdown(&self.0, Shutdown::Both);
    }

    fn send(&self, mut bytes: &[u8], mut fds: &[BorrowedFd<'_>], clock: Deadline) -> Result<(), Failure> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
        while !bytes.is_empty() {
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
                return Err(Failure::Broken("more file descriptors than a message takes".to_owned()));
            }
            // Most messages have none, and the plain call has less to copy.
            let sent = if fds.is_empty() {
                send(&self.0, bytes, SendFlags::NOSIGNAL)
            } else {
                sendmsg(&self.0, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
            };
            match sent {
                Ok(0) => return Err(Failure::Closed),
                Ok(sent) => {
                    bytes = bytes.get(sent..).unwrap_or_default();
                    fds = &[];
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(of(errno)),
            }
            if !bytes.is_empty() {
                clock.left()?;
            }
        }
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Buffers {
    pub(super) fn new(limits: Limits) -> Self {
        Self { input: vec![0; 4096], filled: 0, output: vec![0; 4096], fds: Vec::new(), limits }
    }

    /// Sends a request.
    pub(super) fn request(
        &mut self,
        socket: &Socket,
        id: u16,
        request: &Request<'_>,
        fds: &[BorrowedFd<'_>],
        clock: Deadline,
    ) -> Result<(), Failure> {
        let len = self.encode(|out| request.encode(id, false, out))?;
        socket.send(&self.output[..len], fds, clock)
    }

    fn encode(
        &mut self,
        write: impl Fn(&mut [u8]) -> Result<usize, nova_backends::vfio_user::EncodeError>,
    ) -> Result<usize, Failure> {
        use nova_backends::vfio_user::EncodeError;
        match write(&mut self.output) {
            Ok(len) => Ok(len),
            Err(EncodeError::TooSmall { needed, .. }) => {
                self.output.resize(needed, 0);
                write(&mut self.output).map_err(|error| Failure::Broken(error.to_string()))
            }
            Err(error) => Err(Failure::Broken(error.to_string())),
        }
    }

    /// Sends the answer to a request of the server's.
    pub(super) fn reply(
        &mut self,
        socket: &Socket,
        request: &Header,
        reply: &Reply<'_>,
        clock: Deadline,
    ) -> Result<(), Failure> {
        let len = self.encode(|out| reply.encode(request, out))?;
        socket.send(&self.output[..len], &[], clock)
    }

    /// Waits for one message.
    pub(super) fn receive(
        &mut self,
        socket: &Socket,
        expected: &Expected,
        clock: Deadline,
    ) -> Result<Message<'_>, Failure> {
        let mut first = true;
        // The rest of a message that has begun is as good as there: falling asleep would take longer than it does.
        let mut hurried = 0;
        let whole = loop {
            let more = match self.split()? {
                Ok(len) => break len,
                // Not past the message, so that what else comes with a byte belongs to the same message.
                Err(more) => {
                    if first && self.filled == 0 {
                        more.max(HEADER_SIZE + expected.body)
                    } else {
                        more
                    }
                }
            };
            if !first && hurried < HURRIED {
                hurried += 1;
                match self.fill(socket, more, RecvFlags::DONTWAIT, expected.fds) {
                    Err(Failure::Silent) => sched_yield(),
                    other => other?,
                }
                continue;
            }
            // The socket's own limit is near enough while hardly any time has gone, and saves a call.
            if !std::mem::take(&mut first) && !clock.is_fresh() {
                wait(socket, clock)?;
            }
            self.fill(socket, more, RecvFlags::empty(), expected.fds)?;
        };
        self.take(whole)
    }

    /// A whole message if there is one, without waiting.
    pub(super) fn poll(&mut self, socket: &Socket) -> Result<Option<Message<'_>>, Failure> {
        loop {
            let more = match self.split()? {
                Ok(len) => return self.take(len).map(Some),
                Err(more) => more,
            };
            match self.fill(socket, more, RecvFlags::DONTWAIT, true) {
                Err(Failure::Silent) => return Ok(None),
                other => other?,
            }
        }
    }

    /// The length of the message at the start, or how many bytes it needs more.
    fn split(&self) -> Result<Result<usize, usize>, Failure> {
        let bytes = self.input.get(..self.filled).unwrap_or_default();
        match Frame::split(bytes, &self.limits) {
            Ok(Frame::Whole { header, .. }) => Ok(Ok(header.size as usize)),
            Ok(Frame::Incomplete { more }) => Ok(Err(more)),
            Err(error) => Err(Failure::Broken(error.to_string())),
        }
    }

    /// Receives at most `more` bytes, and file descriptors if `fds`.
    fn fill(&mut self, socket: &Socket, more: usize, flags: RecvFlags, fds: bool) -> Result<(), Failure> {
        let end = self.filled.saturating_add(more);
        if self.input.len() < end {
            // Bounded: a frame is never longer than our own limit.
            self.input.resize(end, 0);
        }
        let received = loop {
            let into = &mut self.input[self.filled..end];
            let received = if fds {
                receive_with_fds(socket, into, flags, &mut self.fds)
            } else {
                // The plain call has less to copy. The kernel closes what files come with it.
                recv(&socket.0, into, flags).map(|(len, _)| len).map_err(of)
            };
            match received {
                Err(Failure::System(Errno::INTR)) => {}
                other => break other?,
            }
        };
        if received == 0 {
            return Err(Failure::Closed);
        }
        self.filled += received;
        Ok(())
    }

    /// Takes the message of `len` bytes at the start out.
    fn take(&mut self, len: usize) -> Result<Message<'_>, Failure> {
        // Rarely more than one message is there; then the rest moves to the front, behind a copy of this one.
        let rest = self.filled.saturating_sub(len);
        if rest > 0 {
            self.input[..self.filled].rotate_left(len);
        }
        self.filled = rest;
        let bytes = self.input.get(rest..rest + len).unwrap_or_default();
        let fds = std::mem::take(&mut self.fds);
        match Frame::split(bytes, &self.limits) {
            Ok(Frame::Whole { header, body, .. }) => Ok(Message { header, body, fds }),
            _ => Err(Failure::Broken("a message that is none".to_owned())),
        }
    }
}

/// What a message probably is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// How long its body is.
    pub(super) body: usize,
    /// Whether file descriptors may come with it. Those that come otherwise are closed by the kernel.
    pub(super) fds: bool,
}

impl Expected {
    /// A message that is short, without file descriptors.
    pub(super) const SHORT: Self = Self { body: 0, fds: false };
    /// The same, with some.
    pub(super) const WITH_FDS: Self = Self { body: 0, fds: true };
}

/// Receives bytes and file descriptors.
fn receive_with_fds(
    socket: &Socket,
    into: &mut [u8],
    flags: RecvFlags,
    fds: &mut Vec<OwnedFd>,
) -> Result<usize, Failure> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(into)];
    let received = recvmsg(&socket.0, &mut parts, &mut control, flags | RecvFlags::CMSG_CLOEXEC);
    let received = received.map_err(of)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            fds.extend(more);
        }
    }
    if received.flags.contains(ReturnFlags::CTRUNC) || fds.len() > MOST_FDS {
        return Err(Failure::Broken(format!("more than {MOST_FDS} file descriptors in a message")));
    }
    Ok(received.bytes)
}

/// When a request has to have been answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    start: Instant,
    span: Duration,
}

impl Deadline {
    pub(super) fn after(span: Duration) -> Self {
        Self { start: Instant::now(), span }
    }

    /// Whether less than a sixteenth of the time has gone.
    fn is_fresh(&self) -> bool {
        self.start.elapsed() < self.span / 16
    }

    /// The time that is left.
    pub(super) fn left(&self) -> Result<Duration, Failure> {
        self.span.checked_sub(self.start.elapsed()).filter(|left| !left.is_zero()).ok_or(Failure::Silent)
    }
}

/// Why a connection cannot be used any more.
#[derive(Debug)]
pub(super) enum Failure {
    /// The other side has closed it.
    Closed,
    /// Nothing came in time.
    Silent,
    /// What came is not of the protocol.
    Broken(String),
    /// The operating system failed.
    System(Errno),
}

impl Failure {
    /// As an error of a device.
    pub(super) fn explain(self, what: &'static str, after: Duration) -> Error {
        match self {
            Self::Closed => Error::Gone { what },
            Self::Silent => Error::Timeout { what, after },
            Self::Broken(why) => Error::Protocol { what, why },
            Self::System(errno) => Error::System { what, errno },
        }
    }
}

fn of(errno: Errno) -> Failure {
    match errno {
        Errno::AGAIN => Failure::Silent,
        Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => Failure::Closed,
        errno => Failure::System(errno),
    }
}

/// Waits until there is something to receive.
fn wait(socket: &Socket, clock: Deadline) -> Result<(), Failure> {
    loop {
        let left = clock.left()?;
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        let mut fds = [PollFd::new(&socket.0, PollFlags::IN)];
        match poll(&mut fds, Some(&left)) {
            Ok(0) => return Err(Failure::Silent),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Failure::System(errno)),
        }
    }
}
