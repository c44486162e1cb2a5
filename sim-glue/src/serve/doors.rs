//! Who comes in beside the client: those who connect while it is there, and those with requests of control.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nova_backends::vfio_user::{Errno, HEADER_SIZE};

use super::clock;
use super::control::{ControlError, LONGEST_REQUEST, Request, Response};
use super::poll::{Poll, Token};
use super::session::FIRST_LIMITS;
use super::shared::Shared;
use super::socket::Listener;
use super::stats::Counters;
use super::stream::{Received, Stream};
use super::{ServeError, ServeOptions};

/// Of each kind at a time; more are closed at once.
const MOST: usize = 8;
/// Connections to the control socket that are answered; the others, up to `MOST` more, are told why they are not.
const ANSWERED: usize = MOST;
/// After a failed accept, for want of file descriptors: when to try again, in ns.
const PAUSE: u64 = 100_000_000;
/// The device is in use.
const EBUSY: Errno = Errno(16);

/// A client that is turned away, as soon as it has said something to answer.
struct Guest {
    stream: Stream,
    since: u64,
}

/// A connection to the control socket.
struct Line {
    stream: UnixStream,
    text: Vec<u8>,
    /// Since when a line is incomplete, or one to turn away is silent, in ns.
    since: Option<u64>,
    /// When it last said something, in ns.
    heard: u64,
    /// There are too many: all that it is told.
    turned_away: bool,
}

/// All ways in.
pub(super) struct Doors {
    listener: Option<Listener>,
    control: Option<Listener>,
    guests: [Option<Guest>; MOST],
    lines: [Option<Line>; ANSWERED + MOST],
    /// Not listening until then, in ns.
    paused_until: Option<u64>,
    patience: u64,
}

/// Which socket somebody came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Listener,
    Control,
}

impl Doors {
    pub(super) fn open(
        path: Option<&Path>,
        options: &ServeOptions,
        poll: &Poll,
        patience: u64,
    ) -> Result<Self, ServeError> {
        let bind = |path: &Path| Listener::bind(path, options.mode);
        let listener = path.map(bind).transpose()?;
        let control = options.control.as_deref().map(bind).transpose()?;
        let doors = Self {
            listener,
            control,
            guests: Default::default(),
            lines: Default::default(),
            paused_until: None,
            patience,
        };
        doors.listen(poll).map_err(ServeError::system("watch a socket"))?;
        Ok(doors)
    }

    /// Somebody is at a door. Gives a connection that is to be served.
    pub(super) fn turn(
        &mut self,
        token: Token,
        poll: &Poll,
        shared: &Shared,
        busy: bool,
    ) -> Option<UnixStream> {
        match token {
            Token::Listener => {
                let stream = self.accept(Door::Listener, poll)?;
                if !busy {
                    return Some(stream);
                }
                self.turn_away(stream, poll, shared);
            }
            Token::Control => {
                if let Some(stream) = self.accept(Door::Control, poll) {
                    self.take_line(stream, poll);
                }
            }
            Token::Guest(which) => self.guest_turn(which, poll),
            Token::Line(which) => self.line_turn(which, poll, shared),
            _ => {}
        }
        None
    }

    /// Another client is there: says so, politely, once the guest has said something.
    pub(super) fn turn_away(&mut self, stream: UnixStream, poll: &Poll, shared: &Shared) {
        Counters::add(&shared.counters.refused);
        let Some(which) = self.guests.iter().position(Option::is_none) else { return };
        let Ok(stream) = Stream::new(stream, FIRST_LIMITS) else { return };
        if poll.add(&stream, Token::Guest(which as u8)).is_ok() {
            self.guests[which] = Some(Guest { stream, since: clock::now() });
        }
    }

    /// When somebody's patience, or a pause, is over.
    pub(super) fn deadline(&self) -> Option<u64> {
        let guests = self.guests.iter().flatten().map(|guest| guest.since);
        let lines = self.lines.iter().flatten().filter_map(|line| line.since);
        let stalled = guests.chain(lines).min().map(|since| since.saturating_add(self.patience));
        [stalled, self.paused_until].into_iter().flatten().min()
    }

