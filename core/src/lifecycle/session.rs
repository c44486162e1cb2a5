//! Sessions: open files and the like, which may outlive the device.

use core::fmt;
use core::ops::Deref;

use super::device::Device;
use super::entry::SessionEntry;
use super::registry::EntryRow;
use super::token::Bound;
use super::{Driver, Outside, Refused};
use crate::hal::{Clock, Event as _, Instant, Ticket};

/// An open session on one binding of a device.
///
/// It holds a reference to the device cell, not to anything the driver owns, so it may be kept for
/// ever. Its calls enter the gate; once the device is removed they answer [`Refused`], also after the
/// device has been bound again.
pub struct Session<Hd> {
    handle: Hd,
    ticket: Ticket,
}

impl<Hd: Clone> Clone for Session<Hd> {
    /// Another session on the same binding.
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), ticket: self.ticket }
    }
}

impl<D: Driver, const N: usize, Hd: Deref<Target = Device<D, N>>> Session<Hd> {
    /// Opens a session on a bound device.
    ///
    /// # Errors
    ///
    /// [`Refused`] when the device is not bound, or its driver has no such class of sessions.
    pub fn open(handle: Hd, class: &SessionEntry<D>) -> Result<Self, Refused> {
        let ticket = Ticket { lane: class.id, generation: handle.shared.generation() };
        let is_session = handle.visit(ticket, |row, _| matches!(row, EntryRow::Session { .. }))?;
        is_session.then_some(Self { handle, ticket }).ok_or(Refused::NoSuchEntry)
    }

    /// Runs `f` inside the device's gate.
    ///
    /// # Errors
    ///
    /// [`SessionError::Refused`] when the device is not there any more, without running `f`.
    pub fn call<R>(
        &self,
        _outside: &mut Outside,
        f: impl FnOnce(&Bound<'_, D>) -> Result<R, D::Error>,
    ) -> Result<R, SessionError<D::Error>> {
        self.enter(f)
    }

    /// Runs `f` inside the gate, again after every wake-up, until it gives a value.
    ///
    /// Between two runs the session waits outside the gate, so it never delays a removal. It wakes up
    /// for [`wake_sessions`](super::Token::wake_sessions), for a removal, and at `until`, a time of
    /// `clock`, which is the host's. While the device is suspended it goes on waiting.
    ///
    /// # Errors
    ///
    /// [`SessionError::Refused`] as soon as the device is removed or gone;
    /// [`SessionError::Timeout`] when `until` has passed first.
    pub fn wait<R>(
        &self,
        _outside: &mut Outside,
        clock: &impl Clock,
        until: Instant,
        mut f: impl FnMut(&Bound<'_, D>) -> Result<Option<R>, D::Error>,
    ) -> Result<R, SessionError<D::Error>> {
        let event = &self.handle.shared.event;
        loop {
            // Read before looking, so that a signal between the look and the wait is not missed.
            let seen = event.epoch();
            match self.enter(&mut f) {
                Ok(Some(value)) => return Ok(value),
                Ok(None) | Err(SessionError::Refused(Refused::Suspended)) => (),
                Err(error) => return Err(error),
            }
            if clock.now() >= until {
                return Err(SessionError::Timeout);
            }
            event.wait(seen, until);
        }
    }

    /// The device this session was opened on.
    pub fn device(&self) -> &Device<D, N> {
        &self.handle
    }

    fn enter<R>(
        &self,
        f: impl FnOnce(&Bound<'_, D>) -> Result<R, D::Error>,
    ) -> Result<R, SessionError<D::Error>> {
        self.handle
            .visit(self.ticket, |_, parts| {
                let shared = parts.shared;
                let result = f(&Bound::new(parts));
                result.inspect_err(|error| shared.note(error))
            })
            .map_err(SessionError::Refused)?
            .map_err(SessionError::Driver)
    }
}

/// Why a session's call gave no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SessionError<E> {
    /// The device is not there, or asleep. Nothing ran.
    Refused(Refused),
    /// The call ran and failed.
    Driver(E),
    /// The time was up.
    Timeout,
}

impl<E: fmt::Display> fmt::Display for SessionError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Driver(error) => error.fmt(f),
            Self::Timeout => f.write_str("nothing happened in time"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for SessionError<E> {}
