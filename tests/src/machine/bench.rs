//! The devices in their world, and how a command is carried out.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use nova_core::chip::Chipset;
use nova_core::hal::{Nanos, WithBus};
use nova_core::lifecycle::{
    Device, EntryKind, JoinError, Outside, ProbeError, RemoveError, Removed, Session, SessionError, State,
    SuspendError,
};
use nova_sim_glue::gpu::{Gpu, SimConfig, SimGpu};
use nova_sim_glue::world::{World, WorldConfig};

use super::command::{Beat, Call, Command};
use super::event::{Answer, Event, HUB, Kind, Op, PARTS};
use super::parts::{Hub, HubBus, HubDevice, LeafDevice, Member, REGISTRATIONS, touch, visit};
use super::rig::{self, Seen, see};
use crate::toy::ToyError;

/// Sessions kept of each part, so that some are of earlier bindings.
const SESSIONS: usize = 3;
/// How long a session waits: far longer than anything that happens meanwhile.
const PATIENCE: Nanos = Nanos::from_secs(3_600);

type Sessions<D> = RefCell<Vec<(u32, Session<Arc<Device<D, 8>>>)>>;

struct Bench {
    world: World,
    gpu: Gpu,
    hub: Arc<HubDevice>,
    leaves: [Arc<LeafDevice>; PARTS - 1],
    hub_sessions: Sessions<Hub>,
    leaf_sessions: [Sessions<super::parts::Leaf>; PARTS - 1],
    /// A leaf that has joined and is not bound; and one that is on its way, which does not join twice.
    joined: [RefCell<Option<HubBus>>; PARTS - 1],
    coming: [Cell<bool>; PARTS - 1],
}

thread_local! {
    /// What is posted finds the bench here: it runs on this thread, but has to be `Send`.
    static BENCH: RefCell<Option<Rc<Bench>>> = const { RefCell::new(None) };
}

thread_local! {
    /// Making one takes longer than a sequence. Nothing of it is used but that it is there, or not.
    static GPU: Gpu = Gpu::new(SimConfig::new(Chipset::GA102));
}

/// Carries out a sequence, and tells what came up.
///
/// # Errors
///
/// What went wrong first.
pub fn run(seed: u64, beats: &[Beat]) -> Result<Seen, String> {
    rig::start();
    // Others come in at every second place on average; the rest is the world's.
    let config = WorldConfig { preempt_every: 2, latency_ns: 1_500, journal: 0, ..WorldConfig::default() };
    let bench = Rc::new(Bench {
        world: World::with_config(seed, config),
        gpu: GPU.with(Clone::clone),
        hub: Arc::new(HubDevice::new()),
        leaves: std::array::from_fn(|_| Arc::new(LeafDevice::new())),
        hub_sessions: RefCell::default(),
        leaf_sessions: std::array::from_fn(|_| RefCell::default()),
        joined: std::array::from_fn(|_| RefCell::default()),
        coming: std::array::from_fn(|_| Cell::default()),
    });
    bench.gpu.with(SimGpu::reconnect);
    bench.gpu.with(SimGpu::lower_fence);
    BENCH.set(Some(bench.clone()));
    for beat in beats {
        bench.beat(beat);
    }
    bench.end();
    BENCH.set(None);
    match rig::end() {
        (Some(wrong), _) => Err(wrong),
        (None, seen) => Ok(seen),
    }
}

/// Does the same with whichever device it is.
macro_rules! on {
    ($bench:expr, $part:expr, $device:ident => $body:expr) => {
        if $part == HUB {
            let $device = &$bench.hub;
            $body
        } else {
            let $device = &$bench.leaves[$part - 1];
            $body
        }
    };
}

/// Tells who is inside of which device.
pub(super) fn inside() {
    let Some(bench) = BENCH.with_borrow(Clone::clone) else { return };
    see(Event::Inside(std::array::from_fn(|part| {
        let inside = on!(bench, part, it => it.inside());
        [EntryKind::Work, EntryKind::Timer, EntryKind::Session]
            .map(|kind| inside.iter().any(|who| who.kind == kind))
    })));
}

impl Bench {
    fn beat(&self, beat: &Beat) {
        for (after, command) in &beat.posted {
            let command = command.clone();
            self.world.post(self.world.now() + Nanos(u64::from(*after)), "command", move |_| {
                if let Some(bench) = BENCH.with_borrow(Clone::clone) {
                    bench.run(&command);
                }
            });
        }
        self.run(&beat.command);
        if beat.command == Command::Rest {
            self.rest();
        }
        self.quiet();
    }

    /// Nobody is at work: what is there is exactly what the model says.
    fn quiet(&self) {
        see(Event::Quiet);
        self.look();
        see(Event::Registered(self.world.live_registrations(), REGISTRATIONS));
        rig::check(
            self.hub.state() != State::Removed || self.hub.inside().is_empty(),
            "a visitor of nothing",
        );
    }

    fn look(&self) {
        see(Event::Look(std::array::from_fn(
            |part| on!(self, part, it => (it.state(), it.is_lost(), it.removal_requested())),
        )));
    }

