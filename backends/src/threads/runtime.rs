//! The threads, and what they share.

use std::boxed::Box;
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::string::String;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::vec::Vec;
use std::{fmt, format, io};

use nova_core::hal::{Callback, Instant, Level, Outcome};

use super::clock;
use super::port::{Place, Port, RemovalHook};
use super::roster::{Handle, Kind, Roster, SlotId, Tally};
use super::sync::{lock, wait};

/// The longest a thread sleeps without looking, in ns: what is done to a machine behind the host's back is seen that soon.
const LONGEST: u64 = 1_000_000;
/// Messages kept.
const LOG_CAPACITY: usize = 1024;

std::thread_local! {
    /// The entry whose callback this thread is in.
    static INSIDE: Cell<Option<SlotId>> = const { Cell::new(None) };
}

/// How a runtime is made.
#[derive(Debug)]
pub struct Config {
    /// What the names of its threads begin with; with the rest, 15 characters are seen.
    pub name: &'static str,
    /// Threads for work items, at least one.
    pub workers: usize,
    /// Messages below this level are not kept.
    pub log_level: Level,
    /// Who calls interrupt handlers.
    pub interrupts: Interrupts,
}

/// Who calls interrupt handlers.
pub enum Interrupts {
    /// A thread of the runtime's, woken by [`Port::message`].
    Thread,
    /// A thread of the host's, which waits for something else than the runtime: it calls [`Books::serve_interrupts`]
    /// when the doorbell has rung. The bell is rung without a lock, and also when the runtime ends.
    Own(Doorbell),
}

/// Wakes the thread that serves interrupts.
pub type Doorbell = Box<dyn Fn() + Send + Sync>;

impl fmt::Debug for Interrupts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread => "Thread",
            Self::Own(_) => "Own",
        })
    }
}

/// Threads that hosts run on. Clones are the same; the threads end with the last clone and the last [`Port`].
#[derive(Clone)]
pub struct Runtime(Arc<Running>);

/// The threads of a runtime; they end when this is dropped.
struct Running {
    books: Books,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Runtime {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// When the operating system has no threads left; those that were started end.
    pub fn start(config: Config) -> io::Result<Self> {
        // Registers the process for the gates' barriers: quick only while there are few threads.
        let _ = crate::gate::mode();
        let (own, doorbell) = match config.interrupts {
            Interrupts::Thread => (false, None),
            Interrupts::Own(doorbell) => (true, Some(doorbell)),
        };
        let books = Books(Arc::new(Shared::new(config.log_level, doorbell)));
        let runtime = Self(Arc::new(Running { books, threads: Mutex::new(Vec::new()) }));
        let name = |what| format!("{}-{what}", config.name);
        if !own {
            runtime.spawn(name("irq"), |books| books.0.call_all(&[Kind::Interrupt]))?;
        }
        runtime.spawn(name("timer"), |books| books.0.call_all(&[Kind::Timer]))?;
        for _ in 0..config.workers.max(1) {
            runtime.spawn(name("worker"), |books| books.0.call_all(&[Kind::Work, Kind::DelayedWork]))?;
        }
        runtime.spawn(name("control"), |books| books.0.run_actions())?;
        Ok(runtime)
    }

    /// Starts one more thread, which has to return when [`Books::is_ending`]; the end of the runtime waits for it.
    ///
    /// # Errors
    ///
    /// When the operating system has no threads left.
    pub fn spawn(&self, name: String, run: impl FnOnce(&Books) + Send + 'static) -> io::Result<()> {
        let books = self.books();
        let thread = thread::Builder::new().name(name).spawn(move || run(&books))?;
        lock(&self.0.threads).push(thread);
        Ok(())
    }

    /// Starts a thread for a machine that acts by itself. `step` gets the time and gives the time it is to be called
    /// again, both in ns of the clock; it is called earlier when something has changed, and a millisecond later at the latest.
    ///
    /// # Errors
    ///
    /// When the operating system has no threads left.
    pub fn machine(&self, name: String, step: impl FnMut(u64) -> u64 + Send + 'static) -> io::Result<()> {
        self.spawn(name, |books| books.0.run_machine(step))
    }

    /// A place for one more device.
    pub fn port(&self) -> Port {
        Port::new(self.clone())
    }

    /// What the threads share.
    pub fn books(&self) -> Books {
        self.0.books.clone()
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runtime({} registrations)", self.0.books.live_registrations())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let shared = &self.books.0;
        shared.lock().stop = true;
        shared.wake.notify_all();
        shared.ring();
        for thread in lock(&self.threads).drain(..) {
            // A callback's thread may hold the last reference to the device, and with it to this host.
            if thread.thread().id() != thread::current().id() {
                // A panic in a driver's callback has been reported by the thread itself.
                let _ = thread.join();
            }
        }
    }
}

/// What the threads of a runtime share. It does not keep them going.
#[derive(Clone)]
pub struct Books(pub(super) Arc<Shared>);

impl Books {
    /// Whether the runtime has come to its end.
    pub fn is_ending(&self) -> bool {
        self.0.lock().stop
    }

