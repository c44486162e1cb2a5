//! A registered callback.

use std::fmt;

use nova_core::hal::{DelayedWork, Instant, Interrupt, Registration, Timer, Work};

use super::roster::{Kind, SlotId};
use super::runtime::Books;

/// A registered callback of any kind: which one, the host's associated types say.
///
/// It keeps the books of its host alive, not its threads.
pub struct Entry {
    books: Books,
    id: SlotId,
    kind: Kind,
}

impl Entry {
    pub(super) const fn new(books: Books, id: SlotId, kind: Kind) -> Self {
        Self { books, id, kind }
    }

    /// The entry can perhaps be called now.
    fn ring(&self) {
        if self.kind == Kind::Interrupt {
            self.books.0.ring();
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry(#{})", self.id.index())
    }
}

impl Registration for Entry {
    fn cancel(&self) {
        self.books.0.cancel(self.id);
    }

    fn replay(&self) {
        self.books.0.change(|state| state.roster.replay(self.id, 0));
        self.ring();
    }
}

impl Interrupt for Entry {
    fn enable(&self) {
        self.books.0.change(|state| state.roster.enable(self.id, true));
        self.ring();
    }

    fn disable(&self) {
        self.books.0.change(|state| state.roster.enable(self.id, false));
    }
}

impl Work for Entry {
    fn queue(&self) -> bool {
        self.books.0.change(|state| state.roster.queue(self.id, 0))
    }
}

impl DelayedWork for Entry {
    fn queue_at(&self, at: Instant) -> bool {
        self.books.0.change(|state| state.roster.queue(self.id, at.nanos()))
    }
}

impl Timer for Entry {
    fn arm(&self, at: Instant) -> bool {
        self.books.0.change(|state| state.roster.arm(self.id, at.nanos()))
    }

    fn disarm(&self) {
        self.books.0.change(|state| state.roster.disarm(self.id));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.books.0.cancel(self.id);
        self.books.0.lock().roster.release(self.id);
    }
}
