//! Locks and events of a world.
//!
//! Both are made without a host at hand (an event is a `const`), so the world they belong to is the thread's: the one
//! made or entered last on this thread.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError, TryLockError, Weak};

use nova_core::hal::{Event, Instant, Lock};

use super::journal::Violation;
use super::{Inner, World};

thread_local! {
    static CURRENT: RefCell<Weak<Inner>> = const { RefCell::new(Weak::new()) };
    static LOCKS_HELD: Cell<u32> = const { Cell::new(0) };
}

/// Makes `world` the thread's.
pub(super) fn enter(world: &World) {
    CURRENT.with_borrow_mut(|current| {
        if !std::ptr::eq(current.as_ptr(), std::sync::Arc::as_ptr(&world.0)) {
            *current = std::sync::Arc::downgrade(&world.0);
        }
    });
}

/// The thread's world.
fn current() -> Option<World> {
    CURRENT.with_borrow(Weak::upgrade).map(World)
}

/// Whether a lock is held: nobody may be interrupted then.
pub(super) fn is_any_lock_held() -> bool {
    LOCKS_HELD.get() > 0
}

/// A lock that knows a deadlock when it sees one: on one thread, a lock that is taken was taken by ourselves.
#[derive(Debug, Default)]
pub struct WorldLock<T>(Mutex<T>);

/// Counts a lock as held.
struct Held;

impl Held {
    fn new() -> Self {
        LOCKS_HELD.set(LOCKS_HELD.get() + 1);
        Self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        LOCKS_HELD.set(LOCKS_HELD.get() - 1);
    }
}

impl<T: Send> Lock<T> for WorldLock<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let mut value = match self.0.try_lock() {
            Ok(value) => value,
            // A test that panicked inside a lock goes on to look at the value.
            Err(TryLockError::Poisoned(value)) => value.into_inner(),
            Err(TryLockError::WouldBlock) => inside_itself(),
        };
        let _held = Held::new();
        f(&mut value)
    }
}

#[cold]
fn inside_itself() -> ! {
    let whence = current().map_or_else(
        || "outside any world".to_owned(),
        |world| {
            world.violate(Violation::LockInsideItself);
            world.whence()
        },
    );
    panic!("{} ({whence}); leave the lock before you take it again", Violation::LockInsideItself);
}

/// An event whose waiters run the world meanwhile.
#[derive(Debug)]
pub struct WorldEvent(AtomicU32);

impl Event for WorldEvent {
    const NEW: Self = Self(AtomicU32::new(0));

    fn epoch(&self) -> u32 {
        self.0.load(Relaxed)
    }

    fn signal(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// # Panics
    ///
    /// When the thread has no world, and when nothing will ever happen in it: a deadlock.
    fn wait(&self, seen: u32, until: Instant) {
        let Some(world) = current() else {
            panic!(
                "an event of a simulated host is waited for on a thread without a world; make the World here"
            )
        };
        world.wait(until, || self.epoch() != seen);
    }
}

/// A lock of the world itself, of which a panicking test leaves nothing broken.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
