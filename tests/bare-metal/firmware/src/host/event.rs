//! What sessions wait on.

use core::sync::atomic::{AtomicU32, Ordering};

use nova_core::hal::{Event, Instant};

use super::queue;
use crate::platform;

/// A counter of signals. Who waits runs the work that is queued, as the main loop would.
pub(crate) struct Signal(AtomicU32);

impl Event for Signal {
    const NEW: Self = Self(AtomicU32::new(0));

    fn epoch(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    fn signal(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    fn wait(&self, seen: u32, until: Instant) {
        let waiting = || self.epoch() == seen && platform::now() < until;
        while waiting() {
            queue::turn(until, waiting);
        }
    }
}