    /// Ends what has taken too long.
    pub(super) fn expire(&mut self, now: u64, poll: &Poll) {
        let late = |since: u64| since.saturating_add(self.patience) <= now;
        for guest in &mut self.guests {
            if let Some(found) = guest.take_if(|guest| late(guest.since)) {
                poll.remove(&found.stream);
            }
        }
        for line in &mut self.lines {
            if let Some(found) = line.take_if(|line| line.since.is_some_and(late)) {
                poll.remove(&found.stream);
            }
        }
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = self.listen(poll).is_err().then(|| now.saturating_add(PAUSE));
        }
    }

    fn listen(&self, poll: &Poll) -> Result<(), rustix::io::Errno> {
        for (listener, token) in [(&self.listener, Token::Listener), (&self.control, Token::Control)] {
            if let Some(listener) = listener {
                poll.add(listener, token)?;
            }
        }
        Ok(())
    }

    fn accept(&mut self, door: Door, poll: &Poll) -> Option<UnixStream> {
        let listener = match door {
            Door::Listener => &self.listener,
            Door::Control => &self.control,
        };
        match listener.as_ref()?.accept() {
            Ok(stream) => Some(stream),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(_) => {
                // Who waits would wake us again and again; look away for a while.
                for listener in [&self.listener, &self.control].into_iter().flatten() {
                    poll.remove(listener);
                }
                self.paused_until = Some(clock::now().saturating_add(PAUSE));
                None
            }
        }
    }

    fn guest_turn(&mut self, which: u8, poll: &Poll) {
        let Some(place) = self.guests.get_mut(usize::from(which)) else { return };
        let Some(guest) = place else { return };
        let received = guest.stream.receive();
        let mut done = !matches!(received, Ok(Received::Bytes | Received::Nothing));
        if let Some(header) = guest.stream.peek() {
            done = true;
            if let Ok(header) = header
                && header.wants_reply()
            {
                let answer: [u8; HEADER_SIZE] = header.error(EBUSY).encode();
                guest.stream.queue(&answer, None);
                // Sixteen bytes fit into any socket; who does not take them has none.
                let _ = guest.stream.flush();
            }
        }
        if done && let Some(guest) = place.take() {
            poll.remove(&guest.stream);
        }
    }

    fn take_line(&mut self, stream: UnixStream, poll: &Poll) {
        let now = clock::now();
        let Some(which) = self.line_place(now, poll) else { return };
        let watched =
            stream.set_nonblocking(true).is_ok() && poll.add(&stream, Token::Line(which as u8)).is_ok();
        if watched {
            let turned_away = which >= ANSWERED;
            let since = turned_away.then_some(now);
            self.lines[which] = Some(Line { stream, text: Vec::new(), since, heard: now, turned_away });
        }
    }

    /// A place for a connection: free, or of whoever has been silent for longest; else one to be turned away from.
    fn line_place(&mut self, now: u64, poll: &Poll) -> Option<usize> {
        let free = self.lines.iter().position(Option::is_none);
        if free.is_some_and(|which| which < ANSWERED) {
            return free;
        }
        let answered = self.lines.iter().take(ANSWERED).enumerate();
        let heard = answered.filter_map(|(which, line)| line.as_ref().map(|line| (line.heard, which)));
        match heard.min() {
            Some((heard, which)) if heard.saturating_add(self.patience) <= now => {
                if let Some(silent) = self.lines[which].take() {
                    poll.remove(&silent.stream);
                }
                Some(which)
            }
            _ => free,
        }
    }

    fn line_turn(&mut self, which: u8, poll: &Poll, shared: &Shared) {
        let Some(place) = self.lines.get_mut(usize::from(which)) else { return };
        let Some(line) = place else { return };
        if !line.turn(shared)
            && let Some(line) = place.take()
        {
            poll.remove(&line.stream);
        }
    }
}

impl Line {
    /// Reads once and answers all whole lines; false when the connection is over.
    fn turn(&mut self, shared: &Shared) -> bool {
        let mut room = [0; LONGEST_REQUEST];
        match self.stream.read(&mut room) {
            Ok(0) => return false,
            Ok(_) if self.turned_away => {
                self.say(&Response::from(Err(ControlError::Busy)));
                return false;
            }
            Ok(count) => self.text.extend_from_slice(&room[..count]),
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
        self.heard = clock::now();
        while let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.text.drain(..=end).collect();
            if !self.answer(&line, shared) {
                return false;
            }
        }
        if self.text.len() >= LONGEST_REQUEST {
            let error = ControlError::Text(format!("it is longer than {LONGEST_REQUEST} bytes"));
            self.say(&Response::from(Err(error)));
            return false;
        }
        let partial = !self.text.is_empty();
        self.since = partial.then(|| self.since.unwrap_or_else(clock::now));
        true
    }

    fn answer(&mut self, line: &[u8], shared: &Shared) -> bool {
        if line.trim_ascii().is_empty() {
            return true;
        }
        let request = std::str::from_utf8(line)
            .map_err(|error| ControlError::Text(error.to_string()))
            .and_then(Request::parse);
        self.say(&Response::from(request.and_then(|request| shared.execute(&request))))
    }

    /// An answer is far smaller than a socket's buffer: who does not take it has asked without reading.
    fn say(&mut self, response: &Response) -> bool {
        self.stream.write_all(response.line().as_bytes()).is_ok()
    }
}
