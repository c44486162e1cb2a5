//! The device cell: one gate, one state, one body.

use super::child::Children;
use super::gated::{Claim, Gated};
use super::history::{EventKind, Ring};
use super::registry::{EntryRow, Registry};
use super::state::{IllegalTransition, State, StateCell, Transition, next};
use super::token::{Bound, HostClock, MaySleep, NoSleep, Parts};
use super::visitors::{Labels, Roll};
use super::{BusOf, Driver, Failure, Refused, teardown};
use crate::bus::{Bus as _, Condition};
use crate::hal::{Entrant, Event, Host, Instant, Outcome, Ticket};
use crate::sync::{self, AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};

pub(super) type GateOf<D, const N: usize> = <<D as Driver>::Host as Host>::Gate<N>;
pub(super) type ClaimOf<'a, D, const N: usize> = Claim<'a, Body<D, N>, GateOf<D, N>>;

/// A device that a driver `D` can be bound to, with room for `N` entries and steps together. Entry ids
/// are below `N`, too: each is a lane of the gate.
///
/// It is the one object that everything refers to: it owns the driver's state and its resources while
/// a driver is bound, and stays usable, empty, before and after. It needs a place that outlives every
/// callback: an `Arc`, a `static`, a kernel `Arc`.
pub struct Device<D: Driver, const N: usize = 16> {
    pub(super) cell: Gated<Body<D, N>, GateOf<D, N>>,
    pub(super) shared: Shared<D::Host>,
    pub(super) labels: Labels<N>,
    pub(super) roll: Roll<N>,
    /// For each entry, the binding in which it was refused while the gate was to open (again); 0 for none.
    parked: [AtomicU32; N],
}

/// What a bound device owns. Dropped in this order, after [`super::teardown`] has emptied the registry.
pub(super) struct Body<D: Driver, const N: usize> {
    pub(super) registry: Registry<D, N>,
    pub(super) children: Children<D::Host>,
    pub(super) data: D,
    pub(super) bus: BusOf<D>,
    pub(super) host: D::Host,
}

impl<D: Driver, const N: usize> Body<D, N> {
    /// Makes the body of a device that is about to be bound, with nothing registered yet. Not inlined, for the stack's sake.
    #[inline(never)]
    pub(super) fn put_into(slot: &mut Option<Self>, data: D, bus: BusOf<D>, host: D::Host) -> &mut Self {
        slot.insert(Self { registry: Registry::new(), children: Children::new(), data, bus, host })
    }

    #[inline]
    pub(super) fn parts<'a>(&'a self, shared: &'a Shared<D::Host>) -> Parts<'a, D> {
        Parts { data: &self.data, bus: &self.bus, host: &self.host, shared, entries: &self.registry.entries }
    }
}

/// The part of a device that is there whether or not a driver is bound.
pub(super) struct Shared<H: Host> {
    pub(super) state: StateCell,
    pub(super) event: H::Event,
    pub(super) ring: Ring,
    generation: AtomicU32,
    gone: AtomicBool,
    /// How many of the things that were registered have gone to sleep: always the last ones.
    slept: AtomicUsize,
    removal: AtomicBool,
    /// Calls of `lose` that are on their way.
    losing: AtomicU32,
}

impl<H: Host> Shared<H> {
    const fn new() -> Self {
        Self {
            state: StateCell::new(),
            event: H::Event::NEW,
            ring: Ring::new(),
            generation: AtomicU32::new(0),
            gone: AtomicBool::new(false),
            slept: AtomicUsize::new(0),
            removal: AtomicBool::new(false),
            losing: AtomicU32::new(0),
        }
    }

    #[cfg(any(nova_model = "loom", nova_model = "shuttle"))]
    fn touch(&self) {
        let flags = [&self.gone, &self.removal];
        let _ = flags.map(|flag| flag.load(Ordering::Relaxed));
        let _ = [&self.generation, &self.losing].map(|count| count.load(Ordering::Relaxed));
        self.slept.load(Ordering::Relaxed);
        self.state.get();
        self.event.epoch();
        self.ring.touch();
    }

    /// Starts a new binding; `None` when the numbers are used up. The claim is held and no driver bound,
    /// so nobody else writes what is reset here.
    pub(super) fn begin_binding(&self) -> Option<u32> {
        let generation = self.generation.load(Ordering::Relaxed).checked_add(1)?;
        self.generation.store(generation, Ordering::Relaxed);
        self.gone.store(false, Ordering::Relaxed);
        self.slept.store(0, Ordering::Relaxed);
        self.removal.store(false, Ordering::Relaxed);
        Some(generation)
    }

    /// Ends a binding: performs the last transition, after which a `lose` that comes does nothing, and
    /// waits for those that came before.
    pub(super) fn end_binding(&self, transition: Transition, now: Option<Instant>) {
        // Legal, because the claim keeps everybody else from changing the state.
        let _ = self.go(transition, now);
        // With the fence in `lose`: either that call sees the transition, or this one sees that call.
        fence(Ordering::SeqCst);
        // A few atomic instructions each, on another thread; nothing blocks in there.
        while self.losing.load(Ordering::Acquire) != 0 {
            sync::spin_loop();
        }
    }

