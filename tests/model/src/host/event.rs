//! What sessions wait on.

use nova_core::hal::{Event, Instant};
use nova_core::sync::{AtomicU32, Ordering};

use crate::checker::thread::yield_now;

/// A counter. A signal carries what was done before it, and nothing more: no lock orders two signals.
#[derive(Debug)]
pub struct ModelEvent(AtomicU32);

/// Until then one waits that waits for ever.
pub const FOREVER: Instant = Instant(u64::MAX);

impl Event for ModelEvent {
    const NEW: Self = Self(AtomicU32::new(0));

    fn epoch(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
    fn signal(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
    fn wait(&self, seen: u32, until: Instant) {
        // A loop and not a sleep: a wake-up that is lost ends in the checker's limit of steps.
        while self.epoch() == seen {
            yield_now();
            if until != FOREVER {
                // May return early: the session looks at its clock.
                return;
            }
        }
    }
}
