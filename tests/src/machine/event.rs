//! What is seen of a family of devices: calls and their answers, and every call of the drivers' code.

use nova_core::lifecycle::{Refused, State};

/// Which device: the hub, or one of its leaves.
pub const HUB: usize = 0;
/// The hub and two leaves.
pub const PARTS: usize = 3;
/// Steps that each driver has.
pub(super) const STEPS: u8 = 2;

/// A call of the lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Probe,
    Remove,
    RemoveIfRequested,
    Suspend,
    Resume,
    Lose,
    Open,
    /// With a session of this binding.
    Call(u32),
    Wait(u32),
    /// Of the hub, by this leaf.
    Join(usize),
    LetGo,
}

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Ok,
    Removed {
        lost: bool,
        failed: bool,
    },
    NotDue,
    Busy,
    State,
    Blocked,
    Refused(Refused),
    Timeout,
    Gone,
    /// A step of the driver failed, or the driver's code in a session.
    Driver,
    Stuck,
    Child,
    ParentAsleep,
    /// Nothing the model knows.
    Other,
}

/// A call of a driver by one who has the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    Attach,
    Up(u8),
    Ready,
    Down(u8),
    Lost(u8),
    Sleep(u8),
    Wake(u8),
    Asleep,
    Drop,
}

/// A call of a driver through the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Work,
    Timer,
    Session,
}

/// How the driver's code went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Did {
    Well,
    /// It failed, as it was told to.
    Failed,
    FoundGone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Begin(usize, Op),
    End(usize, Answer),
    Enter(usize, Kind),
    Leave(usize, Did),
    Hook(usize, Hook),
    Done(usize, Did),
    /// The driver asks for removal.
    Asked(usize),
    /// Work is about to be queued, a timer to be set.
    Due(usize, Kind),
    /// State, whether it is lost, and whether removal was requested, of each device.
    Look([(State, bool, bool); PARTS]),
    /// Who is inside, by device and kind of entry.
    Inside([[bool; 3]; PARTS]),
    /// Nobody is at work.
    Quiet,
    /// There was time for all that was to be done.
    Rested,
    /// Registrations at the host, and how many each driver has.
    Registered(usize, [usize; PARTS]),
}
