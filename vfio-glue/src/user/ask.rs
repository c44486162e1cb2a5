//! One question, one answer.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nova_backends::vfio_user::{Kind, Limits, Reply, Request};
use rustix::io::Errno;

use super::link::{Buffers, Deadline, Expected, Failure, Socket};
use super::serve::{Job, Shared, answer};
use crate::device::Error;

/// A connection, and what is known of it.
#[derive(Debug)]
pub(super) struct Asker {
    socket: Socket,
    state: Mutex<State>,
    gone: AtomicBool,
    deadline: Duration,
    pub(super) shared: Shared,
}

#[derive(Debug)]
struct State {
    buffers: Buffers,
    next_id: u16,
}

/// A question.
pub(super) struct Question<'a> {
    /// What it is for, in an error.
    pub(super) what: &'static str,
    pub(super) request: Request<'a>,
    pub(super) fds: &'a [BorrowedFd<'a>],
    pub(super) answer: Expected,
}

impl<'a> Question<'a> {
    pub(super) const fn new(what: &'static str, request: Request<'a>) -> Self {
        Self { what, request, fds: &[], answer: Expected::SHORT }
    }
}

impl Asker {
    pub(super) fn new(socket: Socket, deadline: Duration) -> Self {
        let state = State { buffers: Buffers::new(Limits::default()), next_id: 1 };
        let gone = AtomicBool::new(false);
        Self { socket, state: Mutex::new(state), gone, deadline, shared: Shared::default() }
    }

    pub(super) const fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }

    pub(super) fn set_gone(&self) {
        self.gone.store(true, Relaxed);
        // Whoever waits for an answer wakes up, and the server notices.
        self.socket.end();
    }

    /// Asks, and gives the answer to `read`, which says what is wrong with it if anything is.
    pub(super) fn ask<R>(
        &self,
        question: &Question<'_>,
        read: impl FnOnce(Reply<'_>, Vec<OwnedFd>) -> Result<R, String>,
    ) -> Result<R, Error> {
        let what = question.what;
        if self.is_gone() {
            return Err(Error::Gone { what });
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.talk(&mut state, question, read);
        drop(state);
        asked.unwrap_or_else(|failure| {
            // The stream is out of step, or nobody is there: no later question could be answered.
            let known = self.is_gone();
            self.set_gone();
            Err(if known { Error::Gone { what } } else { failure.explain(what, self.deadline) })
        })
    }

    fn talk<R>(
        &self,
        state: &mut State,
        question: &Question<'_>,
        read: impl FnOnce(Reply<'_>, Vec<OwnedFd>) -> Result<R, String>,
    ) -> Result<Result<R, Error>, Failure> {
        let clock = Deadline::after(self.deadline);
        let id = state.next_id;
        state.next_id = id.wrapping_add(1);
        let buffers = &mut state.buffers;
        buffers.request(&self.socket, id, &question.request, question.fds, clock)?;
        let limits = buffers.limits;
        loop {
            let message = buffers.receive(&self.socket, &question.answer, clock)?;
            let header = message.header;
            if matches!(header.kind, Kind::Command { .. }) {
                let job = Job::of(&header, message.body, message.fds.len(), &limits);
                answer(&self.shared, buffers, &self.socket, &header, &job, clock)?;
                // However many questions it has back: our answer is due.
                clock.left()?;
                continue;
            }
            if header.id != id {
                return Err(Failure::Broken(format!("the answer to message {}, not {id}", header.id)));
            }
            let sent = question.request.command();
            let reply = Reply::decode(sent, &header, message.body, message.fds.len(), &limits);
            let reply = reply.map_err(|error| Failure::Broken(error.to_string()))?;
            if let Reply::Error(errno) = reply {
                let errno = i32::try_from(errno.0).ok().filter(|errno| (1..4096).contains(errno));
                let errno = errno.map_or(Errno::IO, Errno::from_raw_os_error);
                return Ok(Err(Error::Refused { what: question.what, errno }));
            }
            return read(reply, message.fds).map(Ok).map_err(Failure::Broken);
        }
    }
}
