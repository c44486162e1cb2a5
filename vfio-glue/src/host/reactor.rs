//! The one thread that waits: for the interrupts, requests, errors and connections of every device of a runtime.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_backends::threads::Books;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use crate::device::{Error, Event};

/// The bell's number.
const BELL: u64 = 0;

/// What to do when a file is ready.
type Handler = Arc<dyn Fn(EventFlags) + Send + Sync>;

/// Waits for files, and calls who is interested.
pub(super) struct Reactor {
    epoll: OwnedFd,
    /// Signalled when there is something else to do.
    bell: Event,
    sources: Mutex<Sources>,
}

#[derive(Default)]
struct Sources {
    handlers: BTreeMap<u64, Handler>,
    last: u64,
}

impl Reactor {
    pub(super) fn new() -> Result<Self, Error> {
        let fail = |errno| Error::System { what: "an epoll instance", errno };
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(fail)?;
        let bell = Event::new()?;
        epoll::add(&epoll, &bell, EventData::new_u64(BELL), EventFlags::IN).map_err(fail)?;
        Ok(Self { epoll, bell, sources: Mutex::default() })
    }

    /// Wakes the thread.
    pub(super) fn ring(&self) {
        self.bell.signal();
    }

    /// Has `handler` called, on the reactor's thread, whenever `file` is ready. The file has to stay open for as long as
    /// the watch.
    pub(super) fn watch(
        self: &Arc<Self>,
        file: BorrowedFd<'_>,
        flags: EventFlags,
        handler: impl Fn(EventFlags) + Send + Sync + 'static,
    ) -> Result<Watch, Error> {
        let fail = |errno| Error::System { what: "a file to wait for", errno };
        // epoll forgets a file when its last descriptor is closed; this one is the watch's own.
        let file = file.try_clone_to_owned().map_err(|_| fail(Errno::MFILE))?;
        let mut sources = self.lock();
        sources.last += 1;
        let number = sources.last;
        sources.handlers.insert(number, Arc::new(handler));
        drop(sources);
        let watch = Watch { reactor: self.clone(), file, number };
        epoll::add(&self.epoll, &watch.file, EventData::new_u64(number), flags).map_err(fail)?;
        Ok(watch)
    }

    /// Waits and serves, until the runtime ends.
    pub(super) fn run(&self, books: &Books) {
        let mut events = Vec::with_capacity(32);
        while !books.is_ending() {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                // Nothing else is possible of an epoll that is ours.
                Err(_) => return,
            }
            for event in events.drain(..) {
                let number = event.data.u64();
                if number == BELL {
                    self.bell.take();
                    continue;
                }
                let handler = self.lock().handlers.get(&number).cloned();
                if let Some(handler) = handler {
                    handler(event.flags);
                }
            }
            books.serve_interrupts();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reactor({} files)", self.lock().handlers.len())
    }
}

/// A file that is waited for; no longer when dropped. A handler that has begun may still run.
#[derive(Debug)]
pub(super) struct Watch {
    reactor: Arc<Reactor>,
    file: OwnedFd,
    number: u64,
}

impl Watch {
    /// Waits once more, for a file that is waited for only once.
    pub(super) fn again(&self, flags: EventFlags) {
        let data = EventData::new_u64(self.number);
        // It fails only if the file was taken out, which dropping this does.
        let _ = epoll::modify(&self.reactor.epoll, self.file.as_fd(), data, flags);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = epoll::delete(&self.reactor.epoll, self.file.as_fd());
        let handler = self.reactor.lock().handlers.remove(&self.number);
        // What it holds may come back to the reactor: without the lock.
        drop(handler);
    }
}
