//! A client made of nothing but the codec and a socket, so that it can also say what no client should.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nova_backends::vfio_user::{
    Capabilities, Command, DmaMap, DmaMapFlags, DmaUnmap, DmaUnmapFlags, Errno, Frame, HEADER_SIZE,
    IrqAction, IrqData, Limits, RegionAccess, RegionData, Reply, Request, SetIrqs, Version, index,
};
use nova_sim_glue::serve::{Handle, Running, ServeOptions, ServeStats, Server};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

/// No answer takes longer, however busy the machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    pub(crate) socket: UnixStream,
    next: u16,
    limits: Limits,
}

/// An answer, with its bytes behind it.
pub(crate) struct Answer {
    pub(crate) command: Command,
    pub(crate) bytes: Vec<u8>,
    pub(crate) fds: Vec<OwnedFd>,
}

impl Answer {
    pub(crate) fn reply(&self) -> Reply<'_> {
        let limits = Limits::default();
        let Ok(Frame::Whole { header, body, .. }) = Frame::split(&self.bytes, &limits) else { panic!() };
        Reply::decode(self.command, &header, body, self.fds.len(), &limits).unwrap()
    }

    pub(crate) fn error(&self) -> Option<u32> {
        match self.reply() {
            Reply::Error(Errno(number)) => Some(number),
            _ => None,
        }
    }
}

