//! Random schedules: a busy driver, and removals, sleeps, losses and clients at any moment.
//!
//! [`run`] makes everything from one seed and tells what it found broken, by line of the contract.
//! Posted actions run wherever the world preempts, in the middle of a callback as often as not.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nova_core::hal::Nanos;
use nova_core::lifecycle::{Outside, Refused, RemoveError, Removed, SessionError, State};
use nova_sim_glue::gpu::SimGpu;
use nova_sim_glue::world::{Violation, World, WorldConfig};

use crate::toy::{self, Plan, Toy, ToyDevice};
use crate::toybench::{Client, ToyBench};

/// Something that the contract forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The line, 1 to 16.
    pub line: u8,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}: {}", self.line, self.what)
    }
}

/// What came up in a run, to see that a property was not vacuous.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Lives that ended in a removal.
    pub removals: usize,
    /// Removals that found somebody inside.
    pub blocked: usize,
    /// Probes that failed.
    pub failed_probes: usize,
    /// Sleeps.
    pub sleeps: usize,
    /// Devices that went away.
    pub losses: usize,
    /// Old sessions that knocked.
    pub stale: usize,
    /// Waiters that a removal woke up.
    pub woken: usize,
    /// Callbacks that ran.
    pub callbacks: usize,
    /// Callbacks that were refused.
    pub refused: usize,
    /// Removals asked for from inside.
    pub requests: usize,
    /// Sessions that were forgotten instead of dropped.
    pub forgotten: usize,
}

impl Seen {
    /// Adds what another run has seen.
    pub fn add(&mut self, other: Self) {
        self.removals += other.removals;
        self.blocked += other.blocked;
        self.failed_probes += other.failed_probes;
        self.sleeps += other.sleeps;
        self.losses += other.losses;
        self.stale += other.stale;
        self.woken += other.woken;
        self.callbacks += other.callbacks;
        self.refused += other.refused;
        self.requests += other.requests;
        self.forgotten += other.forgotten;
    }
}

/// The notes of one run, shared by its actions.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<(Vec<Broken>, Seen)>>);

impl Notes {
    fn broken(&self, line: u8, what: impl Into<String>) {
        self.with(|notes| notes.0.push(Broken { line, what: what.into() }));
    }
    fn check(&self, line: u8, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.broken(line, what());
        }
    }
    fn seen(&self, f: impl FnOnce(&mut Seen)) {
        self.with(|notes| f(&mut notes.1));
    }
    fn with<R>(&self, f: impl FnOnce(&mut (Vec<Broken>, Seen)) -> R) -> R {
        f(&mut self.0.lock().expect("one thread"))
    }
}

/// Runs the schedule of `seed`.
pub fn run(seed: u64) -> (Vec<Broken>, Seen) {
    let mut draw = nova_sim_glue::Rng::new(seed);
    let config = WorldConfig {
        preempt_every: 1 + draw.below(12) as u32,
        depth: 1 + draw.below(4) as u32,
        ..WorldConfig::default()
    };
    let bench = ToyBench::with(seed, Plan::default(), config);
    let notes = Notes::default();
    let mut old = Vec::new();
    for _ in 0..=draw.below(3) {
        Life { bench: &bench, notes: &notes, old: &mut old }.live();
    }
    let (ran, refused) = bench.calls();
    notes.seen(|seen| {
        seen.callbacks += ran as usize;
        seen.refused += refused as usize;
    });
    for (_, violation) in bench.world.violations() {
        let line = match violation {
            Violation::AccessAfterRemoval => 1,
            Violation::CancelledInside => 3,
            Violation::LockInsideItself => 8,
        };
        notes.broken(line, violation.to_string());
    }
    notes.with(|notes| notes.clone())
}

/// One binding, from probe to removal.
struct Life<'a> {
    bench: &'a ToyBench,
    notes: &'a Notes,
    /// Sessions of earlier bindings.
    old: &'a mut Vec<Client>,
}

