//! The device cell: one gate, one state, one body.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::gated::{Claim, Gated};
use super::registry::{EntryRow, Registry};
use super::state::{State, StateCell, Transition};
use super::token::{Atomic, Bound, Parts, Process};
use super::{BusOf, Driver, Failure, Refused, teardown};
use crate::hal::{DelayedWork as _, Entrant, Event, Host, Outcome, Ticket, Timer as _, Work as _};

pub(super) type GateOf<D, const N: usize> = <<D as Driver>::Host as Host>::Gate<N>;
pub(super) type ClaimOf<'a, D, const N: usize> = Claim<'a, Body<D, N>, GateOf<D, N>>;

/// A device that a driver `D` can be bound to, with room for `N` entries and steps.
///
/// It is the one object that everything refers to: it owns the driver's state and its resources while
/// a driver is bound, and stays usable, empty, before and after. It needs a place that outlives every
/// callback: an `Arc`, a `static`, a kernel `Arc`.
pub struct Device<D: Driver, const N: usize = 16> {
    pub(super) cell: Gated<Body<D, N>, GateOf<D, N>>,
    pub(super) shared: Shared<D::Host>,
    /// Entries that were refused because the device slept.
    parked: [AtomicBool; N],
}

/// What a bound device owns. Dropped in this order, after [`super::teardown`] has emptied the registry.
pub(super) struct Body<D: Driver, const N: usize> {
    pub(super) registry: Registry<D, N>,
    pub(super) data: D,
    pub(super) bus: BusOf<D>,
    pub(super) host: D::Host,
}

impl<D: Driver, const N: usize> Body<D, N> {
    #[inline]
    pub(super) fn parts<'a>(&'a self, shared: &'a Shared<D::Host>) -> Parts<'a, D> {
        Parts { data: &self.data, bus: &self.bus, host: &self.host, shared, entries: &self.registry.entries }
    }
}

/// The part of a device that is there whether or not a driver is bound.
pub(super) struct Shared<H: Host> {
    pub(super) state: StateCell,
    pub(super) event: H::Event,
    generation: AtomicU32,
    gone: AtomicBool,
    asleep: AtomicBool,
    removal: AtomicBool,
}

impl<H: Host> Shared<H> {
    /// Starts a new binding; `None` when the numbers are used up.
    pub(super) fn begin_binding(&self) -> Option<u32> {
        // Only the holder of the claim gets here, so load and store do not race.
        let generation = self.generation.load(Ordering::Relaxed).checked_add(1)?;
        self.generation.store(generation, Ordering::Relaxed);
        self.gone.store(false, Ordering::Relaxed);
        self.asleep.store(false, Ordering::Relaxed);
        self.removal.store(false, Ordering::Relaxed);
        Some(generation)
    }
    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
    pub(super) fn set_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }
    /// Removed while suspended: the device sleeps and is not to be touched.
    pub(super) fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Relaxed)
    }
    pub(super) fn set_asleep(&self, asleep: bool) {
        self.asleep.store(asleep, Ordering::Relaxed);
    }
    pub(super) fn request_removal(&self, host: &H) {
        if !self.removal.swap(true, Ordering::Relaxed) {
            host.removal_requested();
        }
    }
}

impl<D: Driver, const N: usize> Default for Device<D, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Driver, const N: usize> Device<D, N> {
    /// A device without a driver.
    pub const fn new() -> Self {
        Self {
            cell: Gated::new(),
            shared: Shared {
                state: StateCell::new(),
                event: <D::Host as Host>::Event::NEW,
                generation: AtomicU32::new(0),
                gone: AtomicBool::new(false),
                asleep: AtomicBool::new(false),
                removal: AtomicBool::new(false),
            },
            parked: [const { AtomicBool::new(false) }; N],
        }
    }

    /// Where the device is in its life, at this moment.
    pub fn state(&self) -> State {
        self.shared.state.get()
    }

    /// Whether the driver, or the loss of the hardware, asked for removal during this binding.
    pub fn removal_requested(&self) -> bool {
        self.shared.removal.load(Ordering::Relaxed)
    }

    /// Whether the hardware was found gone during this binding.
    pub fn is_lost(&self) -> bool {
        self.shared.is_gone()
    }

    /// The host knows that the hardware is gone: refuses new entries and asks for removal.
    ///
    /// Callable from anywhere, an error interrupt included. A callback that is inside finds out by
    /// itself, through its reads.
    pub fn lose(&self) {
        self.shared.set_gone();
        if self.shared.state.go(Transition::Lose).is_ok() {
            self.cell.close();
            self.shared.event.signal();
        }
        self.shared.removal.store(true, Ordering::Relaxed);
    }

    /// Opens the gate of a device that has just become `Bound`, and runs what was parked.
    pub(super) fn open(&self, claim: &mut ClaimOf<'_, D, N>) {
        claim.open();
        // `lose` may have closed the gate between the transition to Bound and this opening.
        if self.state() != State::Bound {
            self.cell.close();
        }
        self.shared.event.signal();
        let Some(body) = claim.get() else { return };
        for (lane, row) in body.registry.entries.iter().enumerate() {
            if self.unpark(lane) {
                self.replay(&body.host, lane, row.as_ref());
            }
        }
    }

