//! What each call of the lifecycle does, as lists of steps: the reference in one page.
//!
//! Written from docs/lifecycle.md. Between any two steps others may come in.

#![allow(clippy::enum_glob_use, reason = "the steps are this module's words")]

use nova_core::lifecycle::{State, Transition};

/// A step of an activity. Those that call the driver are seen; the others are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Todo {
    /// Change the state.
    Go(Transition),
    /// Learn of the parent's loss.
    AskParent,
    /// The driver's code: `attach`; the steps up; `ready`.
    Attach,
    Up,
    Ready,
    /// A probe that failed because of it.
    NoteGone,
    /// End a probe whose device is gone.
    UndoIfGone,
    /// Of a device that is gone: ask for removal; be lost, and tell the children.
    Request,
    Lose,
    /// The host says that it is gone.
    LoseNow,
    Tell,
    /// Remove the children, last first; wait until nobody is inside or on the list; or give up waiting.
    RemoveChildren,
    Drain,
    /// The same for going to sleep, which has children sleep later.
    Empty,
    /// The steps down, last first; the driver's state; the hold on the parent.
    Quiesce,
    Free,
    Part,
    /// Look who the children are: all; those that this device put to sleep.
    ListAll,
    ListSleepers,
    ChildrenSleep,
    ChildrenWake,
    /// The steps to sleep, last first; up again; up after a failure; back to sleep after a failure.
    Sleep,
    Wake,
    Rewake,
    Doze,
    Asleep,
    /// End a suspend or resume whose device is gone.
    StopIfGone,
    /// A session's call at the gate; a session that waits.
    Knock,
    Wait,
    /// Inside the gate, on the way to the driver's code; in it.
    Arrive,
    Inside,
    /// A child gets on the parent's list.
    Enlist,
    /// Give the answer.
    Reply,
}
use Todo::*;
use Transition::{Bind, Finish, Probe, Remove, Resume, Suspend, Unwind};

pub(super) type Plan = &'static [Todo];

pub(super) const PROBE: Plan = &[
    Go(Probe), Attach, Up, AskParent, UndoIfGone,
    Go(Bind), AskParent, Request, Lose, Ready, Request, Lose, Reply,
];
pub(super) const UNDO: Plan = &[AskParent, Quiesce, Free, Part, Go(Unwind), Reply];
pub(super) const UNDO_ATTACH: Plan = &[Part, NoteGone, Go(Unwind), Reply];
pub(super) const REMOVE: Plan = &[
    Go(Remove), ListAll, RemoveChildren, Drain, AskParent,
    Quiesce, Free, Part, Go(Finish), Reply,
];
pub(super) const SUSPEND: Plan = &[
    Go(Suspend), Empty, ListAll, ChildrenSleep, Sleep, Asleep, StopIfGone, Reply,
];
/// What a suspend that failed does, after a blocker and after anything else.
pub(super) const REOPEN: Plan = &[
    Go(Resume), AskParent, Request, Lose, ListSleepers, ChildrenWake, Reply,
];
pub(super) const TURN_BACK: Plan = &[
    Rewake, StopIfGone,
    Go(Resume), AskParent, Request, Lose, ListSleepers, ChildrenWake, Reply,
];
pub(super) const RESUME: Plan = &[
    AskParent, StopIfGone, Wake, StopIfGone,
    Go(Resume), AskParent, Request, Lose, ListSleepers, ChildrenWake, Reply,
];
pub(super) const FALL_ASLEEP: Plan = &[Doze, StopIfGone, Reply];
pub(super) const STUCK: Plan = &[StopIfGone, Reply];
pub(super) const GONE: Plan = &[Request, Lose, Reply];
pub(super) const LOSE: Plan = &[LoseNow, Reply];
pub(super) const TELL: Plan = &[Tell];
pub(super) const TOLD: Plan = &[AskParent, Request, Lose];
/// A visit: in the gate; in the driver's code; out of it again.
pub(super) const VISIT: Plan = &[Arrive, Inside, Request, Lose];
pub(super) const INSIDE: Plan = &[Inside, Request, Lose];
pub(super) const LEAVE: Plan = &[Request, Lose];
pub(super) const CALL: Plan = &[Knock];
pub(super) const WAIT: Plan = &[Wait];
pub(super) const JOIN: Plan = &[Enlist, Reply];
pub(super) const LET_GO: Plan = &[Part, Reply];
pub(super) const REPLY: Plan = &[Reply];

/// Where a transition leads: the diagram in docs/lifecycle.md, once more.
pub(super) fn goes(from: State, transition: Transition) -> Option<State> {
    use State::{Bound, Lost, Probing, Removed, Removing, Suspended, Unbound};
    match (from, transition) {
        (Unbound | Removed, Probe) => Some(Probing),
        (Probing, Bind) | (Suspended, Resume) => Some(Bound),
        (Probing, Unwind) => Some(Unbound),
        (Bound, Suspend) => Some(Suspended),
        (Probing | Bound | Suspended | Lost | Removing, Remove) => Some(Removing),
        (Removing, Finish) => Some(Removed),
        (Bound | Suspended, Transition::Lose) => Some(Lost),
        _ => None,
    }
}