impl Life<'_> {
    fn live(mut self) {
        let draw = |end| self.bench.world.random(end);
        let fail_at = (draw(6) == 0).then(|| draw(Toy::ORDER.len() as u64) as usize);
        toy::start(Plan { busy: true, down_fails: draw(8) == 0, fail_at, ..Plan::default() });
        if self.bench.probe().is_err() {
            self.notes.seen(|seen| seen.failed_probes += 1);
            self.notes.check(7, fail_at.is_some(), || "probe failed by itself".to_owned());
        } else {
            self.use_it();
            self.end();
        }
        self.afterwards();
    }

    /// Clients, actions at any moment, and time to happen in.
    fn use_it(&mut self) {
        let world = &self.bench.world;
        self.knock_with_old_sessions(&[Refused::Stale]);
        for _ in 0..world.random(3) {
            self.old.extend(self.bench.client());
        }
        for _ in 0..=world.random(6) {
            let at = world.now() + Nanos(world.random(300_000));
            let action = Action::draw(self.bench, self.notes);
            world.post(at, action.name(), move |world| action.run(world));
        }
        if let Some(client) = self.old.last().filter(|_| world.random(2) == 0).cloned() {
            self.wait_for_nothing(&client);
        }
        world.run_for(Nanos(50_000 + world.random(400_000)));
    }

    /// A client that waits for what never comes, until a removal or its time wakes it up.
    fn wait_for_nothing(&self, client: &Client) {
        let world = &self.bench.world;
        let until = world.now() + Nanos(400_000);
        let waited = client.wait(&mut Outside::new(), world, until, |_| Ok(None::<()>));
        let late = world.now().since(until);
        match waited {
            Err(SessionError::Timeout) => (),
            Err(SessionError::Refused(_)) => self.notes.seen(|seen| seen.woken += 1),
            Ok(()) | Err(_) => self.notes.broken(15, format!("a waiter ended with {waited:?}")),
        }
        self.notes.check(15, late < Nanos::from_millis(2), || format!("a waiter overslept by {late}"));
    }

    /// Removes the device, whatever state the actions have left it in.
    fn end(&self) {
        let (world, device) = (&self.bench.world, &self.bench.device);
        while device.state() != State::Removed {
            let before = world.now();
            match device.remove(&mut Outside::new()) {
                Ok(_) => {
                    let took = world.now().since(before);
                    self.notes.check(6, took < Nanos::from_millis(2), || format!("remove took {took}"));
                }
                // An action on top of ours did it.
                Err(_) if device.state() == State::Removed => (),
                Err(error) => return self.notes.broken(10, format!("nobody is inside, and {error}")),
            }
        }
        self.notes.seen(|seen| seen.removals += 1);
    }

    /// Nothing is left, and nothing happens any more.
    fn afterwards(&mut self) {
        let Self { bench, notes, .. } = &self;
        bench.world.expect_no_access(&bench.gpu);
        let before = (bench.calls(), toy::diary(|diary| diary.ran));
        bench.gpu.with(|gpu| gpu.raise(129));
        bench.run(300);
        let after = (bench.calls(), toy::diary(|diary| diary.ran));
        notes.check(2, before.1 == after.1, || "a callback ran after remove".to_owned());
        notes.check(13, before.0 == after.0, || "the host called after remove".to_owned());
        let live = bench.world.live_registrations();
        notes.check(11, live == 0, || format!("{live} registrations are left"));
        let forgotten = notes.with(|notes| notes.1.forgotten);
        let handles = Arc::strong_count(&bench.device) - 1 - self.old.len() - forgotten;
        notes.check(13, handles == 0, || format!("the host has {handles} handles left"));
        let lines = toy::read();
        check_diary(notes, &lines);
        // What was forgotten keeps the cell, and nothing of the driver.
        let drops = lines.iter().filter(|line| line.starts_with("drop")).count();
        let attached = lines.iter().filter(|line| *line == "attach").count();
        notes.check(12, drops == attached, || format!("{forgotten} forgotten keep the driver's state"));
        if bench.device.state() == State::Removed {
            self.knock_with_old_sessions(&[Refused::Removed, Refused::Stale]);
        }
        self.bench.gpu.with(|gpu| {
            gpu.reconnect();
            gpu.lower_fence();
        });
    }

    fn knock_with_old_sessions(&self, expected: &[Refused]) {
        for client in self.old.iter() {
            let inside = AtomicUsize::new(0);
            let answer = client.call(&mut Outside::new(), |_| Ok(inside.fetch_add(1, Ordering::Relaxed)));
            let refused =
                matches!(answer, Err(SessionError::Refused(refused)) if expected.contains(&refused));
            self.notes.check(15, refused, || format!("an old session was answered {answer:?}"));
            self.notes.check(12, inside.load(Ordering::Relaxed) == 0, || "an old session got in".to_owned());
            self.notes.seen(|seen| seen.stale += 1);
        }
    }
}

/// Every step that went up went down (or was let go of) once, in reverse; the state was dropped once, last.
fn check_diary(notes: &Notes, lines: &[String]) {
    let steps = |prefixes: &[&str]| -> Vec<String> {
        let step = |line: &String| {
            let (verb, name) = line.split_once(' ')?;
            (prefixes.contains(&verb) && ["first", "second", "third"].contains(&name))
                .then(|| name.to_owned())
        };
        lines.iter().filter_map(step).collect()
    };
    let mut up = steps(&["up"]);
    up.reverse();
    let mut down = steps(&["down", "lost"]);
    // A step whose reverse finds the device gone is let go of as well.
    down.dedup();
    notes.check(7, up == down, || format!("up {up:?} and down {down:?}: {lines:?}"));
    let drops = lines.iter().filter(|line| line.starts_with("drop")).count();
    let attached = lines.iter().filter(|line| *line == "attach").count();
    notes.check(11, drops == attached, || format!("{attached} states were made and {drops} dropped"));
    let dropped = lines.iter().position(|line| line.starts_with("drop"));
    let last_down = lines.iter().rposition(|line| line.starts_with("down") || line.starts_with("lost"));
    notes.check(16, last_down < dropped || dropped.is_none(), || {
        "freed before everything was quiet".to_owned()
    });
}