    /// Lets an entry run that was refused while the device slept.
    fn replay(&self, host: &D::Host, lane: usize, row: Option<&EntryRow<D>>) {
        use crate::hal::Clock as _;
        match row {
            Some(EntryRow::Work { registration, .. }) => {
                registration.queue();
            }
            Some(EntryRow::DelayedWork { registration, .. }) => {
                registration.queue_at(host.now());
            }
            Some(EntryRow::Timer { registration, .. }) => {
                registration.arm(host.now());
            }
            // The edge that was refused does not come again: look now.
            Some(EntryRow::Interrupt { .. }) => {
                self.enter(Ticket { lane: lane as u16, generation: self.shared.generation() });
            }
            Some(EntryRow::Session { .. }) | None => (),
        }
    }

    fn unpark(&self, lane: usize) -> bool {
        self.parked.get(lane).is_some_and(|parked| parked.swap(false, Ordering::SeqCst))
    }

    /// Remembers a refused entry for resume. `true` when resume came first: try again.
    fn park(&self, lane: usize) -> bool {
        if let Some(parked) = self.parked.get(lane) {
            parked.store(true, Ordering::SeqCst);
        }
        // Either this sees the state that `resume` has set before it looks at the parked entries,
        // or `resume` sees the entry parked here: both sides are SeqCst.
        self.state() == State::Bound && self.unpark(lane)
    }

    /// Why the gate is closed.
    pub(super) fn refusal(&self) -> Refused {
        match self.state() {
            State::Unbound | State::Probing => Refused::NotBound,
            // Bound: it was closed a moment ago and has been opened since.
            State::Suspended | State::Bound => Refused::Suspended,
            State::Removing => Refused::Removing,
            State::Removed => Refused::Removed,
            State::Lost => Refused::Lost,
        }
    }

    /// Runs `f` inside the gate.
    #[inline]
    pub(super) fn visit<R>(
        &self,
        ticket: Ticket,
        f: impl FnOnce(&EntryRow<D>, Parts<'_, D>) -> R,
    ) -> Result<R, Refused> {
        let lane = usize::from(ticket.lane);
        let Some(visit) = self.cell.enter(lane) else { return Err(self.refusal()) };
        let Some(body) = visit.as_ref() else { return Err(Refused::NotBound) };
        if ticket.generation != self.shared.generation() {
            return Err(Refused::Stale);
        }
        let Some(row) = body.registry.entries.get(lane).and_then(Option::as_ref) else {
            return Err(Refused::NoSuchEntry);
        };
        let result = f(row, body.parts(&self.shared));
        if self.shared.is_gone() {
            self.shared.request_removal(&body.host);
            self.lose();
        }
        Ok(result)
    }
}

impl<D: Driver, const N: usize> Drop for Device<D, N> {
    /// The net under an owner who forgot to remove: the same two passes.
    ///
    /// No callback is inside or on its way: the host's callbacks and the sessions hold handles, and
    /// with a handle around the device is not dropped.
    fn drop(&mut self) {
        self.cell.close();
        let asleep = self.shared.is_asleep() || self.state() == State::Suspended;
        if let Some(body) = self.cell.get_mut() {
            teardown::quiesce(body, &self.shared, !asleep);
            teardown::free(&mut body.registry);
        }
    }
}

impl<D: Driver, const N: usize> Entrant for Device<D, N> {
    fn enter(&self, ticket: Ticket) -> Outcome {
        // Each further turn needs a whole suspend and resume in between.
        loop {
            match self.visit(ticket, run) {
                Ok(outcome) => return outcome,
                Err(Refused::Suspended) if self.park(usize::from(ticket.lane)) => (),
                Err(refused) => return Outcome::Refused(refused),
            }
        }
    }
}

/// Calls the handler of one entry with the token of its context.
fn run<D: Driver>(row: &EntryRow<D>, parts: Parts<'_, D>) -> Outcome {
    let (data, host, shared) = (parts.data, parts.host, parts.shared);
    let result = match row {
        EntryRow::Interrupt { entry, .. } => {
            (entry.handler)(&Bound::<D, Atomic>::new(parts)).map(Outcome::Interrupt)
        }
        EntryRow::Timer { entry, .. } => (entry.handler)(&Bound::<D, Atomic>::new(parts)).map(Outcome::Timer),
        EntryRow::Work { entry, .. } => {
            (entry.handler)(&Bound::<D, Process>::new(parts)).map(|()| Outcome::Work)
        }
        EntryRow::DelayedWork { entry, .. } => {
            (entry.handler)(&Bound::<D, Process>::new(parts)).map(|()| Outcome::Work)
        }
        EntryRow::Session { .. } => return Outcome::Refused(Refused::NoSuchEntry),
    };
    result.unwrap_or_else(|error| {
        if error.is_gone() {
            shared.set_gone();
        }
        D::failed(data, host, row.describe().1, &error);
        Outcome::Failed
    })
}
