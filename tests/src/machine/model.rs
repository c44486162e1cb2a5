//! The reference: what a family of devices may do, step by step.
//!
//! A [`Model`] is a stack of activities, the one that runs on top, as on the one thread of a deterministic
//! world. An activity is a list of steps out of `plan`. Between any two of them others may come in
//! on top; nothing else is left open. So the model is exact but for *when* an unseen step was taken, and a
//! [`Reference`] follows every possibility: it takes all the unseen steps it can, then keeps the models that
//! explain what was seen. None left: the lifecycle did what it must not do.
//!
//! It does not use the table of transitions or anything else of the code under test but its names.

#![allow(clippy::enum_glob_use, clippy::wildcard_imports, reason = "the plans are this module's words")]
#![allow(
    clippy::match_same_arms,
    clippy::too_many_lines,
    reason = "one arm for each step, in the order of plans"
)]
#![allow(clippy::struct_excessive_bools, reason = "a device has that many independent facts")]

use nova_core::lifecycle::{Refused, State, Transition};

use super::event::{Answer, Did, Event, HUB, Hook, Kind, Op, PARTS, STEPS};
use super::plan::Todo::*;
use super::plan::*;

/// What an activity holds of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// It is inside the gate.
    Visit,
    /// It alone may change the device.
    Claim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Activity {
    part: usize,
    holds: Holds,
    todo: Plan,
    answer: Answer,
    /// Called from outside: its answer is seen. Otherwise it goes to the activity beneath.
    called: bool,
    /// Code of the driver runs for it.
    hook: Option<Hook>,
    /// What some activities count; children that are still to be dealt with; the session's binding.
    at: u8,
    children: Children,
    generation: u32,
    /// Of a removal: the parent sleeps; a step failed.
    parent_asleep: bool,
    failed: bool,
    /// Of a visit.
    kind: Option<Kind>,
}

/// One device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Device {
    state: State,
    generation: u32,
    gone: bool,
    requested: bool,
    /// Steps that are up; that are awake, the first ones; put to sleep by its parent.
    up: u8,
    awake: u8,
    slept: bool,
    /// Callbacks that were queued or set and have not run; that may run once more, having been refused.
    due: [bool; 2],
    again: [bool; 2],
}

/// Children in the order in which they joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Children([Option<u8>; PARTS - 1]);

impl Children {
    fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.0.iter().flatten().map(|child| usize::from(*child))
    }
    fn filter(self, keep: impl Fn(usize) -> bool) -> Self {
        let mut kept = Self::default();
        self.iter().filter(|child| keep(*child)).for_each(|child| kept.push(child));
        kept
    }
    fn push(&mut self, child: usize) {
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none()) {
            *place = Some(child as u8);
        }
    }
}

/// One possibility.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Model {
    /// First, because possibilities differ here most of the time.
    stack: Vec<Activity>,
    devices: [Device; PARTS],
    /// The hub's.
    children: Children,
}

impl Model {
    pub(super) fn new() -> Self {
        let device = Device {
            state: State::Unbound,
            generation: 0,
            gone: false,
            requested: false,
            up: 0,
            awake: 0,
            slept: false,
            due: [false; 2],
            again: [false; 2],
        };
        Self { devices: [device; PARTS], children: Children::default(), stack: Vec::new() }
    }

    fn holds(&self, part: usize, what: Holds) -> bool {
        self.stack.iter().any(|activity| activity.part == part && activity.holds == what)
    }
    fn claimed(&self, part: usize) -> bool {
        self.holds(part, Holds::Claim)
    }
    fn inside(&self, part: usize) -> bool {
        self.holds(part, Holds::Visit)
    }
    fn open(&self, part: usize) -> bool {
        self.devices[part].state == State::Bound
    }
    fn children_of(&self, part: usize) -> Children {
        if part == HUB { self.children } else { Children::default() }
    }

    /// What somebody with a ticket of `generation` hears at a gate that is closed.
    fn refusal(&self, part: usize, generation: u32) -> Refused {
        match self.devices[part].state {
            _ if generation != self.devices[part].generation => Refused::Stale,
            State::Unbound | State::Probing => Refused::NotBound,
            State::Bound | State::Suspended => Refused::Suspended,
            State::Removing => Refused::Removing,
            State::Removed => Refused::Removed,
            State::Lost => Refused::Lost,
        }
    }

