//! Locks, events and delays of the event loop.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use embedded_hal::delay::DelayNs;
use nova_core::hal::{Event, Instant, Lock};

use super::Machine;

/// A lock.
#[derive(Debug, Default)]
pub(crate) struct Mutual<T>(Mutex<T>);

impl<T: Send> Lock<T> for Mutual<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut super::lock(&self.0))
    }
}

/// A counter of signals. Nobody blocks on it: who waits runs the event loop meanwhile.
#[derive(Debug)]
pub(crate) struct Signals(AtomicU32);

impl Event for Signals {
    const NEW: Self = Self(AtomicU32::new(0));

    fn epoch(&self) -> u32 {
        self.0.load(SeqCst)
    }
    fn signal(&self) {
        self.0.fetch_add(1, SeqCst);
    }
    fn wait(&self, _seen: u32, _until: Instant) {
        // Early for no reason, as the trait allows; the caller's clock runs the event loop.
    }
}

/// A delay on the machine's time.
#[derive(Clone)]
pub(crate) struct Delay(Arc<dyn Machine>);

impl Delay {
    pub(super) fn new(machine: Arc<dyn Machine>) -> Self {
        Self(machine)
    }
}

impl fmt::Debug for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delay")
    }
}

impl DelayNs for Delay {
    fn delay_ns(&mut self, ns: u32) {
        let end = self.0.now().saturating_add(ns.into());
        while self.0.now() < end {
            let before = self.0.now();
            self.0.pass(end);
            if self.0.now() == before {
                // A machine in which no time passes.
                return;
            }
        }
    }
}
