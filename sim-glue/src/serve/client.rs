//! The client that is served, from its connection to its end.

use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::clock;
use super::device::Device;
use super::poll::{Interest, Poll, Token};
use super::session::{FIRST_LIMITS, Next, Session};
use super::shared::Shared;
use super::stats::Counters;
use super::stream::{Received, Stream};

/// What becomes of a client after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It stays.
    Stay,
    /// It is gone, or was told to go.
    Leave,
    /// It cannot be understood any more.
    OutOfStep,
}

pub(super) struct Client {
    stream: Stream,
    session: Session,
    interest: Interest,
    /// Since when its version is waited for, a message is incomplete, or an answer is not taken, in ns.
    waiting_since: Option<u64>,
    /// An answer goes out from this time on, in ns: accesses are slow.
    held_until: Option<u64>,
    /// The answer that is queued is the last.
    closing: bool,
}

impl Client {
    pub(super) fn new(socket: UnixStream, poll: &Poll) -> std::io::Result<Self> {
        let stream = Stream::new(socket, FIRST_LIMITS)?;
        poll.add(&stream, Token::Client)?;
        Ok(Self {
            stream,
            session: Session::default(),
            interest: Interest::Read,
            waiting_since: Some(clock::now()),
            held_until: None,
            closing: false,
        })
    }

    /// When it has to be looked at, whatever it does.
    pub(super) fn deadline(&self, patience: u64) -> Option<u64> {
        self.held_until.or(self.waiting_since.map(|since| since.saturating_add(patience)))
    }

    /// Whether it stalls.
    pub(super) fn is_late(&self, now: u64, patience: u64) -> bool {
        self.held_until.is_none()
            && self.waiting_since.is_some_and(|since| since.saturating_add(patience) <= now)
    }

    /// Whether the peer has closed its end.
    pub(super) fn is_gone(&self) -> bool {
        let mut ask = [PollFd::new(&self.stream, PollFlags::empty())];
        let asked = poll(&mut ask, Some(&Timespec::default()));
        asked.is_ok() && ask[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }

    /// Whether an answer that was held back may go.
    pub(super) fn is_due(&self, now: u64) -> bool {
        self.held_until.is_some_and(|until| until <= now)
    }

    /// Takes what it sent, does what it asks, and answers.
    pub(super) fn turn(&mut self, device: &mut Device, poll: &Poll, shared: &Shared) -> Turn {
        if let Some(until) = self.held_until {
            // Held back, the only thing that wakes us before its time is that the client is gone.
            if clock::now() < until {
                return if self.is_gone() { Turn::Leave } else { Turn::Stay };
            }
            self.held_until = None;
        }
        let turn = self.serve(device, poll, shared).unwrap_or(Turn::Leave);
        if turn == Turn::Stay && self.watch(poll).is_err() {
            return Turn::Leave;
        }
        turn
    }

    /// Ends the connection.
    pub(super) fn close(self, poll: &Poll) {
        poll.remove(&self.stream);
    }

    fn serve(&mut self, device: &mut Device, poll: &Poll, shared: &Shared) -> Result<Turn, Errno> {
        if self.stream.has_output() {
            if !self.stream.flush()? {
                return Ok(Turn::Stay);
            }
            self.waiting_since = None;
        }
        if self.closing {
            return Ok(Turn::Leave);
        }
        // What came with the last bytes may be whole messages already. One receive in a turn: then others have theirs.
        if let Some(turn) = self.answer_all(device, poll, shared)? {
            return Ok(turn);
        }
        if self.stream.receive()? == Received::End {
            return Ok(Turn::Leave);
        }
        Ok(self.answer_all(device, poll, shared)?.unwrap_or(Turn::Stay))
    }

    /// All whole messages that are there; a turn when it ends with that.
    fn answer_all(
        &mut self,
        device: &mut Device,
        poll: &Poll,
        shared: &Shared,
    ) -> Result<Option<Turn>, Errno> {
        loop {
            let message = match self.stream.next() {
                Err(_) => return Ok(Some(Turn::OutOfStep)),
                Ok(None) => return Ok(None),
                Ok(Some(message)) => message,
            };
            if !self.answer(device, poll, shared, message)? {
                return Ok(Some(Turn::Stay));
            }
        }
    }

    /// One message; whether another may follow at once.
    fn answer(
        &mut self,
        device: &mut Device,
        poll: &Poll,
        shared: &Shared,
        message: super::stream::Message,
    ) -> Result<bool, Errno> {
        self.waiting_since = None;
        let (next, failed) = self.session.handle(device, &mut self.stream, message);
        Counters::add(&shared.counters.requests);
        if failed {
            Counters::add(&shared.counters.failed);
        }
        if next == Next::NewUnmask
            && let Some(watch) = device.irqs().unmask_fd()
        {
            poll.add(watch, Token::Unmask)?;
        }
        self.closing = next == Next::Close;
        // An interrupt that the access brought about arrives before its answer, as on PCI.
        device.settle();
        let delay = shared.faults().delay.saturating_add(device.take_delay());
        if delay > 0 {
            self.held_until = Some(clock::now().saturating_add(delay));
            return Ok(false);
        }
        Ok(self.stream.flush()? && !self.closing)
    }

    fn watch(&mut self, poll: &Poll) -> Result<(), Errno> {
        let stalls = self.stream.has_output() && self.held_until.is_none() || self.stream.is_partial();
        let waits = stalls || !self.session.has_agreed();
        self.waiting_since = waits.then(|| self.waiting_since.unwrap_or_else(clock::now));
        let interest = match (self.held_until, self.stream.has_output() || self.closing) {
            (Some(_), _) => Interest::End,
            (None, true) => Interest::Write,
            (None, false) => Interest::Read,
        };
        if interest != self.interest {
            poll.change(&self.stream, Token::Client, interest)?;
            self.interest = interest;
        }
        Ok(())
    }
}
