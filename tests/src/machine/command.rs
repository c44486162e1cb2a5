//! Commands.

use super::event::Hook;

/// Something to do. Each is possible at any time; whether it is refused is for the model to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Binds the hub; lets a leaf join, if it has not, and binds it.
    Probe(usize),
    /// A leaf joins, and is not bound yet.
    Join(usize),
    /// A leaf that has joined lets go again.
    LetGo(usize),
    /// Removes, waiting so many ns at most.
    Remove(usize, u16),
    /// What a host does when removal was requested.
    RemoveIfRequested(usize),
    /// Goes to sleep.
    Suspend(usize),
    /// Wakes up.
    Resume(usize),
    /// The host reports that the device is gone.
    Lose(usize),
    /// The GPU is pulled out: whoever reads finds out.
    Unplug,
    /// It is back, for the next binding.
    Replug,
    /// This step of this driver fails the next time.
    Fail(usize, Step),
    /// Opens a session.
    Open(usize),
    /// A session's call, in which other things happen.
    Call(Call),
    /// A session waits for what never comes.
    Wait(usize, usize),
    /// Nothing happens for a while.
    Rest,
}

/// A session's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Of which device.
    pub part: usize,
    /// With which of its sessions, the newest first.
    pub session: usize,
    /// It queues work.
    pub queue: bool,
    /// It asks for removal.
    pub request: bool,
    /// What others do while it is inside.
    pub meanwhile: Vec<Command>,
}

/// A step of a driver that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named like what the driver does")]
pub enum Step {
    Attach,
    Up(u8),
    Down(u8),
    Sleep(u8),
    Wake(u8),
}

impl Step {
    pub(super) const fn hook(self) -> Hook {
        match self {
            Self::Attach => Hook::Attach,
            Self::Up(step) => Hook::Up(step),
            Self::Down(step) => Hook::Down(step),
            Self::Sleep(step) => Hook::Sleep(step),
            Self::Wake(step) => Hook::Wake(step),
        }
    }
}

/// A command, and what is posted to happen in the middle of it: so many ns after it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// What is done.
    pub command: Command,
    /// What comes in between, or soon after.
    pub posted: Vec<(u16, Command)>,
}
