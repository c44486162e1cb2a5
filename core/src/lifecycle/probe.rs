//! Probe: set up step by step, and undo exactly what was done when a step fails.

use core::fmt;
use core::panic::Location;

use super::device::{Body, ClaimOf, Device, Shared};
use super::entry::{ChildEntry, DelayedWorkEntry, InterruptEntry, SessionEntry, TimerEntry, WorkEntry};
use super::registry::{Enrol, EntryRow};
use super::state::{IllegalTransition, Transition, next};
use super::step::Step;
use super::teardown;
use super::token::{Bound, Parts, Starting};
use super::{BusOf, Driver, Failure, Outside};
use crate::bus::{Bus as _, Io};
use crate::hal::{Callback, Clock as _, Host, Ticket};

impl<D: Driver, const N: usize> Device<D, N> {
    /// Binds a driver: makes its state, runs its probe, and opens the gate.
    ///
    /// `handle` must refer to this very device; the host keeps copies of it in the callbacks.
    ///
    /// # Errors
    ///
    /// [`ProbeError`]. Everything done before the failing step has been undone, in reverse, bus and
    /// host have been dropped, and the device can be probed again.
    pub fn probe(
        &self,
        _outside: &mut Outside,
        handle: <D::Host as Host>::Handle,
        host: D::Host,
        bus: BusOf<D>,
    ) -> Result<(), ProbeError<D::Error>> {
        let own = core::ptr::addr_eq(&raw const *handle, self);
        if !own || !bus.is_for((&raw const *self).cast()) {
            return Err(ProbeError::ForeignHandle);
        }
        let mut claim = self.cell.claim().ok_or(ProbeError::Busy)?;
        let state = self.state();
        if next(state, Transition::Probe).is_none() {
            return Err(ProbeError::State(IllegalTransition { state, transition: Transition::Probe }));
        }
        // Before the transition: until then a `lose` does nothing, and cannot be undone by the reset.
        let generation = self.shared.begin_binding().ok_or(ProbeError::Exhausted)?;
        self.shared.go(Transition::Probe, Some(host.coarse_now())).map_err(ProbeError::State)?;
        let result = self.set_up(&mut claim, handle, host, bus, generation);
        if let Err(error) = &result {
            if error.is_gone() {
                self.shared.set_gone();
            }
            self.unwind(&mut claim);
        }
        result
    }

    fn set_up(
        &self,
        claim: &mut ClaimOf<'_, D, N>,
        handle: <D::Host as Host>::Handle,
        host: D::Host,
        bus: BusOf<D>,
        generation: u32,
    ) -> Result<(), ProbeError<D::Error>> {
        let body = self.move_in(claim, host, bus)?;
        let mut probing = Probing {
            data: &body.data,
            bus: &body.bus,
            host: &body.host,
            shared: &self.shared,
            registry: &mut body.registry,
            handle,
            generation,
            step: "probe",
        };
        let probed = D::probe(&mut probing);
        probed.map_err(|error| ProbeError::Driver { step: probing.step, error })?;
        let labels = body.registry.labels;
        self.put_up(labels, &body.host).map_err(|_| ProbeError::Busy)?;
        self.ask_parent(body);
        if self.shared.is_gone() {
            return Err(ProbeError::Gone);
        }
        let now = body.host.coarse_now();
        self.shared.go(Transition::Bind, Some(now)).map_err(ProbeError::State)?;
        self.open(claim);
        if let Some(body) = claim.get() {
            // Needs no gate: the claim keeps the body where it is.
            D::ready(&Bound::new(body.parts(&self.shared)));
            self.settle(&body.host);
        }
        Ok(())
    }

    /// Makes the driver's state, and the body around it with nothing registered yet.
    ///
    /// Not inlined: on their way they lie on the stack, which a kernel has little of, and which they shall leave before
    /// the driver's steps are called.
    #[inline(never)]
    fn move_in<'c>(
        &self,
        claim: &'c mut ClaimOf<'_, D, N>,
        host: D::Host,
        bus: BusOf<D>,
    ) -> Result<&'c mut Body<D, N>, ProbeError<D::Error>> {
        // The glue has let the device reach memory, and there is nothing yet for the teardown to undo.
        let data = D::attach(Io::new(&bus), &host)
            .inspect_err(|_| host.isolate())
            .map_err(|error| ProbeError::Driver { step: "attach", error })?;
        // The gate has been closed since the last removal; at most somebody is being turned away, or the
        // gate cannot tell.
        let start = host.coarse_now();
        while !claim.drained() {
            if host.now().since(start) >= D::Host::REMOVE_LIMIT {
                host.isolate();
                return Err(ProbeError::Busy);
            }
            host.relax();
        }
        let slot = claim.exclusive().ok_or(ProbeError::Busy)?;
        Ok(Body::put_into(slot, data, bus, host))
    }

    fn unwind(&self, claim: &mut ClaimOf<'_, D, N>) {
        // The gate has not been opened, and was seen empty before the body was put in.
        let Some(slot) = claim.exclusive() else {
            return self.shared.end_binding(Transition::Unwind, None);
        };
        if let Some(body) = slot {
            self.ask_parent(body);
            teardown::take_down(body, &self.shared, true);
        }
        self.shared.end(slot, Transition::Unwind);
    }
}

/// The context of a driver's probe: everything registered through it is undone in reverse.
pub struct Probing<'a, D: Driver> {
    data: &'a D,
    bus: &'a BusOf<D>,
    host: &'a D::Host,
    shared: &'a Shared<D::Host>,
    registry: &'a mut dyn Enrol<D>,
    handle: <D::Host as Host>::Handle,
    generation: u32,
    /// What is being set up, for the error.
    step: &'static str,
}