    /// Ends a binding. Its host is the last thing to be freed; who sees the device removed sees it freed, too.
    ///
    /// The body is freed where it is: moved out first, it would lie on the stack for that time, and a kernel's is small.
    pub(super) fn end<D, const N: usize>(&self, body: &mut Option<Body<D, N>>, transition: Transition)
    where
        D: Driver<Host = H>,
    {
        let now = body.as_ref().map(|body| body.host.coarse_now());
        *body = None;
        self.end_binding(transition, now);
    }

    /// Performs a transition, and writes it down if it led anywhere.
    pub(super) fn go(&self, transition: Transition, at: Option<Instant>) -> Result<(), IllegalTransition> {
        let from = self.state.go(transition)?;
        self.went(from, transition, at);
        Ok(())
    }

    /// Writes a transition down that was made, if it led anywhere.
    pub(super) fn went(&self, from: State, transition: Transition, at: Option<Instant>) {
        if next(from, transition) != Some(from) {
            self.ring.add(at, EventKind::Went(transition));
        }
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
    /// Takes note of an error that says that the device is gone.
    pub(super) fn note(&self, error: &impl Failure) {
        if error.is_gone() {
            self.set_gone();
        }
    }
    /// How many of the registered things sleep: the last ones. Only who has the claim changes it.
    pub(super) fn slept(&self) -> usize {
        self.slept.load(Ordering::Relaxed)
    }
    pub(super) fn set_slept(&self, slept: usize) {
        self.slept.store(slept, Ordering::Relaxed);
    }
    pub(super) fn removal_requested(&self) -> bool {
        self.removal.load(Ordering::Relaxed)
    }
    pub(super) fn request_removal(&self, host: &H) {
        if !self.removal.swap(true, Ordering::Relaxed) {
            self.ring.add(Some(host.coarse_now()), EventKind::RemovalRequested);
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
            shared: Shared::new(),
            labels: Gated::new(),
            roll: Roll::new(),
            parked: [const { AtomicU32::new(0) }; N],
        }
    }

    /// Makes every object that a model checker keeps for this device. To be called before other threads
    /// come in.
    #[cfg(any(nova_model = "loom", nova_model = "shuttle"))]
    pub fn touch(&self) {
        self.cell.touch();
        self.labels.touch();
        self.roll.touch();
        self.shared.touch();
        for parked in &self.parked {
            parked.load(Ordering::Relaxed);
        }
    }

    /// Where the device is in its life, at this moment.
    pub fn state(&self) -> State {
        self.shared.state.get()
    }

    /// Whether the driver, or the loss of the hardware, asked for removal during this binding.
    pub fn removal_requested(&self) -> bool {
        self.shared.removal_requested()
    }

    /// What its sessions wait on, for a host that offers more ways to wait: it counts up when there is something to look for.
    pub fn event(&self) -> &<D::Host as Host>::Event {
        &self.shared.event
    }

    /// Whether the hardware was found gone during this binding.
    pub fn is_lost(&self) -> bool {
        self.shared.is_gone()
    }

    /// The host knows that the hardware is gone: refuses new entries. The host removes the device next.
    ///
    /// Callable from anywhere, an error interrupt included. A callback that is inside finds out by
    /// itself, through its reads. Does nothing when no driver is bound.
    pub fn lose(&self) {
        // Counted, so that a call that is delayed half-way cannot hit the next binding: the end of a
        // binding waits for it.
        self.shared.losing.fetch_add(1, Ordering::Relaxed);
        // With the fence in `end_binding`: either that side sees this call, or this one its transition.
        fence(Ordering::SeqCst);
        let mut visit = None;
        if !matches!(self.state(), State::Unbound | State::Removed) {
            self.shared.set_gone();
            // With the fence in `open`: either the device is found bound here, or the loss there.
            fence(Ordering::SeqCst);
            // To get at the children; where the gate is closed, who opens it or removes the device tells them.
            visit = self.cell.enter(0);
            if self.shared.go(Transition::Lose, None).is_ok() {
                self.cell.close();
            }
        }
        self.shared.losing.fetch_sub(1, Ordering::Release);
        // From here on not counted: locks are taken, and a host may let others run.
        let children = visit.as_ref().and_then(|visit| visit.as_ref()).map(|body| {
            // The gate is closed: a line that stays up would knock until the removal.
            body.registry.interrupts(false);
            body.children.all()
        });
        drop(visit);
        // A waiter that wakes up for nothing does no harm.
        self.shared.event.signal();
        // A child asks its own parent, so one that is of another by now is not hit.
        if let Some(children) = children {
            children.tell();
        }
    }

    /// The end of probe or resume: opens the gate of a device that has just become `Bound`, lets
    /// interrupts through, and runs what was parked.
    pub(super) fn open(&self, claim: &mut ClaimOf<'_, D, N>) {
        claim.open();
        // With the fence in `park`: either that side finds the gate open, or this one its note.
        fence(Ordering::SeqCst);
        // `lose` may have closed the gate between the transition to Bound and this opening.
        if self.state() != State::Bound {
            self.cell.close();
        }
        self.shared.event.signal();
        let Some(body) = claim.get() else { return };
        for (row, parked) in body.registry.entries.iter().zip(&self.parked) {
            let refused_in = parked.swap(0, Ordering::Relaxed);
            if let Some(row) = row.as_ref().filter(|_| refused_in == self.shared.generation()) {
                row.replay();
            }
        }
        body.registry.interrupts(true);
        if self.state() != State::Bound {
            // Lost meanwhile: the one who lost it may have switched them off before this switched them on.
            body.registry.interrupts(false);
        }
        // The parent may have been lost while this gate was closed to the one who tells.
        self.ask_parent(body);
        self.settle(&body.host);
    }

    /// Takes note if the bus, which may go through a parent, knows that the device is gone.
    pub(super) fn ask_parent(&self, body: &Body<D, N>) {
        if body.bus.condition() == Condition::Gone {
            self.shared.set_gone();
        }
    }

    /// A callback may have found the device gone, or a hook may have said so: draws the consequences.
    pub(super) fn settle(&self, host: &D::Host) {
        if self.shared.is_gone() {
            self.shared.request_removal(host);
            self.lose();
        }
    }

    /// Remembers an entry that was refused, so that opening the gate runs it; tries once more, in case
    /// the gate has been opened since.
    fn park(&self, ticket: Ticket) -> Result<Outcome, Refused> {
        if let Some(parked) = self.parked.get(usize::from(ticket.lane)) {
            parked.store(ticket.generation, Ordering::Relaxed);
            fence(Ordering::SeqCst);
        }
        self.visit(ticket, run)
    }

    /// Why the gate is closed to this ticket.
    pub(super) fn refusal(&self, ticket: Ticket) -> Refused {
        if ticket.generation != self.shared.generation() {
            return Refused::Stale;
        }
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
        let Some(visit) = self.cell.enter(lane) else { return Err(self.refusal(ticket)) };
        let Some(body) = visit.as_ref() else { return Err(Refused::NotBound) };
        if ticket.generation != self.shared.generation() {
            return Err(Refused::Stale);
        }
        let Some(row) = body.registry.entries.get(lane).and_then(Option::as_ref) else {
            return Err(Refused::NoSuchEntry);
        };
        let signed = self.sign_in(lane, &body.host);
        let result = f(row, body.parts(&self.shared));
        drop(signed);
        self.settle(&body.host);
        Ok(result)
    }
}

impl<D: Driver, const N: usize> Drop for Device<D, N> {
    /// The net under an owner who forgot to remove: the same two passes.
    ///
    /// No callback is inside or on its way: the host's callbacks and the sessions hold handles, and
    /// with a handle around the device is not dropped.
    fn drop(&mut self) {
        if let Some(body) = self.cell.get_mut() {
            if body.bus.condition() == Condition::Gone {
                self.shared.set_gone();
            }
            teardown::take_down(body, &self.shared, true);
        }
    }
}

impl<D: Driver, const N: usize> Entrant for Device<D, N> {
    fn enter(&self, ticket: Ticket) -> Outcome {
        let mut outcome = self.visit(ticket, run);
        // A gate that is to open (again) remembers who was there.
        if let Err(Refused::Suspended | Refused::NotBound) = outcome {
            outcome = self.park(ticket);
        }
        outcome.unwrap_or_else(Outcome::Refused)
    }
}

/// Calls the handler of one entry with the token of its context.
fn run<D: Driver>(row: &EntryRow<D>, parts: Parts<'_, D>) -> Outcome {
    let (data, host, shared) = (parts.data, parts.host, parts.shared);
    let result = match row {
        EntryRow::Interrupt { entry, .. } => {
            (entry.handler)(&Bound::<D, NoSleep>::new(parts)).map(Outcome::Interrupt)
        }
        EntryRow::Timer { entry, .. } => {
            (entry.handler)(&Bound::<D, NoSleep>::new(parts)).map(Outcome::Timer)
        }
        EntryRow::Work { entry, .. } => {
            (entry.handler)(&Bound::<D, MaySleep>::new(parts)).map(|()| Outcome::Work)
        }
        EntryRow::DelayedWork { entry, .. } => {
            (entry.handler)(&Bound::<D, MaySleep>::new(parts)).map(|()| Outcome::Work)
        }
        EntryRow::Session { .. } | EntryRow::Child { .. } => {
            return Outcome::Refused(Refused::NoSuchEntry);
        }
    };
    result.unwrap_or_else(|error| {
        shared.note(&error);
        D::failed(data, HostClock::new(host), row.describe().1, &error);
        Outcome::Failed
    })
}
