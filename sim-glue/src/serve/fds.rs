//! What file descriptors from a client are, before anything is done with them.
//!
//! A read or write on a file of the client's choice could block for ever: on a pipe, on a file system that the client
//! serves itself. So an interrupt goes to real eventfds only, and memory is reached through tmpfs and hugetlbfs files
//! only, which is where memfds and the memory of virtual machines are.
//!
//! An eventfd is set not to block; that is a property the client shares, and can take back. So each read says for itself
//! that it does not wait, and before each write there is a look for room, since the kernel has no write to an eventfd
//! that says so. Against a client that takes the property back and then fills the counter between the look and the
//! write this does not help: it can hold up the server that serves it, and nobody else.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

const TMPFS: u64 = 0x0102_1994;
const HUGETLBFS: u64 = 0x9584_58f6;
const RAMFS: u64 = 0x8584_58f6;

/// An eventfd of the client, which is not waited for; see the top of the file.
#[derive(Debug)]
pub(super) struct Event(OwnedFd);

impl Event {
    /// Takes a client's file descriptor for an eventfd.
    ///
    /// # Errors
    ///
    /// `EINVAL` when it is something else.
    pub(super) fn new(fd: OwnedFd) -> Result<Self, Errno> {
        let link = rustix::fs::readlink(format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new())?;
        if link.to_bytes() != b"anon_inode:[eventfd]" {
            return Err(Errno::INVAL);
        }
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        Ok(Self(fd))
    }

    /// Adds one. A counter that is full has been seen by nobody and tells as much.
    pub(super) fn signal(&self) {
        let mut room = [PollFd::new(&self.0, PollFlags::OUT)];
        let looked = poll(&mut room, Some(&Timespec::default()));
        if looked != Ok(1) || !room[0].revents().contains(PollFlags::OUT) {
            return;
        }
        match rustix::io::write(&self.0, &1_u64.to_ne_bytes()) {
            Ok(_) | Err(_) => {}
        }
    }

    /// Takes what was added; whether there was anything.
    pub(super) fn take(&self) -> bool {
        let mut bytes = [0; 8];
        // An eventfd has no offset; this one stands for none.
        preadv2(&self.0, &mut [IoSliceMut::new(&mut bytes)], u64::MAX, ReadWriteFlags::NOWAIT).is_ok()
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Which file it is, and how it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
    mode: u32,
}

/// A file that memory can be shared through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SharedFile {
    pub(super) id: FileId,
    /// Bytes.
    pub(super) size: u64,
    pub(super) readable: bool,
    pub(super) writable: bool,
}

impl SharedFile {
    /// Looks at a client's file descriptor; `None` when it is no shared memory.
    pub(super) fn of(fd: BorrowedFd<'_>) -> Option<Self> {
        let stat = rustix::fs::fstat(fd).ok()?;
        let system = rustix::fs::fstatfs(fd).ok()?.f_type.cast_unsigned();
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
            || ![TMPFS, HUGETLBFS, RAMFS].contains(&system)
        {
            return None;
        }
        let mode = rustix::fs::fcntl_getfl(fd).ok()? & OFlags::ACCMODE;
        Some(Self {
            id: FileId { device: stat.st_dev, inode: stat.st_ino, mode: mode.bits() },
            size: stat.st_size.cast_unsigned(),
            readable: mode != OFlags::WRONLY,
            writable: mode != OFlags::RDONLY,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fs::{MemfdFlags, memfd_create};

    #[test]
    fn only_eventfds_are_signalled_and_a_full_one_does_not_block() {
        let fd = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let event = Event::new(fd.try_clone().unwrap()).unwrap();
        event.signal();
        assert!(event.take() && !event.take());
        rustix::io::write(&fd, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        event.signal();
        assert!(event.take());
        let (reader, writer) = std::io::pipe().unwrap();
        assert_eq!(Event::new(writer.into()).map(|_| ()), Err(Errno::INVAL));
        assert_eq!(Event::new(reader.into()).map(|_| ()), Err(Errno::INVAL));
    }

    #[test]
    fn one_that_was_made_to_block_again_does_not() {
        use std::sync::mpsc;
        let fd = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let event = Event::new(fd.try_clone().unwrap()).unwrap();
        rustix::fs::fcntl_setfl(&fd, OFlags::RDWR).unwrap();
        let (done, wait) = mpsc::channel();
        let (go, may) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            done.send(event.take()).unwrap();
            may.recv().unwrap();
            event.signal();
            done.send(true).unwrap();
        });
        let deadline = std::time::Duration::from_secs(30);
        let taken = wait.recv_timeout(deadline);
        rustix::io::write(&fd, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        go.send(()).unwrap();
        let signalled = wait.recv_timeout(deadline);
        // Lets the thread go in any case.
        rustix::io::read(&fd, &mut [0; 8]).unwrap();
        thread.join().unwrap();
        assert_eq!((taken, signalled), (Ok(false), Ok(true)));
    }

    #[test]
    fn only_shared_memory_is_memory() {
        let memory = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&memory, 8192).unwrap();
        let file = SharedFile::of(memory.as_fd()).unwrap();
        assert_eq!((file.size, file.readable, file.writable), (8192, true, true));
        let again = SharedFile::of(memory.try_clone().unwrap().as_fd()).unwrap();
        assert_eq!(again.id, file.id);
        let (_, writer) = std::io::pipe().unwrap();
        assert_eq!(SharedFile::of(writer.as_fd()), None);
        let null = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(SharedFile::of(null.as_fd()), None);
        let proc = std::fs::File::open("/proc/self/status").unwrap();
        assert_eq!(SharedFile::of(proc.as_fd()), None);
    }
}
