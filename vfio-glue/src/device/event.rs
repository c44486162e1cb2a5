//! Eventfds: a counter in the kernel that one side raises and the other waits for.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, ReadWriteFlags, preadv2, write};

use super::Error;

/// An eventfd that never blocks: neither side, until somebody it was passed to makes it block again. Even then
/// [`take`](Self::take) does not.
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

    /// Signals it once. Not for one that was passed to somebody else, who could make it block, and fill it.
    pub fn signal(&self) {
        // It fails only when the counter is full, and then it is signalled already.
        let _ = write(&self.0, &1_u64.to_ne_bytes());
    }

    /// How often it was signalled since the last call.
    pub fn take(&self) -> u64 {
        let mut bytes = [0; 8];
        loop {
            // Says for itself that it does not wait: a server shares the file's flags and can change them. An eventfd has
            // no offset; this one stands for none.
            let mut parts = [IoSliceMut::new(&mut bytes)];
            match preadv2(&self.0, &mut parts, u64::MAX, ReadWriteFlags::NOWAIT) {
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

    #[test]
    fn one_that_somebody_made_block_does_not() {
        use std::sync::{Arc, mpsc};
        let event = Arc::new(Event::new().unwrap());
        rustix::fs::fcntl_setfl(event.as_fd(), rustix::fs::OFlags::RDWR).unwrap();
        let (done, wait) = mpsc::channel();
        let other = event.clone();
        let thread = std::thread::spawn(move || done.send(other.take()));
        let taken = wait.recv_timeout(std::time::Duration::from_secs(30));
        // Lets the thread go in any case.
        event.signal();
        thread.join().unwrap().unwrap();
        assert_eq!(taken, Ok(0));
    }
}
