//! Tokens: what a piece of driver code may do, as a value it is handed.
//!
//! A token exists only while the lifecycle calls the driver. It cannot be made, copied, sent to
//! another thread, or kept: its lifetime ends with the call.

use core::fmt;
use core::marker::PhantomData;

use super::device::Shared;
use super::entry::{DelayedWorkEntry, TimerEntry, WorkEntry};
use super::registry::EntryRow;
use super::{BusOf, Driver, Refused};
use crate::bus::Io;
use crate::hal::{Clock, DelayedWork as _, Event as _, Host, Instant, Level, Log, Timer as _, Work as _};

/// Stages of a device's life, as types.
pub mod stage {
    use core::marker::PhantomData;

    /// Setting up or waking up: the device is there, no callback runs.
    #[derive(Debug)]
    pub enum Starting {}
    /// In use: the device is there, callbacks run.
    #[derive(Debug)]
    pub struct Bound<C>(PhantomData<C>);
    /// Taking down or going to sleep: the device is there, no callback runs.
    #[derive(Debug)]
    pub enum Removing {}
    /// Asleep: the device must not be touched.
    #[derive(Debug)]
    pub enum Suspended {}
    /// The device cannot be talked to.
    #[derive(Debug)]
    pub enum Lost {}

    /// A stage in which the device can be talked to.
    #[diagnostic::on_unimplemented(
        message = "the device cannot be accessed with this token",
        label = "needs `Starting`, `Bound` or `Removing`",
        note = "a suspended device must not be touched and a lost one does not answer"
    )]
    pub trait Live: sealed::Sealed {}
    impl Live for Starting {}
    impl<C> Live for Bound<C> {}
    impl Live for Removing {}

    /// A stage in a context that may sleep.
    #[diagnostic::on_unimplemented(
        message = "this context may not sleep",
        label = "an interrupt or timer handler",
        note = "queue a work item and do it there; `clock()` is allowed everywhere"
    )]
    pub trait Sleeping: sealed::Sealed {}
    impl Sleeping for Starting {}
    impl Sleeping for Bound<super::MaySleep> {}
    impl Sleeping for Removing {}
    impl Sleeping for Suspended {}
    impl Sleeping for Lost {}

    mod sealed {
        pub trait Sealed {}
        impl Sealed for super::Starting {}
        impl<C> Sealed for super::Bound<C> {}
        impl Sealed for super::Removing {}
        impl Sealed for super::Suspended {}
        impl Sealed for super::Lost {}
    }
}

/// A context that may sleep: work and sessions.
#[derive(Debug)]
pub enum MaySleep {}
/// A context that may not sleep: interrupts and timers.
#[derive(Debug)]
pub enum NoSleep {}

/// Probe or resume is running.
pub type Starting<'a, D> = Token<'a, D, stage::Starting>;
/// The device is bound and this is one of its callbacks.
pub type Bound<'a, D, C = MaySleep> = Token<'a, D, stage::Bound<C>>;
/// Remove or suspend is running; every callback has left.
pub type Removing<'a, D> = Token<'a, D, stage::Removing>;
/// The device is asleep.
pub type Suspended<'a, D> = Token<'a, D, stage::Suspended>;
/// The device is gone, or asleep and being removed.
pub type Lost<'a, D> = Token<'a, D, stage::Lost>;

/// Proof of a stage, with access to what the stage allows.
///
/// One token carries state, bus and host of one device, so nothing of one device can be used with
/// the token of another.
pub struct Token<'a, D: Driver, S> {
    parts: Parts<'a, D>,
    stage: PhantomData<S>,
    /// The gate is held by this thread of control.
    _thread: ThisThread,
}

/// Keeps what has it on its thread: neither `Send` nor `Sync`, and of no size.
///
/// An array, so that an error of the compiler names this type and quotes nothing of the standard library,
/// whose source may not be installed.
#[derive(Debug)]
pub(super) struct ThisThread([*const StaysOnItsThread; 0]);

/// What such an error says is not `Send`: its name is the explanation.
#[derive(Debug)]
struct StaysOnItsThread;

impl ThisThread {
    pub(super) const HERE: Self = Self([]);
}

/// What a token refers to, all of one device.
pub(super) struct Parts<'a, D: Driver> {
    pub(super) data: &'a D,
    pub(super) bus: &'a BusOf<D>,
    pub(super) host: &'a D::Host,
    pub(super) shared: &'a Shared<D::Host>,
    pub(super) entries: &'a [Option<EntryRow<D>>],
}