    /// An interrupt message for a port has arrived. The thread that serves interrupts may call this.
    pub fn message(&self, port: u32, vector: u32) {
        self.0.message(port, vector);
    }

    /// Calls every interrupt handler that is due, and returns: for the one thread that serves the interrupts of a
    /// runtime that was made with [`Interrupts::Own`].
    pub fn serve_interrupts(&self) {
        self.0.call_ready(&[Kind::Interrupt]);
    }

    /// Lets the machines of [`Runtime::machine`] look what there is to do.
    pub fn nudge(&self) {
        self.0.change(|_| ());
    }

    /// How often callbacks of a kind were called.
    pub fn tally(&self, kind: Kind) -> Tally {
        self.0.lock().roster.tally(kind)
    }

    /// Callbacks registered at present.
    pub fn live_registrations(&self) -> usize {
        self.0.lock().roster.live()
    }

    /// Interrupt messages that arrived while nobody had requested the vector.
    pub fn stray_messages(&self) -> u64 {
        self.0.lock().stray_messages
    }

    /// What drivers logged, oldest first; the last thousand.
    pub fn log(&self) -> Vec<(Instant, Level, String)> {
        self.0.lock().log.iter().cloned().collect()
    }
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Books({} registrations)", self.live_registrations())
    }
}

/// Behind [`Books`].
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something may have become due.
    wake: Condvar,
    /// A callback has returned.
    idle: Condvar,
    log_level: Level,
    doorbell: Option<Doorbell>,
}

/// Behind the lock, which is never held while a driver's code runs.
pub(super) struct State {
    pub(super) roster: Roster,
    pub(super) places: BTreeMap<u32, Place>,
    pub(super) next_place: u32,
    log: VecDeque<(Instant, Level, String)>,
    stray_messages: u64,
    pub(super) actions: VecDeque<RemovalHook>,
    /// Changes so far.
    changes: u64,
    stop: bool,
}