    fn push(&mut self, part: usize, holds: Holds, todo: Plan, called: bool) {
        self.stack.push(Activity {
            part,
            holds,
            todo,
            answer: Answer::Ok,
            called,
            hook: None,
            at: 0,
            children: Children::default(),
            generation: 0,
            parent_asleep: false,
            failed: false,
            kind: None,
        });
    }

    fn reply(&mut self, part: usize, answer: Answer, called: bool) {
        self.push(part, Holds::Nothing, REPLY, called);
        self.top().answer = answer;
    }

    fn top(&mut self) -> &mut Activity {
        self.stack.last_mut().expect("somebody is at work")
    }

    /// Done with the step at hand.
    fn next(&mut self) {
        let top = self.top();
        top.todo = &top.todo[1..];
    }

    /// Goes on with another plan, and an answer.
    fn turn(&mut self, answer: Answer, todo: Plan) {
        let top = self.top();
        (top.answer, top.todo) = (answer, todo);
    }

    /// Somebody calls: what is refused at once, and what begins.
    fn call(&mut self, part: usize, op: Op, called: bool) {
        let device = self.devices[part];
        let nothing_there = matches!(device.state, State::Unbound | State::Removed);
        // Who only asks is in nobody's way.
        let due = device.state == State::Removing
            || device.requested && matches!(device.state, State::Bound | State::Suspended | State::Lost);
        if op == Op::RemoveIfRequested && !due {
            return self.reply(part, Answer::NotDue, called);
        }
        let claims = matches!(op, Op::Probe | Op::Remove | Op::RemoveIfRequested | Op::Suspend | Op::Resume);
        if claims && self.claimed(part) {
            return self.reply(part, Answer::Busy, called);
        }
        match op {
            Op::Probe if nothing_there => {
                let device = &mut self.devices[part];
                device.generation += 1;
                (device.gone, device.requested, device.awake) = (false, false, 0);
                (device.due, device.again) = ([false; 2], [false; 2]);
                self.push(part, Holds::Claim, PROBE, called);
            }
            Op::Remove if !nothing_there => self.push(part, Holds::Claim, REMOVE, called),
            Op::RemoveIfRequested => self.push(part, Holds::Claim, REMOVE, called),
            Op::Suspend => self.push(part, Holds::Claim, SUSPEND, called),
            Op::Resume if device.state == State::Suspended => {
                let hub = self.devices[HUB];
                if part != HUB && hub.state == State::Suspended && !hub.gone {
                    return self.reply(part, Answer::ParentAsleep, called);
                }
                self.push(part, Holds::Claim, RESUME, called);
            }
            Op::Probe | Op::Remove | Op::Resume => self.reply(part, Answer::State, called),
            Op::Lose => self.push(part, Holds::Nothing, LOSE, called),
            Op::Open if self.open(part) => {
                self.reply(part, Answer::Ok, called);
                self.push(part, Holds::Visit, LEAVE, false);
                self.top().kind = Some(Kind::Session);
            }
            Op::Open => self.reply(part, Answer::Refused(self.refusal(part, device.generation)), called),
            Op::Call(generation) | Op::Wait(generation) => {
                self.push(part, Holds::Nothing, if matches!(op, Op::Call(_)) { CALL } else { WAIT }, called);
                self.top().generation = generation;
            }
            Op::Join(child) if self.open(part) => {
                self.push(part, Holds::Visit, JOIN, called);
                self.top().at = child as u8;
            }
            Op::Join(_) => self.reply(part, Answer::Refused(self.refusal(part, device.generation)), called),
            Op::LetGo => self.push(part, Holds::Nothing, LET_GO, called),
        }
    }

    /// An activity has ended without being seen; the one beneath may have waited for its answer.
    fn pop(&mut self) {
        let Some(ended) = self.stack.pop() else { return };
        let Some(beneath) = self.stack.last_mut() else { return };
        match (beneath.todo.first(), ended.answer) {
            _ if ended.todo.is_empty() => (),
            // The others wait for it.
            (Some(RemoveChildren), Answer::Blocked) => beneath.children = Children::default(),
            (Some(ChildrenSleep), Answer::Ok) => self.devices[ended.part].slept = true,
            (Some(ChildrenSleep), _) => self.turn(Answer::Child, TURN_BACK),
            (Some(ChildrenWake), Answer::Ok) => self.devices[ended.part].slept = false,
            // Somebody else has woken it.
            (Some(ChildrenWake), Answer::State) if self.devices[ended.part].state == State::Bound => {
                self.devices[ended.part].slept = false;
            }
            // An earlier error is the one to tell.
            (Some(ChildrenWake), _) if beneath.answer == Answer::Ok => beneath.answer = Answer::Child,
            _ => (),
        }
    }