impl<D: Driver> Probing<'_, D> {
    /// The driver's state.
    pub fn data(&self) -> &D {
        self.data
    }

    /// The host.
    pub fn host(&self) -> &D::Host {
        self.host
    }

    /// The device's registers.
    pub fn io(&self) -> Io<'_, BusOf<D>> {
        Io::new(self.bus)
    }

    /// Runs a step now; its reverse runs at remove, or when a later step fails.
    ///
    /// # Errors
    ///
    /// The step's own error, or [`RegisterError::Full`](super::RegisterError::Full). The step counts as not done: it must leave
    /// nothing behind when it fails.
    pub fn step(&mut self, step: &Step<D>) -> Result<(), D::Error> {
        self.step = step.name;
        self.registry.room()?;
        let token = Starting::new(Parts {
            data: self.data,
            bus: self.bus,
            host: self.host,
            shared: self.shared,
            entries: &[],
        });
        (step.up)(&token)?;
        Ok(self.registry.add_step(*step)?)
    }

    /// Registers an interrupt handler. It runs once probe has succeeded.
    ///
    /// # Errors
    ///
    /// [`RegisterError`](super::RegisterError), or the host's error.
    #[track_caller]
    pub fn interrupt(&mut self, entry: &InterruptEntry<D>) -> Result<(), D::Error> {
        let callback = self.callback(entry.id, entry.name)?;
        let registration = self.host.interrupt(entry.vector, callback)?;
        Ok(self.registry.add_entry(
            entry.id,
            EntryRow::Interrupt { entry: *entry, registration },
            Location::caller(),
        )?)
    }

    /// Registers a work item.
    ///
    /// # Errors
    ///
    /// [`RegisterError`](super::RegisterError), or the host's error.
    #[track_caller]
    pub fn work(&mut self, entry: &WorkEntry<D>) -> Result<(), D::Error> {
        let callback = self.callback(entry.id, entry.name)?;
        let registration = self.host.work(callback)?;
        Ok(self.registry.add_entry(
            entry.id,
            EntryRow::Work { entry: *entry, registration },
            Location::caller(),
        )?)
    }

    /// Registers a delayed work item.
    ///
    /// # Errors
    ///
    /// [`RegisterError`](super::RegisterError), or the host's error.
    #[track_caller]
    pub fn delayed_work(&mut self, entry: &DelayedWorkEntry<D>) -> Result<(), D::Error> {
        let callback = self.callback(entry.id, entry.name)?;
        let registration = self.host.delayed_work(callback)?;
        Ok(self.registry.add_entry(
            entry.id,
            EntryRow::DelayedWork { entry: *entry, registration },
            Location::caller(),
        )?)
    }

    /// Registers a timer.
    ///
    /// # Errors
    ///
    /// [`RegisterError`](super::RegisterError), or the host's error.
    #[track_caller]
    pub fn timer(&mut self, entry: &TimerEntry<D>) -> Result<(), D::Error> {
        let callback = self.callback(entry.id, entry.name)?;
        let registration = self.host.timer(callback)?;
        Ok(self.registry.add_entry(
            entry.id,
            EntryRow::Timer { entry: *entry, registration },
            Location::caller(),
        )?)
    }

    /// Registers a class of sessions.
    ///
    /// # Errors
    ///
    /// [`RegisterError`](super::RegisterError).
    #[track_caller]
    pub fn sessions(&mut self, entry: &SessionEntry<D>) -> Result<(), D::Error> {
        self.callback(entry.id, entry.name)?;
        Ok(self.registry.add_entry(entry.id, EntryRow::Session { entry: *entry }, Location::caller())?)
    }

    /// Registers a class of children: devices that are part of this one. They join once it is bound.
    ///
    /// # Errors
    ///
    /// [`RegisterError`](super::RegisterError).
    #[track_caller]
    pub fn children(&mut self, entry: &ChildEntry<D>) -> Result<(), D::Error> {
        self.callback(entry.id, entry.name)?;
        Ok(self.registry.add_entry(entry.id, EntryRow::Child { entry: *entry }, Location::caller())?)
    }

    fn callback(
        &mut self,
        id: u16,
        name: &'static str,
    ) -> Result<Callback<<D::Host as Host>::Handle>, D::Error> {
        self.step = name;
        self.registry.room()?;
        self.registry.vacant(id)?;
        Ok(Callback::new(self.handle.clone(), Ticket { lane: id, generation: self.generation }))
    }
}

/// Why a device could not be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ProbeError<E> {
    /// A step of the driver failed; the steps before it have been undone.
    Driver {
        /// The step or entry.
        step: &'static str,
        /// Its error.
        error: E,
    },
    /// The device went away during probe; what had been done was let go of without it.
    Gone,
    /// The device is in no state to be probed.
    State(IllegalTransition),
    /// Another thread is probing, suspending or removing the device.
    Busy,
    /// The handle is of another device, or the bus is for another one: a child joined, and this is not it.
    ForeignHandle,
    /// The device has been bound 2^32 - 1 times; make a new one.
    Exhausted,
}

impl<E: fmt::Display> fmt::Display for ProbeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Driver { step, error } => write!(f, "probe failed at `{step}`: {error}"),
            Self::Gone => f.write_str("the device went away during probe"),
            Self::State(illegal) => illegal.fmt(f),
            Self::Busy => f.write_str("another thread is probing, suspending or removing the device"),
            Self::ForeignHandle => f.write_str("the handle given to probe is of another device"),
            Self::Exhausted => f.write_str("the device has been bound too often; make a new one"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for ProbeError<E> {}

impl<E: Failure> ProbeError<E> {
    /// Whether the device was gone.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Gone => true,
            Self::Driver { error, .. } => error.is_gone(),
            _ => false,
        }
    }
}
