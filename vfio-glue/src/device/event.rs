//! Eventfds: a counter in the kernel that one side raises and the other waits for.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, read, write};

use super::Error;

/// An eventfd that never blocks.
#[derive(Debug)]
pub struct Event(OwnedFd);

impl Event {
    /// One that was not signalled.
    ///
    /// # Errors
    ///
    /// When the process has no file descriptors left.
    pub fn new() -> Result<Self, Error> {
        let made = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        made.map(Self).map_err(|errno| Error::System { what: "an eventfd", errno })
    }

    /// Signals it once.
    pub fn signal(&self) {
        // It fails only when the counter is full, and then it is signalled already.
        let _ = write(&self.0, &1_u64.to_ne_bytes());
    }

    /// How often it was signalled since the last call.
    pub fn take(&self) -> u64 {
        let mut bytes = [0; 8];
        loop {
            match read(&self.0, &mut bytes) {
                Ok(8) => return u64::from_ne_bytes(bytes),
                Err(Errno::INTR) => {}
                _ => return 0,
            }
        }
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_counted_until_they_are_taken() {
        let event = Event::new().unwrap();
        assert_eq!(event.take(), 0);
        event.signal();
        event.signal();
        assert_eq!((event.take(), event.take()), (2, 0));
    }
}