    /// Takes the unseen step that is next. False when there is none: something must be seen first.
    fn step(&mut self) -> bool {
        let Some(top) = self.stack.last().copied().filter(|top| top.hook.is_none()) else { return false };
        let part = top.part;
        let Some(todo) = top.todo.first().copied() else {
            self.pop();
            return true;
        };
        let device = self.devices[part];
        match todo {
            Go(transition) => match goes(device.state, transition) {
                Some(state) => {
                    let device = &mut self.devices[part];
                    device.state = state;
                    if transition == Transition::Resume {
                        device.again = [device.again[0] | device.due[0], device.again[1] | device.due[1]];
                    }
                    self.next();
                }
                // It was lost a moment ago.
                None if transition == Transition::Resume => self.turn(Answer::Gone, REPLY),
                None => self.turn(Answer::State, REPLY),
            },
            AskParent => {
                let hub = self.devices[HUB];
                if part != HUB {
                    self.devices[part].gone |= hub.gone;
                    // A part of a device that sleeps is not to be touched either.
                    let asleep = hub.state == State::Suspended && !hub.gone;
                    self.top().parent_asleep = asleep && top.todo.contains(&Go(Transition::Finish));
                }
                self.next();
            }
            Up if device.up == STEPS => self.next(),
            NoteGone => {
                self.devices[part].gone |= top.answer == Answer::Gone;
                self.next();
            }
            UndoIfGone if device.gone => self.turn(Answer::Gone, UNDO),
            StopIfGone if device.gone => self.turn(Answer::Gone, GONE),
            UndoIfGone | StopIfGone => self.next(),
            Request => {
                self.devices[part].requested |= device.gone;
                self.next();
            }
            Lose if !device.gone => self.next(),
            Lose | LoseNow => {
                self.next();
                if !matches!(device.state, State::Unbound | State::Removed) {
                    let device = &mut self.devices[part];
                    device.gone = true;
                    device.state = goes(device.state, Transition::Lose).unwrap_or(device.state);
                }
                if device.state == State::Bound && part == HUB {
                    self.push(part, Holds::Nothing, TELL, false);
                    self.top().children = self.children;
                }
            }
            Tell => match self.next_child(false) {
                Some(child) if self.open(child) => {
                    self.push(child, Holds::Visit, TOLD, false);
                    self.top().kind = Some(Kind::Session);
                }
                Some(_) => (),
                None => self.next(),
            },
            RemoveChildren => match self.next_child(true) {
                Some(child) if self.out_of_reach(child) => (),
                Some(child) => self.call(child, Op::Remove, false),
                None => self.next(),
            },
            Drain if !self.inside(part) && self.children_of(part) == Children::default() => self.next(),
            Drain if !top.called => self.turn(Answer::Blocked, REPLY),
            // In time for another look, if there is something to be done. Or not: see `answers`.
            Drain if self.next_to_go(part).is_some_and(|child| !self.blocked(child)) => {
                self.top().todo = &REMOVE[1..];
            }
            Empty if self.inside(part) => self.turn(Answer::Blocked, REOPEN),
            Empty => self.next(),
            Quiesce if device.up == 0 => self.next(),
            Part => {
                if part != HUB {
                    self.children = self.children.filter(|child| child != part);
                }
                self.next();
            }
            ListAll => {
                self.top().children = self.children_of(part);
                self.next();
            }
            ListSleepers => {
                self.top().children = self.children_of(part).filter(|child| self.devices[child].slept);
                self.next();
            }
            ChildrenSleep => match self.next_child(true) {
                Some(child) if self.claimed(child) => self.turn(Answer::Child, TURN_BACK),
                Some(child) if self.devices[child].state == State::Suspended => {
                    if self.devices[child].awake > 0 {
                        // Half asleep.
                        self.turn(Answer::Child, TURN_BACK);
                    }
                    self.devices[child].slept = false;
                }
                Some(child) => self.call(child, Op::Suspend, false),
                None => self.next(),
            },
            ChildrenWake => match self.next_child(false) {
                Some(child) => self.call(child, Op::Resume, false),
                None => self.next(),
            },
            Sleep | Doze if device.awake == 0 => self.next(),
            Wake | Rewake if device.awake == STEPS => self.next(),
            Knock if self.lets_in(part, top.generation) => {
                self.turn(Answer::Ok, REPLY);
                self.visit(part, Kind::Session);
            }
            Wait if self.may_time_out(part, top.generation) => self.turn(Answer::Timeout, REPLY),
            Enlist => {
                let child = usize::from(top.at);
                if self.children.iter().any(|listed| listed == child) {
                    // The parent was lost while the child got on the list.
                    self.children = self.children.filter(|listed| listed != child);
                    self.turn(Answer::Refused(Refused::Lost), REPLY);
                } else {
                    self.children.push(child);
                    self.devices[child].slept = false;
                    if !device.gone {
                        self.next();
                    }
                }
            }
            Reply if !top.called => self.pop(),
            _ => return false,
        }
        true
    }

