//! Locks and events of hosts on threads.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nova_core::hal::{Event, Instant, Lock};

use super::clock;

/// The longest a waiter sleeps without looking; far below what a clock's range could make trouble with.
const LONGEST: u64 = 1_000_000_000;

/// Mutual exclusion between threads, interrupt thread included.
#[derive(Debug, Default)]
pub struct ThreadLock<T>(Mutex<T>);

impl<T: Send> Lock<T> for ThreadLock<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut lock(&self.0))
    }
}

/// Signals counted, and threads that wait for one.
#[derive(Debug)]
pub struct ThreadEvent {
    epoch: AtomicU32,
    waiters: Mutex<()>,
    woken: Condvar,
}

impl Event for ThreadEvent {
    const NEW: Self = Self { epoch: AtomicU32::new(0), waiters: Mutex::new(()), woken: Condvar::new() };

    fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    fn signal(&self) {
        // Under the lock, so that it does not fall between a waiter's look and its sleep.
        let waiters = lock(&self.waiters);
        self.epoch.fetch_add(1, Ordering::Release);
        drop(waiters);
        self.woken.notify_all();
    }

    fn wait(&self, seen: u32, until: Instant) {
        let mut waiters = lock(&self.waiters);
        while self.epoch() == seen {
            let left = until.since(clock::now()).get();
            if left == 0 {
                return;
            }
            waiters = wait(&self.woken, waiters, left.min(LONGEST));
        }
    }
}

/// Takes a lock, also one that a panicking test has left.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a signal at most `ns`.
pub(super) fn wait<'a, T>(signal: &Condvar, guard: MutexGuard<'a, T>, ns: u64) -> MutexGuard<'a, T> {
    signal.wait_timeout(guard, Duration::from_nanos(ns)).unwrap_or_else(PoisonError::into_inner).0
}