impl Shared {
    fn new(log_level: Level, doorbell: Option<Doorbell>) -> Self {
        let state = State {
            roster: Roster::default(),
            places: BTreeMap::new(),
            next_place: 0,
            log: VecDeque::new(),
            stray_messages: 0,
            actions: VecDeque::new(),
            changes: 0,
            stop: false,
        };
        let (wake, idle) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::new(state), wake, idle, log_level, doorbell }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Changes the state, and lets the threads look what has become due.
    pub(super) fn change<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        state.changes = state.changes.wrapping_add(1);
        let result = f(&mut state);
        drop(state);
        self.wake.notify_all();
        result
    }

    /// Wakes a thread of the host's that serves interrupts.
    pub(super) fn ring(&self) {
        if let Some(doorbell) = &self.doorbell {
            doorbell();
        }
    }

    /// Ends an entry, and waits until nobody is inside its callback.
    pub(super) fn cancel(&self, id: SlotId) {
        let mut state = self.lock();
        let callback = state.roster.cancel(id);
        // Inside its own callback the wait would be for itself; the gate keeps real drivers from getting here.
        while state.roster.is_running(id) && INSIDE.get() != Some(id) {
            state = wait(&self.idle, state, LONGEST);
        }
        drop(state);
        // Without the lock: it may be the last reference to the device.
        drop(callback);
    }

    pub(super) fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        if level < self.log_level {
            return;
        }
        let message = format!("{message}");
        let mut state = self.lock();
        if state.log.len() == LOG_CAPACITY {
            state.log.pop_front();
        }
        state.log.push_back((clock::now(), level, message));
    }

    pub(super) fn message(&self, port: u32, vector: u32) {
        self.change(|state| {
            let wanted = state.roster.message(port, vector, 0);
            state.stray_messages = state.stray_messages.saturating_add(u64::from(!wanted));
        });
    }

    /// Calls the entries of some kinds as they become due, until the end.
    fn call_all(&self, kinds: &[Kind]) {
        while let Some((id, callback)) = self.next_call(kinds) {
            self.call(id, callback);
        }
    }

    /// Calls the entries of some kinds that are due now.
    fn call_ready(&self, kinds: &[Kind]) {
        loop {
            let call = self.lock().take_call(kinds, clock::now().nanos());
            let Some((id, callback)) = call else { return };
            self.call(id, callback);
        }
    }

    fn call(&self, id: SlotId, callback: Callback<Handle>) {
        let mut call = Call { shared: self, id, outcome: Outcome::Failed };
        INSIDE.set(Some(id));
        call.outcome = callback.call();
        if let Outcome::Interrupt(_) | Outcome::Failed | Outcome::Refused(_) = call.outcome {
            self.handled(id, call.outcome);
        }
        drop(call);
        drop(callback);
    }

    /// Tells the host that an interrupt handler has returned. Still inside the call: a cancel waits for this as well.
    fn handled(&self, id: SlotId, outcome: Outcome) {
        let state = self.lock();
        let Some((port, vector)) = state.roster.interrupt(id) else { return };
        let hook = state.places.get(&port).and_then(|place| place.handled.clone());
        drop(state);
        if let Some(hook) = hook {
            hook(vector, outcome);
        }
    }

    fn next_call(&self, kinds: &[Kind]) -> Option<(SlotId, Callback<Handle>)> {
        let mut state = self.lock();
        while !state.stop {
            let now = clock::now().nanos();
            if let Some(call) = state.take_call(kinds, now) {
                return Some(call);
            }
            let due = state.roster.next_due_of(kinds);
            state = wait(&self.wake, state, due.saturating_sub(now).min(LONGEST));
        }
        None
    }

    fn run_machine(&self, mut step: impl FnMut(u64) -> u64) {
        let mut state = self.lock();
        while !state.stop {
            let seen = state.changes;
            drop(state);
            let now = clock::now().nanos();
            let next = step(now);
            state = self.lock();
            // What changed while it was busy is for the next look.
            if state.changes == seen {
                state = wait(&self.wake, state, next.saturating_sub(now).min(LONGEST));
            }
        }
    }

    /// Does what was asked for from inside callbacks, until the end.
    fn run_actions(&self) {
        let mut state = self.lock();
        while !state.stop {
            match state.actions.pop_front() {
                Some(action) => {
                    drop(state);
                    action();
                    // It may hold the last reference to a device: without the lock.
                    drop(action);
                    state = self.lock();
                }
                None => state = wait(&self.wake, state, LONGEST),
            }
        }
    }
}

impl State {
    fn take_call(&mut self, kinds: &[Kind], now: u64) -> Option<(SlotId, Callback<Handle>)> {
        let id = self.roster.first_ready(now, kinds)?;
        self.roster.start(id).map(|(_, callback)| (id, callback))
    }
}

/// A call that is under way; ends in the books even when it panics.
struct Call<'a> {
    shared: &'a Shared,
    id: SlotId,
    outcome: Outcome,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        INSIDE.set(None);
        self.shared.change(|state| state.roster.finish(self.id, self.outcome));
        self.shared.idle.notify_all();
    }
}
