//! The state of a world: everything that changes, behind one lock.

use std::collections::VecDeque;

use nova_core::hal::{Callback, Instant, Level};

use super::journal::{Journal, Record, Violation, What};
use super::{RemovalHook, World, WorldConfig};
use crate::gpu::Gpu;
use crate::memory::AddressSpace;
use crate::rng::Rng;
use nova_backends::threads::{Handle, Kind, NEVER, Roster, SlotId};

/// Messages kept.
const LOG_CAPACITY: usize = 1024;

/// Something a test wants done at a time.
pub(super) struct Action {
    pub(super) at: u64,
    pub(super) name: &'static str,
    pub(super) run: Box<dyn FnOnce(&World) + Send>,
}

/// A slot with a GPU in it.
pub(super) struct Port {
    pub(super) gpu: Gpu,
    pub(super) memory: AddressSpace,
    pub(super) removal: Option<RemovalHook>,
    pub(super) removal_requests: u64,
}

/// What is to run next.
pub(super) enum Job {
    Call(SlotId, Kind, Callback<Handle>),
    Action(Box<dyn FnOnce(&World) + Send>),
}

pub(super) struct State {
    pub(super) rng: Rng,
    pub(super) roster: Roster,
    pub(super) ports: Vec<Port>,
    pub(super) actions: Vec<Action>,
    pub(super) journal: Journal,
    pub(super) violations: Vec<(u64, Violation)>,
    pub(super) log: VecDeque<(Instant, Level, String)>,
    pub(super) depth: u32,
    pub(super) steps: u64,
    /// The step that runs.
    pub(super) step: u64,
    /// How far `relax` goes when there is nothing to do.
    pub(super) stretch: u64,
    pub(super) stray_messages: u64,
}

impl State {
    pub(super) fn new(seed: u64, config: &WorldConfig) -> Self {
        Self {
            rng: Rng::new(seed),
            roster: Roster::default(),
            ports: Vec::new(),
            actions: Vec::new(),
            journal: Journal::new(config.journal),
            violations: Vec::new(),
            log: VecDeque::new(),
            depth: 0,
            steps: 0,
            step: 0,
            stretch: 0,
            stray_messages: 0,
        }
    }

    pub(super) fn record(&mut self, now: u64, what: What) {
        self.journal.push(Record { step: self.step, at: Instant(now), depth: self.depth, what });
    }

    pub(super) fn violate(&mut self, now: u64, violation: Violation) {
        self.violations.push((self.step, violation));
        self.record(now, What::Violated(violation));
    }

    pub(super) fn log(&mut self, now: u64, level: Level, message: String) {
        if self.log.len() == LOG_CAPACITY {
            self.log.pop_front();
        }
        self.log.push_back((Instant(now), level, message));
    }

    /// Interrupt messages of a port have arrived.
    pub(super) fn deliver(&mut self, port: usize, messages: u32, now: u64, latency: u64) {
        for _ in 0..messages {
            let at = now + self.rng.below(latency + 1);
            let wanted = self.roster.message(port as u32, 0, at);
            self.stray_messages += u64::from(!wanted);
            self.record(now, What::Message(wanted));
        }
    }

    /// Lets the hardware act up to `now`.
    pub(super) fn run_hardware(&mut self, now: u64, latency: u64) {
        for port in 0..self.ports.len() {
            let messages = self.ports[port].gpu.with(|gpu| {
                gpu.advance(now);
                gpu.take_messages()
            });
            self.deliver(port, messages, now, latency);
        }
    }

    /// When something happens next, whether or not it can run at once.
    pub(super) fn next_due(&self) -> u64 {
        let hardware = self.ports.iter().filter_map(|port| port.gpu.with(|gpu| gpu.next_event())).min();
        let action = self.actions.iter().map(|action| action.at).min();
        self.roster.next_due().min(hardware.unwrap_or(NEVER)).min(action.unwrap_or(NEVER))
    }

    /// Draws one of the jobs that can be done by `now`.
    pub(super) fn draw(&mut self, now: u64) -> Option<Job> {
        let calls = self.roster.count_ready(now);
        let actions = self.actions.iter().filter(|action| action.at <= now).count();
        if calls + actions == 0 {
            return None;
        }
        let drawn = self.rng.below((calls + actions) as u64) as usize;
        self.steps += 1;
        if let Some(nth) = drawn.checked_sub(calls) {
            let mut ready = self.actions.iter().enumerate().filter(|(_, action)| action.at <= now);
            let index = ready.nth(nth).map(|(index, _)| index)?;
            let action = self.actions.swap_remove(index);
            self.enter(now, What::Action(action.name));
            return Some(Job::Action(action.run));
        }
        let id = self.roster.nth_ready(now, drawn)?;
        let (kind, callback) = self.roster.start(id)?;
        self.enter(now, What::Calls(kind, id.index()));
        Some(Job::Call(id, kind, callback))
    }

    fn enter(&mut self, now: u64, what: What) {
        self.step = self.steps;
        self.depth += 1;
        self.record(now, what);
    }
}