    /// A child that is just coming or going: a removal of its parent can do nothing about it.
    fn out_of_reach(&self, child: usize) -> bool {
        let state = self.devices[child].state;
        self.claimed(child) || matches!(state, State::Unbound | State::Probing | State::Removed)
    }

    /// The child that a removal is to take next.
    fn next_to_go(&self, part: usize) -> Option<usize> {
        self.children_of(part).iter().rev().find(|child| !self.out_of_reach(*child))
    }

    /// A child that is being removed, and somebody is inside.
    fn blocked(&self, child: usize) -> bool {
        self.devices[child].state == State::Removing && self.inside(child)
    }

    fn lets_in(&self, part: usize, generation: u32) -> bool {
        self.open(part) && generation == self.devices[part].generation
    }

    fn visit(&mut self, part: usize, kind: Kind) {
        self.push(part, Holds::Visit, VISIT, false);
        self.top().kind = Some(kind);
    }

    /// The visits there are, by kind.
    fn visits(&self) -> [[bool; 3]; PARTS] {
        let mut visits = [[false; 3]; PARTS];
        for visit in &self.stack {
            if let Some(kind) = visit.kind {
                visits[visit.part][kind as usize] = true;
            }
        }
        visits
    }

    /// Lets in who is `inside` and was not seen to come in: between the gate and the driver's code there is
    /// room for others. It must have been due.
    fn arrivals(&self, inside: &[[bool; 3]; PARTS], arrived: &mut impl FnMut(Self)) {
        let visits = self.visits();
        for part in (0..PARTS).filter(|part| self.open(*part)) {
            for kind in [Kind::Work, Kind::Timer, Kind::Session] {
                let at = kind as usize;
                let mut model = self.clone();
                let waits = |top: &Activity| {
                    top.todo == WAIT && top.part == part && self.lets_in(part, top.generation)
                };
                let device = &mut model.devices[part];
                let due = match kind {
                    Kind::Session => self.stack.last().is_some_and(waits),
                    _ => std::mem::take(&mut device.due[at]) || std::mem::take(&mut device.again[at]),
                };
                // A session that waits may do so inside another one's call.
                let new = !visits[part][at] || kind == Kind::Session;
                if inside[part][at] && new && due {
                    model.visit(part, kind);
                    arrived(model);
                }
            }
        }
    }

    fn may_time_out(&self, part: usize, generation: u32) -> bool {
        let Device { state, generation: present, .. } = self.devices[part];
        generation == present && matches!(state, State::Bound | State::Suspended)
    }

    /// Takes a child off the list of those to be dealt with.
    fn next_child(&mut self, last: bool) -> Option<usize> {
        let top = self.top();
        let mut children = top.children.iter();
        let child = if last { children.next_back() } else { children.next() }?;
        drop(children);
        top.children = top.children.filter(|other| other != child);
        Some(child)
    }

