// SPDX-License-Identifier: GPL-2.0

//! An open file of `/dev/novaN`: a session of the driver core, which outlives the device.

use core::sync::atomic::{AtomicU32, Ordering};

use kernel::bindings;
use kernel::prelude::*;
use kernel::sync::Arc;
use kernel::uaccess::{UserPtr, UserSlice};
use nova_abi::{Alarm, Call, Debug, Info, IrqCounts, ReadReg, SizeError, Time, WaitIrq, LARGEST};
use nova_core::driver::Gpu;
use nova_core::lifecycle::{Outside, Refused, Session, SessionError};
use nova_core::{Error as GpuError, ErrorKind};

use crate::calls;
use crate::card::{Card, Handle};
use crate::host::KernelHost;
use crate::raw::wait::WaitQueue;

/// An open file.
pub(crate) struct OpenFile {
    pub(crate) card: Arc<Card>,
    pub(crate) session: Session<Handle>,
    /// How many interrupt messages it has been told of.
    pub(crate) seen: AtomicU32,
}

impl OpenFile {
    /// Opens the card, and gives the queue to wait on for `poll`.
    pub(crate) fn open(card: &Arc<Card>) -> Result<(Self, Arc<WaitQueue>)> {
        let class = &Gpu::<KernelHost>::CLIENT;
        let session = Session::open(Handle(card.clone()), class).map_err(refused)?;
        let seen = AtomicU32::new(card.served.load(Ordering::Relaxed));
        Ok((Self { card: card.clone(), session, seen }, card.queue.clone()))
    }

    /// One call.
    pub(crate) fn ioctl(&self, command: u32, arg: usize) -> Result {
        match command {
            Info::COMMAND => transact(arg, |info| calls::info(self, info)),
            Time::COMMAND => transact(arg, |time| calls::time(self, time)),
            Alarm::COMMAND => transact(arg, |alarm| calls::wait_alarm(self, alarm)),
            WaitIrq::COMMAND => transact(arg, |wait| calls::wait_irq(self, wait)),
            IrqCounts::COMMAND => transact(arg, |counts| calls::irq_counts(self, counts)),
            ReadReg::COMMAND => transact(arg, |read| calls::read_reg(self, read)),
            #[cfg(nova_debug)]
            Debug::COMMAND => transact(arg, |debug| crate::torture::debug(self, debug)),
            #[cfg(not(nova_debug))]
            Debug::COMMAND => Err(ENOTTY),
            _ => Err(ENOTTY),
        }
    }

    /// What is there to be seen.
    pub(crate) fn poll(&self) -> u32 {
        let served = self.card.served.load(Ordering::Relaxed);
        match self.is_there() {
            Err(error) if error == ENODEV => bindings::POLLHUP | bindings::POLLERR,
            _ if served != self.seen.load(Ordering::Relaxed) => bindings::POLLIN | bindings::POLLRDNORM,
            _ => 0,
        }
    }

    /// Whether the device is there: `ENODEV`, or `EAGAIN` when it sleeps.
    pub(crate) fn is_there(&self) -> Result {
        self.session.call(&mut Outside::new(), |_| Ok(())).map_err(errno_of)
    }
}

fn refused(refused: Refused) -> Error {
    if refused.is_temporary() {
        EAGAIN
    } else {
        ENODEV
    }
}

/// The error number of a call of a session that failed.
pub(crate) fn errno_of(error: SessionError<GpuError>) -> Error {
    match error {
        SessionError::Refused(why) => refused(why),
        SessionError::Timeout => ETIMEDOUT,
        SessionError::Driver(GpuError::Refused(why)) => refused(why),
        SessionError::Driver(error) => match error.kind() {
            ErrorKind::Gone => ENODEV,
            ErrorKind::Full => ENOSPC,
            ErrorKind::Argument => EINVAL,
            ErrorKind::Denied => EACCES,
            ErrorKind::Busy => EBUSY,
            _ => EIO,
        },
        _ => EIO,
    }
}

/// An error number, where the ABI's own crate makes some.
struct Errno(Error);

impl From<SizeError> for Errno {
    fn from(error: SizeError) -> Self {
        Self(match error {
            SizeError::TooSmall => EINVAL,
            SizeError::Unknown => E2BIG,
        })
    }
}

/// Copies a struct in, has `f` do the call, and copies it out: also when a signal came, so that the call can be repeated.
fn transact<C: Call>(arg: usize, f: impl FnOnce(&mut C) -> Result) -> Result {
    let user = |offset: usize, len: usize| UserSlice::new(UserPtr::from_addr(arg.wrapping_add(offset)), len);
    let mut size = [0; 4];
    user(0, size.len()).reader().read_slice(&mut size)?;
    let rest = |offset, len| holds_something(user(offset, len)).map_err(Errno);
    let taken = nova_abi::accept::<C, Errno>(u32::from_ne_bytes(size), rest).map_err(|Errno(error)| error)?;
    let mut buffer = [0; LARGEST];
    let bytes = buffer.get_mut(..taken).ok_or(EINVAL)?;
    user(0, taken).reader().read_slice(bytes)?;
    let mut call = C::from_bytes(bytes);
    let done = f(&mut call);
    if done.is_ok() || done == Err(ERESTARTSYS) {
        call.write_bytes(bytes);
        // What was filled in, which may be less than this side knows.
        if let Some(place) = bytes.first_chunk_mut() {
            *place = (taken as u32).to_ne_bytes();
        }
        user(0, taken).writer().write_slice(bytes)?;
    }
    done
}

/// Whether a part of a program's struct is anything but zeros.
fn holds_something(part: UserSlice) -> Result<bool> {
    let mut reader = part.reader();
    let mut bytes = [0; 64];
    while !reader.is_empty() {
        let some = bytes.get_mut(..reader.len().min(64)).ok_or(EINVAL)?;
        reader.read_slice(some)?;
        if some.iter().any(|byte| *byte != 0) {
            return Ok(true);
        }
    }
    Ok(false)
}
