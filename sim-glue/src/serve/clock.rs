//! The clock of served GPUs: the system's monotonic one, and a timer on it that wakes the loop.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

const NS_PER_S: u64 = 1_000_000_000;

/// The time, in ns. The system's clock begins near its start and lasts for 584 years.
pub(super) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.cast_unsigned() * NS_PER_S + time.tv_nsec.cast_unsigned()
}

/// A timer that is readable from its time on.
#[derive(Debug)]
pub(super) struct Timer {
    fd: OwnedFd,
    /// What it is set to; the system is asked only when that changes.
    at: Option<u64>,
}

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    ///
    /// When the system has none left.
    pub(super) fn new() -> Result<Self, Errno> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self { fd: timerfd_create(TimerfdClockId::Monotonic, flags)?, at: None })
    }

    /// Sets it to a time in ns, or to never.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn set(&mut self, at: Option<u64>) -> Result<(), Errno> {
        if self.at == at {
            return Ok(());
        }
        // A time of zero would disarm it.
        let ns = at.map_or(0, |at| at.max(1));
        let it_value =
            Timespec { tv_sec: (ns / NS_PER_S).cast_signed(), tv_nsec: (ns % NS_PER_S).cast_signed() };
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &once)?;
        self.at = at;
        Ok(())
    }

    /// Takes its expiry, after which it is not set.
    pub(super) fn take(&mut self) {
        if rustix::io::read(&self.fd, &mut [0; 8]).is_ok() {
            self.at = None;
        }
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
