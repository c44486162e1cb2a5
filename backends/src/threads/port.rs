//! The place of one device at a runtime.

use std::fmt;
use std::sync::Arc;

use nova_core::hal::{Callback, Level, Outcome};

use super::entry::Entry;
use super::roster::{Handle, Kind};
use super::runtime::{Books, Runtime};

/// What to do when a driver asks for removal; runs on a thread of its own.
pub type RemovalHook = Arc<dyn Fn() + Send + Sync>;

/// Told of every interrupt handler that returned: its vector, and how it went.
pub(super) type HandledHook = Arc<dyn Fn(u32, Outcome) + Send + Sync>;

/// What the books know of a place.
#[derive(Default)]
pub(super) struct Place {
    pub(super) handled: Option<HandledHook>,
    removal: Option<RemovalHook>,
    removal_requests: u64,
}

/// The place of one device. Clones are the same; it keeps the threads going.
#[derive(Clone)]
pub struct Port(Arc<Held>);

/// Gives the place up when dropped.
struct Held {
    runtime: Runtime,
    books: Books,
    number: u32,
}

impl Port {
    pub(super) fn new(runtime: Runtime) -> Self {
        let books = runtime.books();
        let mut state = books.0.lock();
        let number = state.next_place;
        // Four billion devices later the numbers come round; a place that is still taken then is shared, not lost.
        state.next_place = number.wrapping_add(1);
        state.places.entry(number).or_default();
        drop(state);
        Self(Arc::new(Held { runtime, books, number }))
    }

    /// Its number at the runtime.
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// The runtime.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// Registers a callback. The vector matters of interrupts only.
    pub fn register(&self, kind: Kind, vector: u32, callback: Callback<Handle>) -> Entry {
        let books = &self.0.books;
        let id = books.0.lock().roster.insert(kind, self.0.number, vector, callback);
        Entry::new(books.clone(), id, kind)
    }

    /// Whether the vector has a handler.
    pub fn has_vector(&self, vector: u32) -> bool {
        self.0.books.0.lock().roster.has_vector(self.0.number, vector)
    }

    /// An interrupt message has arrived.
    pub fn message(&self, vector: u32) {
        self.0.books.0.message(self.0.number, vector);
        self.0.books.0.ring();
    }

    /// Has `hook` told of every interrupt handler that returned, on the thread that called it; or was refused. When a
    /// registration is cancelled, the hook is not inside for it.
    pub fn on_handled(&self, hook: impl Fn(u32, Outcome) + Send + Sync + 'static) {
        let before = self.with(|place| place.handled.replace(Arc::new(hook)));
        drop(before);
    }

    /// What to do when the driver asks for removal.
    pub fn on_removal_request(&self, hook: RemovalHook) {
        // Not dropped under the lock: it may hold the last reference to a device.
        let before = self.with(|place| place.removal.replace(hook));
        drop(before);
    }

    /// The driver asked for removal. From any context: the hook runs on a thread of its own.
    pub fn request_removal(&self) {
        self.0.books.0.change(|state| {
            let Some(place) = state.places.get_mut(&self.0.number) else { return };
            place.removal_requests = place.removal_requests.saturating_add(1);
            state.actions.extend(place.removal.clone());
        });
    }

    /// Runs something soon, on a thread that may wait, and where requests for removal run too.
    pub fn run_soon(&self, action: impl Fn() + Send + Sync + 'static) {
        self.0.books.0.change(|state| state.actions.push_back(Arc::new(action)));
    }

    /// How often the driver asked for removal.
    pub fn removal_requests(&self) -> u64 {
        self.with(|place| place.removal_requests)
    }

    /// Takes a message of the driver's, if its level is kept.
    pub fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.0.books.0.log(level, message);
    }

    fn with<R: Default>(&self, f: impl FnOnce(&mut Place) -> R) -> R {
        self.0.books.0.lock().places.get_mut(&self.0.number).map(f).unwrap_or_default()
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Port({})", self.0.number)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let place = self.books.0.lock().places.remove(&self.number);
        // Its hooks may hold the last reference to a device.
        drop(place);
    }
}