    /// Lets everything that was posted happen, and then what is left of it.
    fn rest(&self) {
        self.world.run_for(Nanos::from_micros(200));
        self.world.run_for(Nanos::from_micros(200));
        see(Event::Quiet);
        see(Event::Rested);
    }

    /// Removes everything, after which nothing is left.
    fn end(&self) {
        self.rest();
        for leaf in 1..PARTS {
            self.run(&Command::LetGo(leaf));
        }
        self.run(&Command::Remove(HUB, 0));
        self.quiet();
        rig::check(
            (0..PARTS)
                .all(|part| on!(self, part, it => matches!(it.state(), State::Unbound | State::Removed))),
            "something is still bound",
        );
        self.world.expect_no_access(&self.gpu);
        self.rest();
        rig::check(self.world.violations().is_empty(), "the world has seen a rule broken");
        rig::check(self.world.live_registrations() == 0, "a registration is left");
        let hub = Arc::strong_count(&self.hub) - self.hub_sessions.borrow().len();
        rig::check(hub == 1, "a handle of the hub is left");
        for (leaf, sessions) in self.leaves.iter().zip(&self.leaf_sessions) {
            rig::check(Arc::strong_count(leaf) - sessions.borrow().len() == 1, "a handle of a leaf is left");
        }
    }

    /// One call, of which the beginning and the answer are seen.
    fn call(&self, part: usize, op: Op, call: impl FnOnce(&mut Outside) -> Answer) -> Answer {
        inside();
        see(Event::Begin(part, op));
        let answer = call(&mut Outside::new());
        see(Event::End(part, answer));
        self.look();
        answer
    }

    fn run(&self, command: &Command) {
        match *command {
            Command::Probe(HUB) => self.probe_hub(),
            Command::Probe(leaf) => self.probe_leaf(leaf),
            Command::Join(leaf) => self.join(leaf),
            Command::LetGo(leaf) => {
                let bus = self.joined[leaf - 1].take();
                if let Some(bus) = bus {
                    self.call(leaf, Op::LetGo, |_| {
                        drop(bus);
                        Answer::Ok
                    });
                }
            }
            Command::Remove(part, limit) => {
                let limit = Nanos(u64::from(limit));
                self.call(part, Op::Remove, |outside| {
                    let removed = on!(self, part, it => it.remove_within(outside, limit));
                    self.removed(part, removed.map(Some), limit)
                });
            }
            Command::RemoveIfRequested(part) => {
                let limit = Nanos(1_000);
                self.call(part, Op::RemoveIfRequested, |outside| {
                    let removed = on!(self, part, it => it.remove_if_requested(outside, limit));
                    self.removed(part, removed, limit)
                });
            }
            Command::Suspend(part) => {
                self.call(part, Op::Suspend, |outside| {
                    slept(on!(self, part, it => it.suspend(outside, Nanos(2_000))))
                });
            }
            Command::Resume(part) => {
                self.call(part, Op::Resume, |outside| slept(on!(self, part, it => it.resume(outside))));
            }
            Command::Lose(part) => {
                self.call(part, Op::Lose, |_| {
                    on!(self, part, it => it.lose());
                    Answer::Ok
                });
            }
            Command::Unplug => self.gpu.with(SimGpu::unplug),
            Command::Replug => self.gpu.with(SimGpu::reconnect),
            Command::Fail(part, step) => rig::fail(part, step.hook()),
            Command::Open(HUB) => self.open(HUB, &self.hub, &self.hub_sessions),
            Command::Open(leaf) => self.open(leaf, &self.leaves[leaf - 1], &self.leaf_sessions[leaf - 1]),
            Command::Call(ref call) if call.part == HUB => self.session_call(call, &self.hub_sessions),
            Command::Call(ref call) => self.session_call(call, &self.leaf_sessions[call.part - 1]),
            Command::Wait(HUB, nth) => self.session_wait(HUB, nth, &self.hub_sessions),
            Command::Wait(leaf, nth) => self.session_wait(leaf, nth, &self.leaf_sessions[leaf - 1]),
            // Only when nobody else is at work; see `beat`.
            Command::Rest => (),
        }
    }

    fn probe_hub(&self) {
        self.call(HUB, Op::Probe, |outside| {
            let before = rig::bind(HUB);
            let (host, bus) = self.world.attach(&self.gpu);
            let bound = self.hub.probe(outside, self.hub.clone(), host, bus);
            rig::bind(before);
            probed(bound)
        });
    }

    /// Only for a leaf that is not on its way, or there: it would be on the hub's list twice.
    fn join(&self, leaf: usize) {
        let state = self.leaves[leaf - 1].state();
        if self.coming[leaf - 1].get()
            || self.joined[leaf - 1].borrow().is_some()
            || !matches!(state, State::Unbound | State::Removed)
        {
            return;
        }
        self.coming[leaf - 1].set(true);
        self.call(HUB, Op::Join(leaf), |_| {
            match HubBus::join(&self.hub, &Hub::LEAF, self.leaves[leaf - 1].clone()) {
                Ok(bus) => {
                    self.joined[leaf - 1].replace(Some(bus));
                    Answer::Ok
                }
                Err(JoinError::Refused(refused)) => Answer::Refused(refused),
                Err(_) => Answer::Other,
            }
        });
        self.coming[leaf - 1].set(false);
    }

