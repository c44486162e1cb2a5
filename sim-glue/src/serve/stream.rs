//! A connection: bytes and file descriptors in, messages out, never waiting.
//!
//! Room for input grows with what has arrived and not with what a header announces. File descriptors belong to the
//! message whose bytes came last with them: the system gives no bytes from behind them in the same call.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nova_backends::vfio_user::{DecodeError, Frame, Header, Limits};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

/// File descriptors that one message may have: as many as there are vectors.
pub(super) const MOST_FDS: usize = 16;
/// The first room for input, and the least it grows by.
const ROOM: usize = 16 << 10;

/// What a connection gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// Some bytes.
    Bytes,
    /// Nothing more at present.
    Nothing,
    /// The peer is done.
    End,
}

/// A whole message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) header: Header,
    pub(super) body: std::ops::Range<usize>,
    pub(super) fds: Vec<OwnedFd>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Stream {
    socket: UnixStream,
    input: Vec<u8>,
    /// Bytes of `input` that are filled, and of these, that are used up.
    filled: usize,
    used: usize,
    /// With the count of bytes that had come when they came.
    fds: VecDeque<(u64, OwnedFd)>,
    received: u64,
    output: Vec<u8>,
    sent: usize,
    output_fds: Vec<OwnedFd>,
    limits: Limits,
}

impl Stream {
    /// A connection, which from now on does not block.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn new(socket: UnixStream, limits: Limits) -> std::io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            input: Vec::new(),
            filled: 0,
            used: 0,
            fds: VecDeque::new(),
            received: 0,
            output: Vec::new(),
            sent: 0,
            output_fds: Vec::new(),
            limits,
        })
    }

    /// What is taken from now on.
    pub(super) const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What is taken.
    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes in what has arrived, once.
    ///
    /// # Errors
    ///
    /// When the connection is broken, or brings more file descriptors than a message may have.
    pub(super) fn receive(&mut self) -> Result<Received, Errno> {
        self.make_room();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let room = &mut self.input[self.filled..];
        let mut parts = [IoSliceMut::new(room)];
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let got = match rustix::net::recvmsg(&self.socket, &mut parts, &mut control, flags) {
            Ok(got) => got,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Received::Nothing),
            Err(error) => return Err(error),
        };
        self.filled += got.bytes;
        self.received += got.bytes as u64;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds.map(|fd| (self.received, fd)));
            }
        }
        if got.flags.contains(ReturnFlags::CTRUNC) || self.fds.len() > MOST_FDS {
            return Err(Errno::TOOMANYREFS);
        }
        Ok(if got.bytes == 0 { Received::End } else { Received::Bytes })
    }

    /// The next whole message, if there is one.
    ///
    /// # Errors
    ///
    /// When the header is wrong.
    pub(super) fn next(&mut self) -> Result<Option<Message>, DecodeError> {
        let waiting = &self.input[self.used..self.filled];
        let Frame::Whole { header, body, .. } = Frame::split(waiting, &self.limits)? else { return Ok(None) };
        let start = self.used + header.size as usize - body.len();
        let body = start..start + body.len();
        self.used = body.end;
        let end = self.received - (self.filled - self.used) as u64;
        let count = self.fds.iter().take_while(|(at, _)| *at <= end).count();
        Ok(Some(Message { header, body, fds: self.fds.drain(..count).map(|(_, fd)| fd).collect() }))
    }

    /// The header of the next message, whole or not.
    pub(super) fn peek(&self) -> Option<Result<Header, DecodeError>> {
        let waiting = self.input.get(self.used..self.filled)?;
        waiting.first_chunk().map(|bytes| Header::decode(bytes, &self.limits))
    }

    /// The bytes of a message, until the next [`receive`](Self::receive).
    pub(super) fn body(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.input.get(range).unwrap_or_default()
    }

    /// Whether a message has begun and not ended.
    pub(super) const fn is_partial(&self) -> bool {
        self.filled > self.used
    }

    /// Queues an answer.
    pub(super) fn queue(&mut self, bytes: &[u8], fd: Option<OwnedFd>) {
        self.output.extend_from_slice(bytes);
        self.output_fds.extend(fd);
    }

    /// Sends what is queued, as far as the peer takes it; whether all of it is sent.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub(super) fn flush(&mut self) -> Result<bool, Errno> {
        while self.sent < self.output.len() {
            match self.send_some() {
                Ok(sent) => {
                    self.sent += sent;
                    self.output_fds.clear();
                }
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.sent = 0;
        Ok(true)
    }

    /// Whether anything is queued.
    pub(super) const fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    fn send_some(&self) -> Result<usize, Errno> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let rest = &self.output[self.sent..];
        if self.output_fds.is_empty() {
            return rustix::net::send(&self.socket, rest, flags);
        }
        let fds: Vec<BorrowedFd<'_>> = self.output_fds.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(Errno::TOOMANYREFS);
        }
        rustix::net::sendmsg(&self.socket, &[IoSlice::new(rest)], &mut control, flags)
    }

    /// Moves what waits to the front, and grows when all is filled.
    fn make_room(&mut self) {
        if self.used > 0 {
            self.input.copy_within(self.used..self.filled, 0);
            self.filled -= self.used;
            self.used = 0;
        }
        if self.filled == self.input.len() {
            let more = self.input.len().max(ROOM);
            self.input.resize(self.input.len() + more, 0);
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
