//! What happened, written down where no checker sees it, and the contract checked against it.
//!
//! The checkers run one thread at a time, so a ledger is always up to date, whatever memory order allows.

use std::sync::{Arc, Mutex, MutexGuard};

/// Entries a ledger counts.
pub const LANES: usize = 8;

/// The ledger of one execution of a model.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Book>);

/// What is in the ledger.
#[derive(Debug, Default, Clone)]
pub struct Book {
    /// The binding whose driver there is; 0 for none.
    pub binding: u32,
    /// Teardown has begun: no callback may run until the next binding.
    pub quiet: bool,
    /// The device sleeps: nobody may touch it.
    pub asleep: bool,
    /// Calls of driver code that are inside now.
    pub inside: u32,
    /// Calls so far, by entry, all bindings.
    pub ran: [u32; LANES],
    /// Calls of the host that asked for removal.
    pub requests: u32,
    /// What has been set up and not been quiesced, in order.
    pub up: Vec<&'static str>,
    /// What has been registered and not been freed, in order.
    pub held: Vec<&'static str>,
    /// Buses that have not been dropped.
    pub buses: u32,
    /// Hosts that have not been dropped.
    pub hosts: u32,
    /// The ledger of a child device, which goes first and sleeps first.
    pub child: Option<Arc<Ledger>>,
}

impl Ledger {
    fn book(&self) -> MutexGuard<'_, Book> {
        // A failed assertion poisons it; the first one is the one to tell.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What is in it now.
    pub fn read(&self) -> Book {
        self.book().clone()
    }

    /// From now on checks the order between this device and a child.
    pub fn has_child(&self, child: Arc<Self>) {
        self.book().child = Some(child);
    }

    /// A host was made for a probe, and a bus of its own unless it is a child's.
    pub fn made(&self, with_bus: bool) {
        let mut book = self.book();
        (book.hosts, book.buses) = (book.hosts + 1, book.buses + u32::from(with_bus));
    }

    /// A driver was attached.
    pub fn attached(&self, binding: u32) {
        let mut book = self.book();
        assert_eq!(book.binding, 0, "two drivers at a time");
        (book.binding, book.quiet, book.asleep) = (binding, false, false);
    }

    /// The driver's state was dropped.
    pub fn dropped(&self) {
        let mut book = self.book();
        assert_eq!(book.inside, 0, "L3: freed with a callback inside");
        assert!(book.up.is_empty() && book.held.is_empty(), "L16: the state went first: {book:?}");
        book.binding = 0;
    }

    /// A bus was dropped.
    pub fn bus_dropped(&self) {
        let mut book = self.book();
        assert_eq!(book.binding, 0, "L7: the bus went before the driver's state");
        book.buses -= 1;
    }

    /// A host was dropped.
    pub fn host_dropped(&self) {
        let mut book = self.book();
        assert!(book.buses < book.hosts, "L7: the host went before its bus");
        book.hosts -= 1;
    }

    /// A step or entry was set up; an entry is freed later.
    pub fn up(&self, name: &'static str, is_entry: bool) {
        let mut book = self.book();
        book.up.push(name);
        if is_entry {
            book.held.push(name);
        }
    }

    /// A step or entry was quiesced.
    pub fn down(&self, name: &'static str) {
        let mut book = self.book();
        assert_eq!(book.inside, 0, "L3: taken down with a callback inside");
        assert_eq!(book.up.pop(), Some(name), "L7: not the reverse order");
        if let Some(child) = &book.child {
            assert_eq!(child.book().binding, 0, "L7: the parent went before the child");
        }
        book.quiet = true;
    }

    /// An entry was freed.
    pub fn freed(&self, name: &'static str) {
        let mut book = self.book();
        assert!(book.up.is_empty(), "L16: freed while something is at work: {book:?}");
        assert_eq!(book.held.pop(), Some(name), "L7: not the reverse order");
    }

    /// The device went to sleep, or is being woken.
    pub fn sleeps(&self, asleep: bool) {
        let mut book = self.book();
        assert_eq!(book.inside, 0, "L14: asleep with a callback inside");
        if let Some(child) = book.child.as_ref().map(|child| child.read()) {
            assert!(child.binding == 0 || child.asleep || child.quiet, "L14: a child is awake: {child:?}");
        }
        book.asleep = asleep;
    }

    /// A callback of this binding begins.
    pub fn enter(&self, lane: usize, binding: u32) {
        let mut book = self.book();
        assert_eq!(book.binding, binding, "L2, L15: a callback of another binding");
        assert!(!book.quiet, "L5: a callback during teardown");
        assert!(!book.asleep, "L14: a callback during sleep");
        book.inside += 1;
        book.ran[lane] += 1;
    }

    /// A callback ends.
    pub fn leave(&self, binding: u32) {
        let mut book = self.book();
        assert!(book.binding == binding && !book.quiet && !book.asleep, "L3: not waited for: {book:?}");
        book.inside -= 1;
    }

    /// A register access.
    pub fn access(&self) {
        let book = self.book();
        assert_ne!(book.buses, 0, "L1: an access after remove");
        assert!(!book.asleep, "L14: an access during sleep");
    }

    /// The host was asked for removal.
    pub fn requested(&self) {
        self.book().requests += 1;
    }

    /// No driver is bound, and nobody is going to bind one: nothing is left of the last one.
    pub fn check_empty(&self) {
        let book = self.book();
        assert_eq!((book.binding, book.inside), (0, 0), "L2: {book:?}");
        assert!(book.up.is_empty() && book.held.is_empty(), "L11: left over: {book:?}");
        assert_eq!((book.buses, book.hosts), (0, 0), "L11: {book:?}");
    }
}
