//! The lifecycle of a device: who may run driver code, and when it is over.
//!
//! Everything that calls into a driver goes through the one gate of its [`Device`], once per call.
//! Inside, a [`Token`] proves it, and an access to the device is a bare access. Remove closes the gate,
//! waits for whoever is inside, quiesces everything in reverse, and only then frees anything.
//!
//! Words: an *entry* is a callback that the driver declares; its id is its *lane* in the gate. A *binding*
//! is the time from probe to removed; its number is the *generation*. A *ticket* is lane and generation,
//! what a host keeps. A *visit* is one call inside the gate. The *claim* is the right to change the
//! device, one at a time. The *body* is what a bound device owns.
//!
//! Read in this order: `step`, `entry` and `token` (what a driver sees), `state`, `gated` (the one
//! audited module), `hal::callback` (what a host keeps), `registry`, `device` (the cell and how it is
//! entered), `probe`, `remove` with `teardown`, `suspend`, `session`, `child`; beside them, for people who
//! wonder, `visitors` and `history`. `docs/lifecycle.md` has the
//! argument why it is sound.
//!
//! Nothing in here knows what a GPU is.
//!
//! To see all of it at work, a driver needs a host: the first page of `nova-sim-glue` binds [`Gpu`](crate::driver::Gpu) to a
//! simulated GPU and loses it, and `docs/driver.md` writes a driver from nothing. Both are tests.

mod child;
mod device;
mod entry;
mod gated;
mod history;
mod note;
mod probe;
mod refused;
mod registry;
mod remove;
mod session;
mod state;
mod step;
mod suspend;
mod teardown;
mod token;
mod visitors;

pub use child::{CHILDREN, ChildTrouble, JoinError, Parent, Part, Slept};
pub use device::Device;
pub use entry::{
    ChildEntry, DelayedWorkEntry, EntryKind, InterruptEntry, SessionEntry, TimerEntry, WorkEntry,
};
pub use gated::{Anchor, CounterGate, Gate, Place, ShardedGate};
pub use history::{Event, EventKind, HISTORY};
pub use probe::{ProbeError, Probing};
pub use refused::Refused;
pub use registry::RegisterError;
pub use remove::{Blocker, RemoveError, Removed};
pub use session::{Session, SessionError};
pub use state::{IllegalTransition, State, TABLE, Transition, next};
pub use step::Step;
pub use suspend::SuspendError;
pub use teardown::{Teardown, two_pass};
pub use token::{Bound, HostClock, Lost, MaySleep, NoSleep, Removing, Starting, Suspended, Token, stage};
pub use visitors::Visitor;

use core::fmt;

use crate::bus::Io;
use crate::hal::{Host, HostError};
use token::ThisThread;

/// The bus of a driver's host.
pub type BusOf<D> = <<D as Driver>::Host as Host>::Bus;

/// A driver: what it does when a device comes and goes.
///
/// The implementing type is the driver's state for one device. It is shared by all callbacks, so what
/// changes sits in a [`Lock`](crate::hal::Lock) or an atomic. Steps and entries are constants of the
/// type; `probe` says which of them there are, in order.
pub trait Driver: Sized + Send + Sync + 'static {
    /// The world it runs in.
    type Host: Host;
    /// What can go wrong.
    type Error: Failure + From<HostError> + From<RegisterError>;

    /// Makes the driver's state. Looks at the device, and changes nothing that would have to be undone.
    ///
    /// # Errors
    ///
    /// When this is not a device for this driver.
    fn attach(io: Io<'_, BusOf<Self>>, host: &Self::Host) -> Result<Self, Self::Error>;

    /// Registers steps and entries, in order.
    ///
    /// # Errors
    ///
    /// The first error of a step or registration; pass it on with `?`.
    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), Self::Error>;

    /// The device is bound and its gate open: the first work can be queued. Callbacks may run already.
    fn ready(_cx: &Bound<'_, Self>) {}

    /// The device has gone to sleep.
    fn suspended(_cx: &Suspended<'_, Self>) {}

    /// An entry, or the reverse of a step, failed. There is nobody else to tell.
    fn failed(_data: &Self, host: HostClock<'_, Self::Host>, what: &'static str, error: &Self::Error) {
        use crate::hal::{Level, Log as _};
        host.log(Level::Warn, format_args!("{what}: {error}"));
    }
}

/// An error of a driver.
pub trait Failure: fmt::Debug + fmt::Display {
    /// Whether it says that the device is gone.
    fn is_gone(&self) -> bool;
}

/// "This thread is not inside any callback": what waiting for callbacks to leave asks for.
///
/// A thread makes one at its top and lends it to every call that may wait. A driver's callbacks are
/// handed no such value, so removing a device from inside one does not come up; they have
/// [`request_remove`](Token::request_remove). (A callback that makes one all the same, and gets hold
/// of its device through a static, finds its removal blocked by itself and is told so: no deadlock.)
#[derive(Debug)]
pub struct Outside(ThisThread);

impl Outside {
    /// For the top of a thread, and for hosts.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "making one is a statement, not a default")]
    pub const fn new() -> Self {
        Self(ThisThread::HERE)
    }
}