impl<'a, D: Driver, S> Token<'a, D, S> {
    #[inline]
    pub(super) fn new(parts: Parts<'a, D>) -> Self {
        Self { parts, stage: PhantomData, _thread: ThisThread::HERE }
    }

    /// The driver's state.
    #[inline(always)]
    pub fn data(&self) -> &'a D {
        self.parts.data
    }

    /// The host's clock and log, which every context may use.
    #[inline(always)]
    pub fn clock(&self) -> HostClock<'a, D::Host> {
        HostClock::new(self.parts.host)
    }

    /// Wakes every session that waits, to look again.
    pub fn wake_sessions(&self) {
        self.parts.shared.event.signal();
    }
}

/// A host's clock and log, and nothing else of the host.
///
/// What a token of any context gives: a handler that may not sleep cannot get at the host, and its delays,
/// through this.
pub struct HostClock<'a, H>(&'a H);

impl<'a, H> HostClock<'a, H> {
    pub(super) const fn new(host: &'a H) -> Self {
        Self(host)
    }
}

impl<H> Clone for HostClock<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for HostClock<'_, H> {}

impl<H: Host> Clock for HostClock<'_, H> {
    #[inline]
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl<H: Host> Log for HostClock<'_, H> {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.0.log(level, message);
    }
}

impl<'a, D: Driver, S: stage::Sleeping> Token<'a, D, S> {
    /// The host, in a context that may sleep.
    #[inline(always)]
    pub fn host(&self) -> &'a D::Host {
        self.parts.host
    }
}

impl<'a, D: Driver, S: stage::Live> Token<'a, D, S> {
    /// The device's registers. An access is a bare access: nothing is checked here.
    #[inline(always)]
    pub fn io(&self) -> Io<'a, BusOf<D>> {
        Io::new(self.parts.bus)
    }

    /// Reports that the device is gone. New entries are refused from the end of this callback on, and
    /// the host is asked for removal. A callback that returns a "gone" error reports it by that.
    pub fn report_lost(&self) {
        self.parts.shared.set_gone();
    }
}

impl<D: Driver, C> Bound<'_, D, C> {
    /// Asks the host to remove the device, after this callback. The way to remove from inside.
    pub fn request_remove(&self) {
        self.parts.shared.request_removal(self.parts.host);
    }

    /// Queues a work item. `false` when it is queued already.
    ///
    /// # Errors
    ///
    /// [`Refused::NoSuchEntry`] when probe has not registered it.
    pub fn queue(&self, work: &WorkEntry<D>) -> Result<bool, Refused> {
        match self.row(work.id) {
            Some(EntryRow::Work { registration, .. }) => Ok(registration.queue()),
            _ => Err(Refused::NoSuchEntry),
        }
    }

    /// Queues a delayed work item for `at` on the host's clock. `false` when it is queued already.
    ///
    /// # Errors
    ///
    /// [`Refused::NoSuchEntry`] when probe has not registered it.
    pub fn queue_at(&self, work: &DelayedWorkEntry<D>, at: Instant) -> Result<bool, Refused> {
        match self.row(work.id) {
            Some(EntryRow::DelayedWork { registration, .. }) => Ok(registration.queue_at(at)),
            _ => Err(Refused::NoSuchEntry),
        }
    }

    /// Sets a timer to fire at `at` on the host's clock, replacing an earlier setting.
    ///
    /// # Errors
    ///
    /// [`Refused::NoSuchEntry`] when probe has not registered it.
    pub fn arm(&self, timer: &TimerEntry<D>, at: Instant) -> Result<bool, Refused> {
        match self.row(timer.id) {
            Some(EntryRow::Timer { registration, .. }) => Ok(registration.arm(at)),
            _ => Err(Refused::NoSuchEntry),
        }
    }

    /// Takes a timer's setting back.
    ///
    /// # Errors
    ///
    /// [`Refused::NoSuchEntry`] when probe has not registered it.
    pub fn disarm(&self, timer: &TimerEntry<D>) -> Result<(), Refused> {
        match self.row(timer.id) {
            Some(EntryRow::Timer { registration, .. }) => {
                registration.disarm();
                Ok(())
            }
            _ => Err(Refused::NoSuchEntry),
        }
    }

    fn row(&self, id: u16) -> Option<&EntryRow<D>> {
        self.parts.entries.get(usize::from(id))?.as_ref()
    }
}
