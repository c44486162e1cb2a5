//! The rig of one run: the reference that watches, and what the drivers of this thread are to do.

use std::cell::RefCell;

use super::event::{Answer, Event, HUB, Hook, Op, PARTS};
use super::model::Reference;

/// What came up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Removals that overlapped with something else, and were not refused for lack of a driver.
    pub races: u64,
    /// Of these: that removed; that were blocked; that found another one at work.
    pub removed: u64,
    /// See `removed`.
    pub blocked: u64,
    /// See `removed`.
    pub busy: u64,
    /// Drivers bound, sleeps, waiters woken by a refusal, children that joined, callbacks of the host.
    pub bound: u64,
    /// See `bound`.
    pub slept: u64,
    /// See `bound`.
    pub woken: u64,
    /// See `bound`.
    pub joined: u64,
    /// See `bound`.
    pub callbacks: u64,
}

impl Seen {
    /// Adds what another run has seen.
    pub fn add(&mut self, other: Self) {
        self.races += other.races;
        self.removed += other.removed;
        self.blocked += other.blocked;
        self.busy += other.busy;
        self.bound += other.bound;
        self.slept += other.slept;
        self.woken += other.woken;
        self.joined += other.joined;
        self.callbacks += other.callbacks;
    }
}

struct Rig {
    reference: Reference,
    events: Vec<Event>,
    wrong: Option<String>,
    /// Calls and visits that have begun, and those of them that go on.
    begun: u64,
    underway: u64,
    /// The calls that go on: what, and `begun` and `underway` when they began.
    calls: Vec<(Op, u64, u64)>,
    fails: Option<(usize, Hook)>,
    /// Which part is being bound, and how often each was.
    binding: usize,
    bindings: [u32; PARTS],
    seen: Seen,
}

impl Rig {
    fn new() -> Self {
        Self {
            reference: Reference::new(),
            events: Vec::new(),
            wrong: None,
            begun: 0,
            underway: 0,
            calls: Vec::new(),
            fails: None,
            binding: HUB,
            bindings: [0; PARTS],
            seen: Seen::default(),
        }
    }

    fn see(&mut self, event: Event) {
        if self.wrong.is_some() {
            return;
        }
        self.count(event);
        self.events.push(event);
        if !self.reference.see(event) {
            let before = self.events.len().saturating_sub(40);
            let events: Vec<_> = self.events[before..].iter().map(|event| format!("    {event:?}")).collect();
            self.wrong = Some(format!(
                "the last of these was not possible:\n{}\nwhat was possible before it:\n{}",
                events.join("\n"),
                self.reference.describe()
            ));
        }
    }

    fn count(&mut self, event: Event) {
        match event {
            Event::Begin(_, op) => {
                self.calls.push((op, self.begun, self.underway));
                self.begun += 1;
                self.underway += 1;
                self.seen.joined += u64::from(matches!(op, Op::Join(_)));
            }
            Event::End(_, answer) => {
                self.underway -= 1;
                let Some((op, begun, underway)) = self.calls.pop() else { return };
                // Somebody else was at it when the call began, or came while it went on.
                let raced = underway > 0 || self.begun > begun + 1;
                if raced && matches!(op, Op::Remove | Op::RemoveIfRequested) {
                    let (removed, blocked, busy) = (
                        matches!(answer, Answer::Removed { .. }),
                        answer == Answer::Blocked,
                        answer == Answer::Busy,
                    );
                    self.seen.races += u64::from(removed || blocked || busy);
                    self.seen.removed += u64::from(removed);
                    self.seen.blocked += u64::from(blocked);
                    self.seen.busy += u64::from(busy);
                }
                self.seen.bound += u64::from(op == Op::Probe && answer == Answer::Ok);
                self.seen.slept += u64::from(op == Op::Suspend && answer == Answer::Ok);
                let refused = matches!(answer, Answer::Refused(_));
                self.seen.woken += u64::from(matches!(op, Op::Wait(_)) && refused && self.begun > begun + 1);
            }
            Event::Enter(..) => {
                self.begun += 1;
                self.underway += 1;
                self.seen.callbacks += 1;
            }
            Event::Leave(..) => self.underway -= 1,
            _ => (),
        }
    }
}

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

fn with<R>(f: impl FnOnce(&mut Rig) -> R) -> R {
    RIG.with_borrow_mut(f)
}

/// A new run.
pub(super) fn start() {
    with(|rig| *rig = Rig::new());
}

/// Something was seen.
pub(super) fn see(event: Event) {
    with(|rig| rig.see(event));
}

/// Something is wrong that no model is needed for.
pub(super) fn check(holds: bool, what: &str) {
    with(|rig| {
        if !holds && rig.wrong.is_none() {
            rig.wrong = Some(what.to_owned());
        }
    });
}

/// What was wrong first, and what came up.
pub(super) fn end() -> (Option<String>, Seen) {
    with(|rig| (rig.wrong.take(), rig.seen))
}

/// The next time this hook is called it is to fail.
pub(super) fn fail(part: usize, hook: Hook) {
    with(|rig| rig.fails = Some((part, hook)));
}

pub(super) fn is_to_fail(part: usize, hook: Hook) -> bool {
    with(|rig| rig.fails.take_if(|fails| *fails == (part, hook)).is_some())
}

/// This part is bound next; gives the one that was to be before. One that comes in between puts it back.
pub(super) fn bind(part: usize) -> usize {
    with(|rig| std::mem::replace(&mut rig.binding, part))
}

/// The part whose driver is just being made.
pub(super) fn attached() -> usize {
    with(|rig| {
        rig.bindings[rig.binding] += 1;
        rig.binding
    })
}

/// The number of a part's binding.
pub(super) fn generation(part: usize) -> u32 {
    with(|rig| rig.bindings[part])
}