    fn probe_leaf(&self, leaf: usize) {
        self.join(leaf);
        let Some(bus) = self.joined[leaf - 1].take() else { return };
        self.coming[leaf - 1].set(true);
        self.call(leaf, Op::Probe, |outside| {
            let before = rig::bind(leaf);
            let (host, _) = self.world.attach::<nova_sim_glue::world::WorldBus>(&self.gpu);
            let device = &self.leaves[leaf - 1];
            let bound = device.probe(outside, device.clone(), WithBus::new(host, |_| (), |_| ()), bus);
            rig::bind(before);
            probed(bound)
        });
        self.coming[leaf - 1].set(false);
    }

    fn removed(&self, part: usize, removed: Result<Option<Removed>, RemoveError>, limit: Nanos) -> Answer {
        match removed {
            Ok(Some(Removed { lost, failed })) => {
                if part == HUB {
                    self.world.expect_no_access(&self.gpu);
                }
                Answer::Removed { lost, failed: failed.is_some() }
            }
            Ok(None) => Answer::NotDue,
            Err(RemoveError::Blocked(blocker)) => {
                let own = blocker.child.is_none();
                rig::check(!own || blocker.waited >= limit, "a removal gave up too early");
                Answer::Blocked
            }
            Err(RemoveError::Busy) => Answer::Busy,
            Err(RemoveError::State(_)) => Answer::State,
            Err(_) => Answer::Other,
        }
    }

    fn open<D: Member>(&self, part: usize, device: &Arc<Device<D, 8>>, sessions: &Sessions<D>) {
        self.call(part, Op::Open, |_| match Session::open(device.clone(), &D::CLIENT) {
            Ok(session) => {
                let mut sessions = sessions.borrow_mut();
                sessions.insert(0, (rig::generation(part), session));
                sessions.truncate(SESSIONS);
                Answer::Ok
            }
            Err(refused) => Answer::Refused(refused),
        });
    }

    fn session_call<D: Member>(&self, call: &Call, sessions: &Sessions<D>)
    where
        nova_core::lifecycle::BusOf<D>: nova_core::bus::Bus<Error = std::convert::Infallible>,
    {
        let Some((generation, session)) = sessions.borrow().get(call.session).cloned() else { return };
        self.call(call.part, Op::Call(generation), |outside| {
            let called = session.call(outside, |cx| {
                visit(call.part, Kind::Session, || {
                    if call.queue {
                        D::employ(cx);
                    }
                    if call.request {
                        see(Event::Asked(call.part));
                        cx.request_remove();
                    }
                    call.meanwhile.iter().for_each(|command| self.run(command));
                    touch(cx.io())
                })
            });
            answered(called)
        });
    }

    fn session_wait<D: Member>(&self, part: usize, nth: usize, sessions: &Sessions<D>) {
        let Some((generation, session)) = sessions.borrow().get(nth).cloned() else { return };
        self.call(part, Op::Wait(generation), |outside| {
            let until = self.world.now() + PATIENCE;
            let waited =
                session.wait(outside, &self.world, until, |_| visit(part, Kind::Session, || Ok(None::<()>)));
            let woken = matches!(waited, Err(SessionError::Refused(_)));
            rig::check(!woken || self.world.now() < until, "a waiter was not woken up");
            answered(waited)
        });
    }
}

fn probed(bound: Result<(), ProbeError<ToyError>>) -> Answer {
    match bound {
        Ok(()) => Answer::Ok,
        Err(error) if error.is_gone() => Answer::Gone,
        Err(ProbeError::Driver { .. }) => Answer::Driver,
        Err(ProbeError::Busy) => Answer::Busy,
        Err(ProbeError::State(_)) => Answer::State,
        Err(_) => Answer::Other,
    }
}

fn slept(slept: Result<(), SuspendError<ToyError>>) -> Answer {
    match slept {
        Ok(()) => Answer::Ok,
        Err(SuspendError::Gone) => Answer::Gone,
        Err(SuspendError::Driver { .. }) => Answer::Driver,
        Err(SuspendError::Stuck { .. }) => Answer::Stuck,
        Err(SuspendError::Blocked(_)) => Answer::Blocked,
        Err(SuspendError::Child { .. }) => Answer::Child,
        Err(SuspendError::ParentAsleep) => Answer::ParentAsleep,
        Err(SuspendError::State(_)) => Answer::State,
        Err(SuspendError::Busy) => Answer::Busy,
        Err(_) => Answer::Other,
    }
}

fn answered(called: Result<(), SessionError<ToyError>>) -> Answer {
    match called {
        Ok(()) => Answer::Ok,
        Err(SessionError::Refused(refused)) => Answer::Refused(refused),
        Err(SessionError::Timeout) => Answer::Timeout,
        Err(SessionError::Driver(_)) => Answer::Driver,
        Err(_) => Answer::Other,
    }
}
