//! How a world goes on: what runs next, and when time passes.

use std::sync::atomic::Ordering::Relaxed;

use nova_core::hal::{Instant, Nanos, Outcome};

use super::journal::What;
use super::state::{Job, State};
use super::{World, sync};
use nova_backends::threads::{Kind, NEVER, SlotId};

/// Where `relax` starts when there is nothing to do, in ns; it doubles from there.
const FIRST_STRETCH: u64 = 1_000;
/// And where it ends.
const LAST_STRETCH: u64 = 100_000_000;
/// A wait that is to end later than this after now, in a world where nothing is due, is a deadlock: a year.
const FOR_EVER: u64 = 365 * 86_400 * 1_000_000_000;

impl World {
    /// Runs the next thing that is ready, letting time pass until there is one. False when nothing will ever happen.
    pub fn step(&self) -> bool {
        self.enter();
        loop {
            if self.run_one() {
                return true;
            }
            let next = self.state().next_due();
            if next == NEVER {
                return false;
            }
            self.pass_until(next);
        }
    }

    /// Runs everything that is ready, and becomes ready, up to `until`.
    pub fn run_until(&self, until: Instant) {
        self.enter();
        // Looked at before each turn: work that queues itself again is always ready.
        while self.now() <= until {
            if self.run_one() {
                continue;
            }
            if self.now() >= until {
                return;
            }
            let next = self.state().next_due();
            self.pass_until(next.min(until.nanos()));
        }
    }

    /// Runs everything for `span`.
    pub fn run_for(&self, span: Nanos) {
        self.run_until(self.now() + span);
    }

    /// Lets `ns` pass for whoever calls: others run meanwhile, unless a lock is held. What a delay does.
    pub fn spend(&self, ns: u64) {
        self.wait(self.now() + Nanos(ns), || false);
    }

    /// One look of somebody who waits for others: runs one thing, or lets time pass.
    pub(super) fn relax(&self) {
        if self.may_run() && self.run_one() {
            self.state().stretch = 0;
            return;
        }
        let mut state = self.state();
        // Further each time, so that a long limit passes in few steps and a short one is not overshot by much.
        state.stretch = (state.stretch * 2).clamp(FIRST_STRETCH, LAST_STRETCH);
        let now = self.now().nanos();
        let next = state.next_due();
        let to = now.saturating_add(state.stretch);
        drop(state);
        self.pass_until(if next > now { next.min(to) } else { to });
    }

    /// Waits until `done`, or the time `until`. Others run meanwhile.
    pub(super) fn wait(&self, until: Instant, done: impl Fn() -> bool) {
        while !done() && self.now() < until {
            if self.may_run() && self.run_one() {
                continue;
            }
            let now = self.now().nanos();
            let next = self.state().next_due();
            assert!(
                next != NEVER || until.nanos() - now < FOR_EVER,
                "a wait that nothing will ever end ({}); signal the event, or give the wait a deadline",
                self.whence()
            );
            self.pass_until(if next > now { next.min(until.nanos()) } else { until.nanos() });
        }
    }

    /// Somebody other may run here, and now and then does.
    #[inline]
    pub(super) fn preemption_point(&self) {
        let left = self.0.countdown.load(Relaxed);
        if left > 1 {
            self.0.countdown.store(left - 1, Relaxed);
        } else if left == 1 {
            self.preempt();
        }
    }

    #[cold]
    fn preempt(&self) {
        let mut state = self.state();
        let countdown = self.draw_countdown(&mut state);
        let deep = state.depth >= self.0.config.depth;
        drop(state);
        self.0.countdown.store(countdown, Relaxed);
        if !deep && self.may_run() {
            self.run_one();
        }
    }

    /// Points to let pass before the next preemption; 0 for no preemption at all.
    pub(super) fn draw_countdown(&self, state: &mut State) -> u32 {
        match self.0.config.preempt_every {
            0 => 0,
            mean => 1 + state.rng.below(u64::from(mean) * 2 - 1) as u32,
        }
    }

    /// Lets time pass, without anything running.
    #[inline]
    pub(super) fn take_time(&self, ns: u64) -> u64 {
        let now = self.0.now.load(Relaxed).saturating_add(ns);
        self.0.now.store(now, Relaxed);
        now
    }

    /// Whether others may run here at all.
    fn may_run(&self) -> bool {
        // Waiting nests deeper than preemption, but not without end. A panic on its way up runs no more tests.
        !sync::is_any_lock_held()
            && !std::thread::panicking()
            && self.state().depth < self.0.config.depth.saturating_mul(2).max(1)
    }

    /// Runs one of the things that are ready, if there is one.
    fn run_one(&self) -> bool {
        let config = &self.0.config;
        let mut state = self.state();
        let now = self.now().nanos();
        state.run_hardware(now, config.latency_ns);
        let outer = state.step;
        let Some(job) = state.draw(now) else { return false };
        drop(state);
        self.take_time(config.call_ns.max(1));
        let mut running = Running { world: self, call: None, outcome: None, outer };
        match job {
            Job::Action(run) => run(self),
            Job::Call(id, kind, callback) => {
                running.call = Some((id, kind));
                running.outcome = Some(callback.call());
            }
        }
        true
    }

    /// Moves the clock, and the hardware with it.
    fn pass_until(&self, to: u64) {
        let now = self.now().nanos().max(to);
        self.0.now.store(now, Relaxed);
        self.state().run_hardware(now, self.0.config.latency_ns);
    }
}

/// A callback or action that runs; put back in order even when it panics.
struct Running<'a> {
    world: &'a World,
    call: Option<(SlotId, Kind)>,
    outcome: Option<Outcome>,
    /// The step that was interrupted.
    outer: u64,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let now = self.world.now().nanos();
        let mut state = self.world.state();
        if let Some((id, kind)) = self.call {
            let outcome = self.outcome.unwrap_or(Outcome::Failed);
            state.roster.finish(id, outcome);
            state.record(now, What::Returned(kind, id.index(), outcome));
        }
        state.depth -= 1;
        state.step = self.outer;
    }
}