    /// Whether it cannot be, at a glance: most possibilities end here, without a copy.
    fn contradicts(&self, event: Event) -> bool {
        let top = self.stack.last();
        match event {
            Event::Look(seen) => self.looks() != seen,
            Event::Inside(inside) => self.visits() != inside,
            Event::End(part, _) => !top.is_some_and(|top| top.called && top.part == part),
            Event::Hook(part, _) => !top.is_some_and(|top| top.part == part && top.hook.is_none()),
            Event::Done(part, _) => !top.is_some_and(|top| top.part == part && top.hook.is_some()),
            Event::Leave(part, _) => !top.is_some_and(|top| top.part == part && top.todo == INSIDE),
            _ => false,
        }
    }

    fn looks(&self) -> [(State, bool, bool); PARTS] {
        self.devices.map(|device| (device.state, device.gone, device.requested))
    }

    /// Takes the step that was seen. False when it cannot have happened.
    fn see(&mut self, event: Event) -> bool {
        match event {
            Event::Begin(part, op) => self.call(part, op, true),
            Event::End(part, answer) => return self.answers(part, answer),
            Event::Enter(part, kind) => return self.enters(part, kind),
            Event::Leave(part, did) => return self.leaves(part, did),
            Event::Hook(part, hook) => return self.begins(part, hook),
            Event::Done(part, did) => return self.ends(part, did),
            Event::Asked(part) => self.devices[part].requested = true,
            Event::Due(part, kind) => self.devices[part].due[kind as usize] = true,
            Event::Look(seen) => return self.looks() == seen,
            Event::Inside(inside) => return self.visits() == inside,
            Event::Quiet => return self.stack.is_empty(),
            Event::Rested => {
                return !self.devices.iter().any(|d| d.state == State::Bound && d.due != [false; 2]);
            }
            Event::Registered(number, each) => {
                let has = |part: &usize| self.devices[*part].up == STEPS;
                return number == (0..PARTS).filter(has).map(|part| each[part]).sum::<usize>();
            }
        }
        true
    }

    fn answers(&mut self, part: usize, answer: Answer) -> bool {
        let Some(top) = self.stack.last().copied().filter(|top| top.called && top.part == part) else {
            return false;
        };
        let expected = match top.todo {
            [Knock | Wait] if self.open(part) && top.generation == self.devices[part].generation => {
                return false;
            }
            // A session that waits goes on over a sleep.
            [Wait] if self.refusal(part, top.generation) == Refused::Suspended => return false,
            [Drain, ..] => answer == Answer::Blocked,
            [Knock | Wait] => answer == Answer::Refused(self.refusal(part, top.generation)),
            [Reply] => match answer {
                Answer::Removed { lost, failed } => {
                    let found_gone = top.at == 1;
                    top.answer == Answer::Ok
                        && top.holds == Holds::Claim
                        && failed == top.failed
                        && (lost == found_gone || lost == self.devices[part].gone)
                }
                answer => answer == top.answer,
            },
            _ => false,
        };
        self.stack.pop();
        expected
    }

    fn enters(&mut self, part: usize, kind: Kind) -> bool {
        let arrived = |top: &&mut Activity| top.todo == VISIT && (top.part, top.kind) == (part, Some(kind));
        if let Some(visit) = self.stack.last_mut().filter(arrived) {
            visit.todo = INSIDE;
            return true;
        }
        false
    }

    fn leaves(&mut self, part: usize, did: Did) -> bool {
        let Some(top) = self.stack.last().copied().filter(|top| top.todo == INSIDE && top.part == part)
        else {
            return false;
        };
        self.next();
        if did == Did::FoundGone {
            self.devices[part].gone = true;
            let session = self.stack.iter_mut().nth_back(1).filter(|_| top.kind == Some(Kind::Session));
            if let Some(session) = session {
                (session.todo, session.answer) = (REPLY, Answer::Driver);
            }
        }
        if !self.devices[part].gone {
            // Nobody can come in any more before it is out of the gate.
            self.stack.pop();
        }
        true
    }

