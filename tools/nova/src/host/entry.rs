//! A registered callback, of any kind.

use nova_core::hal::{Clock as _, DelayedWork, Instant, Interrupt, Registration, Timer, Work};

use super::Local;
use super::jobs::Kind;

/// A registered callback: which kind, the host's associated types say.
pub(crate) struct Entry {
    host: Local,
    id: usize,
}

impl Entry {
    pub(super) fn new(host: Local, id: usize) -> Self {
        Self { host, id }
    }
}

impl Registration for Entry {
    fn cancel(&self) {
        // One thread, and not inside a callback: nobody is to be waited for. Dropped without the lock.
        let removed = self.host.jobs().remove(self.id);
        if let Some((Kind::Interrupt, _)) = removed {
            // Switching off does not fail in a way that anybody could do something about.
            let _ = self.host.0.machine.listen(false);
        }
    }

    fn replay(&self) {
        self.host.jobs().again(self.id);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Interrupt for Entry {
    fn enable(&self) {
        self.host.jobs().enable(self.id, true);
        self.host.0.machine.handled();
    }
    fn disable(&self) {
        self.host.jobs().enable(self.id, false);
    }
}

impl Work for Entry {
    fn queue(&self) -> bool {
        let now = self.host.now().nanos();
        self.host.jobs().queue(self.id, now)
    }
}

impl DelayedWork for Entry {
    fn queue_at(&self, at: Instant) -> bool {
        self.host.jobs().queue(self.id, at.nanos())
    }
}

impl Timer for Entry {
    fn arm(&self, at: Instant) -> bool {
        self.host.jobs().arm(self.id, Some(at.nanos()))
    }
    fn disarm(&self) {
        self.host.jobs().arm(self.id, None);
    }
}
