//! An open device.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nova_abi::{Alarm, Call, Debug, FOREVER, Info, IrqCounts, LARGEST, ReadReg, Time, WaitIrq};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::Error;
use crate::ioctl::exchange;

/// An open file of `/dev/novaN`. It is bound to the device as it was when it was opened: once that is gone, every call
/// fails with [`Kind::Gone`](crate::Kind::Gone).
#[derive(Debug)]
pub struct Device(File);

/// When an alarm is to fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At this GPU time, in ns.
    At(u64),
    /// So far from now.
    In(Duration),
}

/// What [`Device::poll`] has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// An interrupt was served since the last [`Device::wait_irq`].
    pub interrupt: bool,
    /// The device is gone.
    pub gone: bool,
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Device {
    /// Opens a device.
    ///
    /// # Errors
    ///
    /// [`Error::Open`], or [`Error::NotNova`] for a file that does not know nova's calls.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let open = |errno| Error::Open { path: path.to_owned(), errno };
        let file = rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(open)?;
        let device = Self(file.into());
        match device.info() {
            Ok(info) if info.abi_version > 0 => Ok(device),
            Ok(_) | Err(Error::Call { errno: Errno::NOTTY | Errno::INVAL | Errno::BADF, .. }) => {
                Err(Error::NotNova { path: path.to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// Which device it is.
    ///
    /// # Errors
    ///
    /// When the device is gone.
    pub fn info(&self) -> Result<Info, Error> {
        self.call("info", Info::NEW)
    }

    /// The GPU's time, through `NV_PTIMER` or the virtual function's view of it.
    ///
    /// # Errors
    ///
    /// When the device is gone or asleep, or its timer cannot be read.
    pub fn time(&self, ptimer: bool) -> Result<Time, Error> {
        self.call("time", Time { flags: if ptimer { Time::PTIMER } else { 0 }, ..Time::NEW })
    }

    /// Sets an alarm and waits until it fires, for at most `limit` if there is one. Signals do not end the wait.
    ///
    /// # Errors
    ///
    /// [`Kind::Timeout`](crate::Kind::Timeout), [`Kind::Full`](crate::Kind::Full), or the device is gone.
    pub fn wait_alarm(&self, when: When, limit: Option<Duration>) -> Result<Alarm, Error> {
        let (flags, at_ns) = match when {
            When::At(at) => (0, at),
            When::In(ahead) => (Alarm::RELATIVE, nanos(ahead)),
        };
        let mut alarm = Alarm { flags, at_ns, timeout_ns: limit.map_or(FOREVER, nanos), ..Alarm::NEW };
        self.until_done("alarm", &mut alarm)?;
        Ok(alarm)
    }

    /// Waits until the device has interrupted, for at most `limit` if there is one. Signals do not end the wait.
    ///
    /// # Errors
    ///
    /// [`Kind::Timeout`](crate::Kind::Timeout), or the device is gone.
    pub fn wait_irq(&self, limit: Option<Duration>) -> Result<WaitIrq, Error> {
        let mut wait = WaitIrq { timeout_ns: limit.map_or(FOREVER, nanos), ..WaitIrq::NEW };
        self.until_done("interrupt", &mut wait)?;
        Ok(wait)
    }

    /// How often it has interrupted, by source.
    ///
    /// # Errors
    ///
    /// When the device is gone.
    pub fn irq_counts(&self) -> Result<IrqCounts, Error> {
        self.call("interrupt counters", IrqCounts::NEW)
    }

    /// Reads a register of 32 bits, at an offset in bytes. For root.
    ///
    /// # Errors
    ///
    /// [`Kind::Permission`](crate::Kind::Permission); [`Kind::Refused`](crate::Kind::Refused) where reading would change
    /// something; [`Kind::Argument`](crate::Kind::Argument) for an offset that is none; or the device is gone.
    pub fn read(&self, offset: u32) -> Result<u32, Error> {
        self.call("register read", ReadReg { offset, ..ReadReg::NEW }).map(|read| read.value)
    }

    /// One of the calls for tests, in a module that was built for them. For root.
    ///
    /// # Errors
    ///
    /// [`Kind::Refused`](crate::Kind::Refused) in any other module.
    pub fn debug(&self, op: u32, arg: u32) -> Result<Debug, Error> {
        self.debug_with(op, arg, 0)
    }

    /// The same, for a call that takes a value as well.
    ///
    /// # Errors
    ///
    /// As [`Device::debug`].
    pub fn debug_with(&self, op: u32, arg: u32, value: u64) -> Result<Debug, Error> {
        self.call("debug", Debug { op, arg, out: [value, 0], ..Debug::NEW })
    }

    /// Waits for something to happen, for at most `limit`. `None` if nothing has.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub fn poll(&self, limit: Duration) -> Result<Option<Ready>, Error> {
        let fail = |errno| Error::Call { call: "poll", errno };
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let wait = Timespec::try_from(left).map_err(|_| fail(Errno::INVAL))?;
            let mut fds = [PollFd::new(self, PollFlags::IN)];
            match poll(&mut fds, Some(&wait)) {
                Ok(0) => return Ok(None),
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(fail(errno)),
                Ok(_) => {}
            }
            let [fd] = fds;
            let seen = fd.revents();
            return Ok(Some(Ready {
                interrupt: seen.contains(PollFlags::IN),
                gone: seen.intersects(PollFlags::HUP | PollFlags::ERR),
            }));
        }
    }

    /// A call whose struct is given as bytes that begin with their size, which may be any up to their number: for tests.
    ///
    /// # Errors
    ///
    /// What the module answers.
    pub fn exchange(&self, command: u32, bytes: &mut [u8]) -> Result<(), Errno> {
        exchange(self.as_fd(), command as u8, bytes)
    }

    /// Makes a call once.
    fn call<C: Call + Copy>(&self, call: &'static str, mut with: C) -> Result<C, Error> {
        self.once(&mut with).map_err(|errno| Error::Call { call, errno })?;
        Ok(with)
    }

    /// Makes a call again after each signal: it goes on where it was.
    fn until_done<C: Call>(&self, call: &'static str, with: &mut C) -> Result<(), Error> {
        loop {
            match self.once(with) {
                Err(Errno::INTR) => {}
                done => return done.map_err(|errno| Error::Call { call, errno }),
            }
        }
    }

    fn once<C: Call>(&self, with: &mut C) -> Result<(), Errno> {
        let mut buffer = [0; LARGEST];
        let bytes = buffer.get_mut(..C::SIZE).unwrap_or_default();
        with.write_bytes(bytes);
        let done = exchange(self.as_fd(), C::COMMAND as u8, bytes);
        // After a signal as well: what is left to do is told in it.
        *with = C::from_bytes(bytes);
        done
    }
}

/// A span as the calls have it; one that does not fit never passes.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(FOREVER)
}