    /// The driver is called: only for the step that is next, and with the token that fits.
    fn begins(&mut self, part: usize, hook: Hook) -> bool {
        let device = self.devices[part];
        let Some(top) = self.stack.last_mut().filter(|top| top.part == part && top.hook.is_none()) else {
            return false;
        };
        let live = !device.gone && device.up <= device.awake && !top.parent_asleep;
        let fits = match (top.todo.first(), hook) {
            (Some(Attach), Hook::Attach) | (Some(Ready), Hook::Ready) | (Some(Asleep), Hook::Asleep) => true,
            (Some(Up), Hook::Up(step)) => step == device.up,
            (Some(Quiesce), Hook::Down(step)) => live && step + 1 == device.up,
            (Some(Quiesce), Hook::Lost(step)) => !live && step + 1 == device.up,
            (Some(Free), Hook::Drop) => true,
            (Some(Sleep | Doze), Hook::Sleep(step)) => step + 1 == device.awake,
            (Some(Wake | Rewake), Hook::Wake(step)) => step == device.awake,
            _ => false,
        };
        top.hook = Some(hook);
        if hook == Hook::Drop {
            top.at = u8::from(device.gone);
        }
        fits
    }

    /// The driver returns, and how decides what is next.
    fn ends(&mut self, part: usize, did: Did) -> bool {
        let Some(top) = self.stack.last_mut().filter(|top| top.part == part) else { return false };
        let (Some(hook), Some(todo)) = (top.hook.take(), top.todo.first().copied()) else { return false };
        let device = &mut self.devices[part];
        let ok = did == Did::Well;
        // What `attach` finds is noted later.
        device.gone |= did == Did::FoundGone && todo != Attach;
        let answer = if did == Did::FoundGone { Answer::Gone } else { Answer::Driver };
        match hook {
            Hook::Up(_) if ok => (device.up, device.awake) = (device.up + 1, device.awake + 1),
            Hook::Down(_) | Hook::Lost(_) => {
                top.failed |= !ok;
                device.up -= u8::from(did != Did::FoundGone);
            }
            Hook::Sleep(_) if ok => device.awake -= 1,
            Hook::Wake(_) if ok => device.awake += 1,
            Hook::Sleep(_) | Hook::Wake(_) if answer == Answer::Gone => self.turn(answer, GONE),
            Hook::Sleep(_) if todo == Doze => self.next(),
            Hook::Wake(_) if todo == Rewake => self.turn(Answer::Stuck, STUCK),
            Hook::Sleep(_) => self.turn(answer, TURN_BACK),
            Hook::Wake(_) => self.turn(answer, FALL_ASLEEP),
            Hook::Attach if !ok => self.turn(answer, UNDO_ATTACH),
            Hook::Up(_) => self.turn(answer, UNDO),
            Hook::Attach | Hook::Ready | Hook::Asleep | Hook::Drop => self.next(),
        }
        true
    }
}

impl Model {
    fn describe(&self) -> String {
        let devices = self.devices.iter().map(|device| format!("    {device:?}"));
        let stack = self.stack.iter().map(|activity| {
            let Activity { part, holds, todo, answer, hook, at, .. } = activity;
            format!("        part {part}, {holds:?}, {hook:?} at {at}: {todo:?}, {answer:?}")
        });
        let lines: Vec<_> = devices.chain(stack).collect();
        format!("{}\n\n", lines.join("\n"))
    }
}

/// All that is possible by what was seen.
#[derive(Debug)]
pub(super) struct Reference {
    possible: Vec<Model>,
    spare: Vec<Model>,
}

impl Reference {
    pub(super) fn new() -> Self {
        Self { possible: vec![Model::new()], spare: Vec::new() }
    }

    /// Takes note of what was seen. False when nothing explains it; then it is left as it was.
    pub(super) fn see(&mut self, event: Event) -> bool {
        let mut explained = std::mem::take(&mut self.spare);
        let mut explains = |mut model: Model| {
            if model.see(event) && !explained.contains(&model) {
                explained.push(model);
            }
        };
        let mut possible = std::mem::take(&mut self.possible);
        let mut at = 0;
        while let Some(model) = possible.get(at).cloned() {
            at += 1;
            let mut model = model;
            loop {
                if !model.contradicts(event) {
                    explains(model.clone());
                }
                if let Event::Inside(inside) = &event {
                    model.arrivals(inside, &mut |model| {
                        if !possible.contains(&model) {
                            possible.push(model);
                        }
                    });
                }
                if !model.step() {
                    break;
                }
            }
        }
        let fits = !explained.is_empty();
        if fits {
            self.possible = explained;
            possible.clear();
            self.spare = possible;
        } else {
            self.possible = possible;
        }
        fits
    }

    /// What is possible, for a person.
    pub(super) fn describe(&self) -> String {
        self.possible.iter().map(Model::describe).collect()
    }
}