/// Something that happens at a random moment.
struct Action {
    what: What,
    limit: Nanos,
    device: Arc<ToyDevice>,
    gpu: nova_sim_glue::gpu::Gpu,
    client: Option<Client>,
    notes: Notes,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Remove,
    Sleep,
    Wake,
    Interrupt,
    Unplug,
    Lose,
    Call,
    Request,
    Forget,
}

impl Action {
    fn draw(bench: &ToyBench, notes: &Notes) -> Self {
        let what = match bench.world.random(23) {
            0..=4 => What::Remove,
            5..=7 => What::Sleep,
            8..=10 => What::Wake,
            11..=13 => What::Interrupt,
            14 => What::Unplug,
            15 => What::Lose,
            16..=18 => What::Call,
            19 => What::Request,
            _ => What::Forget,
        };
        Self {
            what,
            limit: Nanos(bench.world.random(30_000)),
            device: bench.device.clone(),
            gpu: bench.gpu.clone(),
            client: bench.client().ok(),
            notes: notes.clone(),
        }
    }

    fn name(&self) -> &'static str {
        match self.what {
            What::Remove => "remove",
            What::Sleep => "sleep",
            What::Wake => "wake",
            What::Interrupt => "interrupt",
            What::Unplug => "unplug",
            What::Lose => "lose",
            What::Call => "call",
            What::Request => "request removal",
            What::Forget => "forget a session",
        }
    }

    fn run(self, world: &World) {
        let mut outside = Outside::new();
        match self.what {
            What::Remove => self.remove(world),
            What::Sleep => {
                if self.device.suspend(&mut outside, self.limit).is_ok() {
                    self.notes.seen(|seen| seen.sleeps += 1);
                    let inside = toy::diary(|diary| diary.inside);
                    self.notes.check(14, inside == 0, || format!("{inside} inside a device that sleeps"));
                }
            }
            What::Wake => drop(self.device.resume(&mut outside)),
            What::Interrupt => self.gpu.with(|gpu| gpu.raise(129)),
            What::Unplug => {
                self.gpu.with(SimGpu::unplug);
                self.notes.seen(|seen| seen.losses += 1);
            }
            What::Lose => {
                self.gpu.with(SimGpu::unplug);
                self.device.lose();
                self.notes.seen(|seen| seen.losses += 1);
                let state = self.device.state();
                self.notes.check(9, state != State::Bound, || "a lost device is bound".to_owned());
            }
            What::Call => self.call(&mut outside),
            What::Request => self.request(&mut outside),
            What::Forget => {
                if let Some(client) = self.client.clone() {
                    std::mem::forget(client);
                    self.notes.seen(|seen| seen.forgotten += 1);
                }
            }
        }
    }

    fn remove(&self, world: &World) {
        let inside = toy::diary(|diary| diary.inside);
        let ran = toy::diary(|diary| diary.ran);
        let result = self.device.remove_within(&mut Outside::new(), self.limit);
        match result {
            Ok(Removed { .. }) => {
                world.expect_no_access(&self.gpu);
                self.notes.check(3, inside == 0, || format!("remove returned with {inside} inside"));
            }
            Err(RemoveError::Blocked(blocker)) => {
                self.notes.seen(|seen| seen.blocked += 1);
                self.notes.check(10, inside > 0, || format!("blocked by nobody: {blocker}"));
                let waited = blocker.waited;
                self.notes.check(10, waited >= self.limit, || format!("gave up after {waited}"));
                let state = self.device.state();
                self.notes.check(10, state == State::Removing, || format!("blocked, and {state}"));
                let freed = toy::diary(|diary| diary.lines.iter().any(|l| l.starts_with("drop")));
                self.notes.check(10, !freed, || "freed early".to_owned());
            }
            Err(_) => return,
        }
        // Once remove has begun nobody is let in: the deadline passed with others knocking.
        let now = toy::diary(|diary| diary.ran);
        self.notes.check(5, now == ran, || format!("{} were let in after remove had begun", now - ran));
    }

    fn call(&self, outside: &mut Outside) {
        let Some(client) = &self.client else { return };
        let state = self.device.state();
        let answer = client.call(outside, |cx| {
            let _inside = toy::Inside::new();
            let Ok(value) = cx.io().read(nova_core::regs::pmc::NV_PMC_BOOT_0);
            Ok(value.get())
        });
        let open = matches!(state, State::Bound);
        let refused = matches!(answer, Err(SessionError::Refused(_)));
        self.notes.check(5, open || refused, || format!("{state}, and a call was answered {answer:?}"));
    }

    fn request(&self, outside: &mut Outside) {
        let Some(client) = &self.client else { return };
        let asked = client.call(outside, |cx| {
            let _inside = toy::Inside::new();
            cx.request_remove();
            Ok(())
        });
        if asked.is_ok() {
            self.notes.seen(|seen| seen.requests += 1);
            self.notes.check(8, self.device.removal_requested(), || "the request was lost".to_owned());
        }
    }
}
