//! The threads behind a free-running host, and what they share.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use nova_core::hal::{Callback, Instant, Level, Outcome};

use super::sync::{lock, wait};
use super::{RemovalHook, clock};
use crate::gpu::Gpu;
use crate::memory::AddressSpace;
use crate::roster::{Handle, Kind, NEVER, Roster, SlotId};

/// The longest a thread sleeps without looking, in ns: what a test does to a GPU behind the bus is seen that soon.
const LONGEST: u64 = 1_000_000;
/// Messages kept.
const LOG_CAPACITY: usize = 1024;

thread_local! {
    /// The entry whose callback this thread is in.
    static INSIDE: Cell<Option<SlotId>> = const { Cell::new(None) };
}

/// What all threads of a host share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something may have become due.
    wake: Condvar,
    /// A callback has returned.
    idle: Condvar,
    pub(super) log_level: Level,
}

/// Behind the lock, which is never held while a driver's code runs.
pub(super) struct State {
    pub(super) roster: Roster,
    pub(super) ports: Vec<Port>,
    pub(super) log: VecDeque<(Instant, Level, String)>,
    pub(super) stray_messages: u64,
    actions: VecDeque<RemovalHook>,
    stop: bool,
}

/// A slot with a GPU in it.
pub(super) struct Port {
    pub(super) gpu: Gpu,
    pub(super) memory: AddressSpace,
    pub(super) removal: Option<RemovalHook>,
    pub(super) removal_requests: u64,
}

/// The threads of a host; they end when this is dropped.
pub(super) struct Runtime {
    pub(super) shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Runtime {
    pub(super) fn start(workers: usize, log_level: Level) -> Self {
        let shared = Arc::new(Shared::new(log_level));
        let mut threads = Vec::new();
        let mut spawn = |name: &str, run: fn(&Shared)| {
            let shared = shared.clone();
            let builder = thread::Builder::new().name(name.to_owned());
            // Where no thread can be had there is nobody to run a test either.
            threads.push(builder.spawn(move || run(&shared)).expect("a thread of the simulated host"));
        };
        spawn("sim-irq", |shared| shared.call_all(&[Kind::Interrupt]));
        spawn("sim-timer", |shared| shared.call_all(&[Kind::Timer]));
        for _ in 0..workers.max(1) {
            spawn("sim-worker", |shared| shared.call_all(&[Kind::Work, Kind::DelayedWork]));
        }
        spawn("sim-hardware", Shared::run_hardware);
        spawn("sim-control", Shared::run_actions);
        Self { shared, threads: Mutex::new(threads) }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_all();
        for thread in lock(&self.threads).drain(..) {
            // A callback's thread may hold the last reference to the device, and with it to this host.
            if thread.thread().id() != thread::current().id() {
                // A panic in a driver's callback has been reported by the thread itself.
                let _ = thread.join();
            }
        }
    }
}

impl Shared {
    fn new(log_level: Level) -> Self {
        let state = State {
            roster: Roster::default(),
            ports: Vec::new(),
            log: VecDeque::new(),
            stray_messages: 0,
            actions: VecDeque::new(),
            stop: false,
        };
        Self { state: Mutex::new(state), wake: Condvar::new(), idle: Condvar::new(), log_level }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Changes the state, and lets the threads look what has become due.
    pub(super) fn change<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let result = f(&mut self.lock());
        self.wake.notify_all();
        result
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

    pub(super) fn log(&self, level: Level, message: String) {
        let mut state = self.lock();
        if state.log.len() == LOG_CAPACITY {
            state.log.pop_front();
        }
        state.log.push_back((clock::now(), level, message));
    }

    /// A driver on `port` asked for removal.
    pub(super) fn request_removal(&self, port: usize) {
        self.change(|state| {
            let Some(port) = state.ports.get_mut(port) else { return };
            port.removal_requests += 1;
            let hook = port.removal.clone();
            state.actions.extend(hook);
        });
    }

    /// Interrupt messages of a GPU have arrived.
    pub(super) fn deliver(&self, port: usize, messages: u32) {
        self.change(|state| state.deliver(port, messages));
    }

    /// Calls the entries of some kinds as they become due, until the end.
    fn call_all(&self, kinds: &[Kind]) {
        while let Some((id, callback)) = self.next_call(kinds) {
            let mut call = Call { shared: self, id, outcome: Outcome::Failed };
            INSIDE.set(Some(id));
            call.outcome = callback.call();
            drop(call);
            drop(callback);
        }
    }

    fn next_call(&self, kinds: &[Kind]) -> Option<(SlotId, Callback<Handle>)> {
        let mut state = self.lock();
        while !state.stop {
            let now = clock::now().nanos();
            if let Some(id) = state.roster.first_ready(now, kinds)
                && let Some((_, callback)) = state.roster.start(id)
            {
                return Some((id, callback));
            }
            let due = state.roster.next_due_of(kinds);
            state = wait(&self.wake, state, due.saturating_sub(now).min(LONGEST));
        }
        None
    }

    /// Lets the GPUs act when they are due, until the end.
    fn run_hardware(&self) {
        let mut state = self.lock();
        while !state.stop {
            let now = clock::now().nanos();
            let next = state.advance(now);
            if state.roster.next_due_of(&[Kind::Interrupt]) <= now {
                self.wake.notify_all();
            }
            state = wait(&self.wake, state, next.saturating_sub(now).min(LONGEST));
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
                    state = self.lock();
                }
                None => state = wait(&self.wake, state, LONGEST),
            }
        }
    }
}

impl State {
    /// Lets the GPUs act up to `now`; gives the time of what comes next.
    fn advance(&mut self, now: u64) -> u64 {
        let mut next = NEVER;
        for port in 0..self.ports.len() {
            let (messages, event) = self.ports[port].gpu.with(|gpu| {
                gpu.advance(now);
                (gpu.take_messages(), gpu.next_event())
            });
            next = next.min(event.unwrap_or(NEVER));
            self.deliver(port, messages);
        }
        next
    }

    fn deliver(&mut self, port: usize, messages: u32) {
        for _ in 0..messages {
            let wanted = self.roster.message(port as u32, 0, 0);
            self.stray_messages += u64::from(!wanted);
        }
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