impl Client {
    /// A connection that has said nothing yet.
    pub(crate) fn silent(handle: &Handle) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        handle.attach(theirs);
        Self::on(ours)
    }

    pub(crate) fn on(socket: UnixStream) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { socket, next: 0, limits: Limits::default() }
    }

    /// A connection with its version agreed on.
    pub(crate) fn new(handle: &Handle) -> Self {
        let mut client = Self::silent(handle);
        client.negotiate();
        client
    }

    pub(crate) fn negotiate(&mut self) -> Version {
        let offer =
            Version::new(Capabilities { max_msg_fds: 8, write_multiple: true, ..Capabilities::default() });
        let answer = self.ask(&Request::Version(offer));
        let Reply::Version(version) = answer.reply() else { panic!("{:?}", answer.reply()) };
        version
    }

    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Answer {
        self.ask_with(request, &[])
    }

    pub(crate) fn ask_with(&mut self, request: &Request<'_>, fds: &[BorrowedFd<'_>]) -> Answer {
        self.tell(request, fds, false);
        self.answer(request.command()).expect("the server closed the connection")
    }

    pub(crate) fn tell(&mut self, request: &Request<'_>, fds: &[BorrowedFd<'_>], no_reply: bool) {
        let mut out = vec![0; HEADER_SIZE + 64 + (1 << 20)];
        let length = request.encode(self.next, no_reply, &mut out).unwrap();
        self.next = self.next.wrapping_add(1);
        self.send(&out[..length], fds);
    }

    pub(crate) fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
        }
        let sent =
            rustix::net::sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL);
        (&self.socket).write_all(&bytes[sent.unwrap()..]).unwrap();
    }

    /// The next answer; `None` when the connection ends.
    pub(crate) fn answer(&mut self, command: Command) -> Option<Answer> {
        let (mut bytes, mut fds) = (Vec::new(), Vec::new());
        loop {
            let more = match Frame::split(&bytes, &self.limits).unwrap() {
                Frame::Incomplete { more } => more,
                Frame::Whole { .. } => return Some(Answer { command, bytes, fds }),
            };
            let start = bytes.len();
            bytes.resize(start + more, 0);
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut parts = [IoSliceMut::new(&mut bytes[start..])];
            let got = rustix::net::recvmsg(&self.socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC);
            let got = match got {
                Ok(got) => got.bytes,
                Err(rustix::io::Errno::CONNRESET) => 0,
                Err(error) => panic!("no answer: {error}"),
            };
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(more) = message {
                    fds.extend(more);
                }
            }
            bytes.truncate(start + got);
            if got == 0 {
                assert_eq!(start, 0, "the connection ends in the middle of an answer");
                return None;
            }
        }
    }

    /// Whether the server closes the connection, whatever it says before that.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut sink = [0; 4096];
        loop {
            match self.socket.read(&mut sink) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }

    pub(crate) fn read(&mut self, region: u32, offset: u64, count: u32) -> Result<Vec<u8>, u32> {
        let answer = self.ask(&Request::RegionRead(RegionAccess { offset, region, count }));
        match answer.reply() {
            Reply::RegionRead(RegionData { data, .. }) => Ok(data.to_vec()),
            Reply::Error(Errno(number)) => Err(number),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<(), u32> {
        let answer = self.ask(&Request::RegionWrite(RegionData { offset, region, data }));
        match answer.reply() {
            Reply::RegionWrite(RegionAccess { count, .. }) if count as usize == data.len() => Ok(()),
            Reply::Error(Errno(number)) => Err(number),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn reg(&mut self, offset: u32) -> u32 {
        let bytes = self.read(index::region::BAR0, offset.into(), 4).unwrap();
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    pub(crate) fn set_reg(&mut self, offset: u32, value: u32) {
        self.write(index::region::BAR0, offset.into(), &value.to_le_bytes()).unwrap();
    }

    pub(crate) fn config(&mut self, offset: u64) -> u16 {
        let bytes = self.read(index::region::CONFIG, offset, 2).unwrap();
        u16::from_le_bytes(bytes.try_into().unwrap())
    }

    pub(crate) fn set_config(&mut self, offset: u64, value: u16) {
        self.write(index::region::CONFIG, offset, &value.to_le_bytes()).unwrap();
    }

    /// Memory decoding and bus mastering on.
    pub(crate) fn enable(&mut self) {
        self.set_config(4, 6);
    }

    pub(crate) fn map(
        &mut self,
        address: u64,
        size: u64,
        offset: u64,
        fd: Option<BorrowedFd<'_>>,
    ) -> Option<u32> {
        let flags = DmaMapFlags::READ | DmaMapFlags::WRITE;
        self.map_as(DmaMap { flags, offset, address, size }, fd)
    }

    pub(crate) fn map_as(&mut self, map: DmaMap, fd: Option<BorrowedFd<'_>>) -> Option<u32> {
        let fds: Vec<_> = fd.into_iter().collect();
        self.ask_with(&Request::DmaMap(map), &fds).error()
    }

    pub(crate) fn unmap(&mut self, address: u64, size: u64) -> Option<u32> {
        let flags = DmaUnmapFlags::from_bits(0).unwrap();
        self.ask(&Request::DmaUnmap(DmaUnmap { flags, address, size })).error()
    }

    pub(crate) fn irqs(&mut self, set: SetIrqs<'_>, fds: &[BorrowedFd<'_>]) -> Option<u32> {
        self.ask_with(&Request::DeviceSetIrqs(set), fds).error()
    }

    /// Attaches one eventfd to vector 0 of a type.
    pub(crate) fn attach(&mut self, index: u32) -> Event {
        let event = Event::new();
        let data = IrqData::EventFd { attached: true };
        let set = SetIrqs { index, start: 0, count: 1, action: IrqAction::Trigger, data };
        assert_eq!(self.irqs(set, &[event.0.as_fd()]), None);
        event
    }

    pub(crate) fn detach(&mut self, index: u32) {
        let set = SetIrqs { index, start: 0, count: 0, action: IrqAction::Trigger, data: IrqData::None };
        assert_eq!(self.irqs(set, &[]), None);
    }
}

/// An eventfd of the client.
pub(crate) struct Event(pub(crate) OwnedFd);

impl Event {
    pub(crate) fn new() -> Self {
        Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap())
    }

    /// Waits for it, and takes what was counted.
    pub(crate) fn wait(&self) -> u64 {
        let mut ask = [PollFd::new(&self.0, PollFlags::IN)];
        let deadline = Timespec { tv_sec: DEADLINE.as_secs().cast_signed(), tv_nsec: 0 };
        assert_eq!(poll(&mut ask, Some(&deadline)), Ok(1), "no interrupt");
        self.take()
    }

    /// What was counted so far.
    pub(crate) fn take(&self) -> u64 {
        let mut count = [0; 8];
        rustix::io::read(&self.0, &mut count).map_or(0, |_| u64::from_ne_bytes(count))
    }
}

pub(crate) fn serve(spec: &str) -> Running {
    serve_with(&ServeOptions::new(spec.parse().unwrap()))
}

pub(crate) fn serve_with(options: &ServeOptions) -> Running {
    Server::unbound(options).unwrap().spawn().unwrap()
}

/// Waits until the server has counted what is expected.
pub(crate) fn until(handle: &Handle, what: &str, condition: impl Fn(&ServeStats) -> bool) -> ServeStats {
    let end = Instant::now() + DEADLINE;
    loop {
        let stats = handle.stats();
        if condition(&stats) {
            return stats;
        }
        assert!(Instant::now() < end, "{what} never came: {stats:?}");
        std::thread::yield_now();
    }
}
