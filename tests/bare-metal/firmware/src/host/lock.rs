//! Mutual exclusion on one processor: interrupts are held back.

use core::cell::RefCell;
use core::convert::Infallible;

use critical_section::Mutex;
use nova_backends::lock;
use nova_core::hal;

/// A value that is used with interrupts held back.
pub(crate) struct CsLock<T>(Mutex<RefCell<T>>);

impl<T> CsLock<T> {
    /// A lock around `value`.
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(RefCell::new(value)))
    }

    /// Runs `f` with the value. Taken inside itself, which the contract forbids, it panics: it could not wait.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        critical_section::with(|held| f(&mut self.0.borrow_ref_mut(held)))
    }
}

/// As the lock of drivers.
impl<T: Send> hal::Lock<T> for CsLock<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(f)
    }
}

/// As the lock of a model that is a bus.
impl<T> lock::Lock for CsLock<T> {
    type Inner = T;
    type Error = Infallible;
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Result<R, Infallible> {
        Ok(self.with(f))
    }
}
