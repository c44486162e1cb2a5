//! Who may touch shared state, and when: the caller chooses the lock.
//!
//! A [`Bus`](nova_core::bus::Bus) is used through `&self`, while a model, a sink or a replayed
//! trace changes with every access. This crate has no lock of its own to put around them: single
//! threaded code uses [`RefCell`], and every host's own lock fits through [`HostLock`].

use core::cell::RefCell;
use core::convert::Infallible;
use core::fmt;
use core::marker::PhantomData;

use nova_core::{bus, hal};

/// Exclusive access to an `Inner` behind a shared reference.
pub trait Lock {
    /// What is protected.
    type Inner;
    /// Why it could not be had. `Infallible` for a lock that waits.
    type Error: bus::Error;

    /// Runs `f` with the inner value.
    ///
    /// # Errors
    ///
    /// When the lock cannot be taken; `f` has not run then.
    fn with<R>(&self, f: impl FnOnce(&mut Self::Inner) -> R) -> Result<R, Self::Error>;
}

impl<L: Lock> Lock for &L {
    type Inner = L::Inner;
    type Error = L::Error;
    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut Self::Inner) -> R) -> Result<R, Self::Error> {
        (**self).with(f)
    }
}

impl<T> Lock for RefCell<T> {
    type Inner = T;
    type Error = Busy;
    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Result<R, Busy> {
        let mut inner = self.try_borrow_mut().map_err(|_| Busy)?;
        Ok(f(&mut inner))
    }
}

/// The lock of a host ([`nova_core::hal::Lock`]): it waits, so it cannot fail.
#[derive(Debug)]
pub struct HostLock<T, L> {
    lock: L,
    inner: PhantomData<fn(T) -> T>,
}

impl<T, L: hal::Lock<T>> HostLock<T, L> {
    /// A lock around `value`.
    pub fn new(value: T) -> Self {
        Self { lock: L::new(value), inner: PhantomData }
    }
}

impl<T, L: hal::Lock<T>> Lock for HostLock<T, L> {
    type Inner = T;
    type Error = Infallible;
    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Result<R, Infallible> {
        Ok(self.lock.with(f))
    }
}

/// A [`RefCell`] was already in use: code that runs inside an access made another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the bus is in the middle of another access and this one came from inside it; \
             make it after the first has returned",
        )
    }
}

impl core::error::Error for Busy {}

impl bus::Error for Busy {
    fn kind(&self) -> bus::ErrorKind {
        bus::ErrorKind::Other
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::sync::Mutex;

    use super::*;

    /// What a host with threads would give.
    struct StdLock<T>(Mutex<T>);

    impl<T: Send> hal::Lock<T> for StdLock<T> {
        fn new(value: T) -> Self {
            Self(Mutex::new(value))
        }
        fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
            f(&mut self.0.lock().unwrap())
        }
    }

    #[test]
    fn a_host_lock_fits_and_is_shareable() {
        fn add_one<L: Lock<Inner = u32, Error = Infallible> + Sync>(lock: &L) -> u32 {
            lock.with(|value| {
                *value += 1;
                *value
            })
            .unwrap_or_else(|never| match never {})
        }
        let lock = HostLock::<u32, StdLock<u32>>::new(1);
        assert_eq!(add_one(&lock), 2);
        assert_eq!(add_one(&lock), 3);
    }

    #[test]
    fn reentry_is_an_error_and_not_a_panic() {
        let lock = RefCell::new(1);
        assert_eq!(lock.with(|outer| (*outer, lock.with(|inner| *inner))), Ok((1, Err(Busy))));
        assert_eq!((&&lock).with(|value| *value), Ok(1));
    }
}
