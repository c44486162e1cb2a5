//! Nested devices: a driver that is bound to a part of another driver's device.
//!
//! The child is a [`Device`] like any other, with a gate, a driver and a host of its own. What makes it
//! a child is its bus: a [`Parent`], which holds on to the parent's binding. As long as it exists the
//! parent's state and bus stay where they are, so the child's callbacks use them without entering the
//! parent's gate, and an access through it is a bare access.
//!
//! The parent knows its children. Its remove takes them down first, last joined first; its suspend puts them
//! to sleep first, and resume wakes them last; its loss is theirs.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use heapless::Vec;

use super::device::{Body, Device, GateOf};
use super::entry::ChildEntry;
use super::gated::{Anchor, Gated, HasCell, Hold};
use super::history::EventKind;
use super::registry::EntryRow;
use super::remove::{Blocker, RemoveError, Removed};
use super::suspend::SuspendError;
use super::token::{Bound, NoSleep, Parts};
use super::visitors::{Label, Visitor};
use super::{BusOf, Driver, Failure, Outside, Refused, State};
use crate::bus::{Bus, Condition, Io, Offset};
use crate::hal::{Clock as _, Host, Instant, Lock, Nanos, Ticket};
use crate::sync::{Ordering, fence};

/// Children a device has at most at a time.
pub const CHILDREN: usize = 8;

/// How long resume asks again for a child that another thread has the claim of.
const PATIENCE: Nanos = Nanos::from_millis(10);

/// A device as its parent sees it. Every [`Device`] is one.
pub trait Part {
    /// The parent's hardware is gone: draws the consequences.
    fn parent_lost(&self);
    /// See [`Device::remove_within`].
    ///
    /// # Errors
    ///
    /// As there.
    fn remove_part(&self, outside: &mut Outside, limit: Nanos) -> Result<Removed, RemoveError>;
    /// See [`Device::suspend`].
    ///
    /// # Errors
    ///
    /// Why the child does not sleep.
    fn suspend_part(&self, outside: &mut Outside, limit: Nanos) -> Result<Slept, ChildTrouble>;
    /// See [`Device::resume`].
    ///
    /// # Errors
    ///
    /// Why the child does not wake up.
    fn resume_part(&self, outside: &mut Outside) -> Result<(), ChildTrouble>;
}

/// Who put a child to sleep, and is to wake it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slept {
    /// Its parent, by this call.
    Now,
    /// It slept already.
    Already,
}

/// A child's hold on its parent: the child's bus.
///
/// Dropping it (which the end of the child's binding does) lets go of the parent. `A` is what refers to the
/// parent's device: an `Arc` or a `&'static`.
pub struct Parent<A, P: Driver, const N: usize>
where
    A: Anchor<Target = Device<P, N>>,
{
    hold: Hold<A>,
    link: u32,
    /// On the parent's roll.
    line: Option<usize>,
    driver: PhantomData<fn() -> P>,
}

impl<A, P: Driver, const N: usize> Parent<A, P, N>
where
    A: Anchor<Target = Device<P, N>>,
{
    /// Holds on to a bound device for the child that `child` refers to, which is to be bound next, with
    /// the result as its bus. From now on the parent's remove waits for that child, and removes it.
    ///
    /// # Errors
    ///
    /// [`JoinError`]. Nothing has changed.
    pub fn join(
        parent: &A,
        class: &ChildEntry<P>,
        child: <P::Host as Host>::Handle,
    ) -> Result<Self, JoinError> {
        let device: &Device<P, N> = parent;
        let lane = usize::from(class.id);
        let Some(visit) = device.cell.enter(lane) else {
            let ticket = Ticket { lane: class.id, generation: device.shared.generation() };
            return Err(JoinError::Refused(device.refusal(ticket)));
        };
        let body = visit.as_ref().ok_or(JoinError::Refused(Refused::NotBound))?;
        let row = body.registry.entries.get(lane).and_then(Option::as_ref);
        let Some(EntryRow::Child { .. }) = row else {
            return Err(JoinError::Refused(Refused::NoSuchEntry));
        };
        let hold = Hold::take(parent, &visit).ok_or(JoinError::Full)?;
        let since = body.host.coarse_now();
        let child = Child { lane: class.id, since, handle: child };
        let link = body.children.add(child)?;
        device.shared.ring.add(Some(since), EventKind::ChildJoined);
        // From here on, dropping it takes everything back.
        let joined = Self { hold, link, line: device.roll.write(lane, since), driver: PhantomData };
        // After the link was made: either the one who reports the loss finds the child, or it is seen here.
        if device.is_lost() { Err(JoinError::Refused(Refused::Lost)) } else { Ok(joined) }
    }

    /// The parent driver's state.
    #[inline(always)]
    pub fn data(&self) -> &P {
        &self.hold.value().data
    }

    /// The parent's registers.
    #[inline(always)]
    pub fn io(&self) -> Io<'_, BusOf<P>> {
        Io::new(&self.hold.value().bus)
    }

    /// A token of the parent, for what its driver offers.
    ///
    /// It is as good as in one of the parent's own callbacks, with one difference: the parent may be in
    /// the middle of removing its children. Then nothing of it has been taken down yet, but what is
    /// queued there does not run any more.
    /// It is that of a context that may not sleep, because the child's may be one.
    pub fn token(&self) -> Bound<'_, P, NoSleep> {
        Bound::new(self.parts())
    }

    /// The parent's device.
    pub fn device(&self) -> &A {
        self.hold.anchor()
    }

    fn parts(&self) -> Parts<'_, P> {
        let device: &Device<P, N> = self.hold.anchor();
        self.hold.value().parts(&device.shared)
    }
}

impl<A, P: Driver, const N: usize> Drop for Parent<A, P, N>
where
    A: Anchor<Target = Device<P, N>>,
{
    fn drop(&mut self) {
        let body = self.hold.value();
        let now = body.host.coarse_now();
        // The handle goes outside of the lock: it may be the child's last.
        drop(body.children.take(self.link));
        let device: &Device<P, N> = self.hold.anchor();
        if let Some(line) = self.line {
            device.roll.cross_out(line);
        }
        device.shared.ring.add(Some(now), EventKind::ChildLeft);
    }
}

impl<A, P: Driver, const N: usize> Bus for Parent<A, P, N>
where
    A: Anchor<Target = Device<P, N>>,
{
    type Error = <BusOf<P> as Bus>::Error;

    #[inline(always)]
    fn read8(&self, at: Offset<u8>) -> Result<u8, Self::Error> {
        self.hold.value().bus.read8(at)
    }
    #[inline(always)]
    fn read16(&self, at: Offset<u16>) -> Result<u16, Self::Error> {
        self.hold.value().bus.read16(at)
    }
    #[inline(always)]
    fn read32(&self, at: Offset<u32>) -> Result<u32, Self::Error> {
        self.hold.value().bus.read32(at)
    }
    #[inline(always)]
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Self::Error> {
        self.hold.value().bus.write8(at, value)
    }
    #[inline(always)]
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Self::Error> {
        self.hold.value().bus.write16(at, value)
    }
    #[inline(always)]
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Self::Error> {
        self.hold.value().bus.write32(at, value)
    }

    fn is_for(&self, device: *const ()) -> bool {
        self.hold.value().children.is_of(self.link, device)
    }

    fn condition(&self) -> Condition {
        let device: &Device<P, N> = self.hold.anchor();
        match device.state() {
            _ if device.is_lost() => Condition::Gone,
            State::Suspended => Condition::Asleep,
            // A child of a child: what is true of the grandparent is true here.
            _ => self.hold.value().bus.condition(),
        }
    }
}

impl<D: Driver, const N: usize> HasCell for Device<D, N> {
    type Value = Body<D, N>;
    type Gate = GateOf<D, N>;
    #[inline(always)]
    fn cell(&self) -> &Gated<Body<D, N>, GateOf<D, N>> {
        &self.cell
    }
}

/// The children of a bound device, in the order in which they joined.
pub(super) struct Children<H: Host>(H::Lock<List<H>>);

struct List<H: Host> {
    next: u32,
    links: Vec<Link<H>, CHILDREN>,
}

/// One child.
struct Link<H: Host> {
    id: u32,
    /// It was put to sleep by its parent, which wakes it again.
    slept: bool,
    child: Child<H>,
}

/// What a parent knows of a child.
struct Child<H: Host> {
    lane: u16,
    since: Instant,
    handle: H::Handle,
}

impl<H: Host> Clone for Link<H> {
    fn clone(&self) -> Self {
        let Child { lane, since, handle } = &self.child;
        let child = Child { lane: *lane, since: *since, handle: handle.clone() };
        Self { id: self.id, slept: self.slept, child }
    }
}

impl<H: Host> Children<H> {
    pub(super) fn new() -> Self {
        Self(Lock::new(List { next: 0, links: Vec::new() }))
    }

    fn add(&self, child: Child<H>) -> Result<u32, JoinError> {
        let added = self.0.with(|list| {
            let id = list.next;
            if list.links.iter().any(|link| is_same(&link.child.handle, &child.handle)) {
                return Err((JoinError::Joined, child));
            }
            // Wraps after 2^32 children; at most eight of them are there at a time.
            list.next = id.wrapping_add(1);
            let link = Link { id, slept: false, child };
            list.links.push(link).map(|()| id).map_err(|link| (JoinError::Full, link.child))
        });
        // The handle of one that is refused goes here, outside of the lock.
        added.map_err(|(error, _child)| error)
    }

    /// Whether this link is of the device at this address.
    fn is_of(&self, id: u32, device: *const ()) -> bool {
        self.0.with(|list| {
            let mut links = list.links.iter();
            links.any(|link| link.id == id && core::ptr::addr_eq(&raw const *link.child.handle, device))
        })
    }

    fn take(&self, id: u32) -> Option<Link<H>> {
        self.0.with(|list| {
            let place = list.links.iter().position(|link| link.id == id)?;
            Some(list.links.remove(place))
        })
    }

    fn mark(&self, id: u32, slept: bool) {
        self.0.with(|list| {
            let link = list.links.iter_mut().find(|link| link.id == id);
            link.map(|link| link.slept = slept)
        });
    }

    /// The children at this moment, first joined first. They are dealt with outside of the lock.
    pub(super) fn all(&self) -> Family<H> {
        Family(self.0.with(|list| list.links.iter().cloned().collect()))
    }
}

/// Whether two handles are of one device.
fn is_same<T: Deref>(one: &T, other: &T) -> bool {
    core::ptr::addr_eq(&raw const **one, &raw const **other)
}

/// Children, each with a handle that keeps its device.
pub(super) struct Family<H: Host>(Vec<Link<H>, CHILDREN>);

impl<H: Host> Family<H> {
    /// Tells them that their parent is gone.
    pub(super) fn tell(&self) {
        for link in &self.0 {
            link.child.handle.parent_lost();
        }
    }
}

impl<D: Driver, const N: usize> Body<D, N> {
    /// Removes the children that are there, last joined first. Gives one that did not go in time.
    pub(super) fn remove_children(&self, outside: &mut Outside, left: impl Fn() -> Nanos) -> Option<Blocker> {
        for link in self.children.all().0.iter().rev() {
            // Otherwise it is gone; or not bound yet, or somebody else is at it: the next look will tell.
            if let Err(RemoveError::Blocked(blocker)) = link.child.handle.remove_part(outside, left()) {
                let child = self.class(link).map(|label| label.name);
                // Of the innermost, if it is a child's child.
                return Some(Blocker { child: blocker.child.or(child), ..blocker });
            }
        }
        None
    }

    /// A child that holds on, for a removal that tells whom it waits for.
    pub(super) fn holder(&self) -> Option<Visitor> {
        let children = self.children.all();
        let link = children.0.last()?;
        Some(self.class(link)?.visitor(Some(link.child.since)))
    }

    /// Puts the children to sleep that are awake, last joined first, up to one that does not sleep.
    pub(super) fn suspend_children(
        &self,
        outside: &mut Outside,
        limit: Nanos,
    ) -> Result<(), SuspendError<D::Error>> {
        let start = self.host.now();
        for link in self.children.all().0.iter().rev() {
            let left = limit.minus(self.host.now().since(start));
            let slept = self.patiently(left, || link.child.handle.suspend_part(outside, left));
            let slept = slept.map_err(|trouble| self.trouble(link, trouble))?;
            self.children.mark(link.id, slept == Slept::Now);
        }
        Ok(())
    }

    /// Wakes the children that their parent put to sleep, first joined first. One that does not wake up
    /// stays asleep; the others are woken all the same.
    pub(super) fn resume_children(&self, outside: &mut Outside) -> Result<(), SuspendError<D::Error>> {
        let mut result = Ok(());
        for link in self.children.all().0.iter().filter(|link| link.slept) {
            match self.patiently(PATIENCE, || link.child.handle.resume_part(outside)) {
                Ok(()) => self.children.mark(link.id, false),
                Err(trouble) => result = result.and(Err(self.trouble(link, trouble))),
            }
        }
        result
    }

    /// Asks again while another thread has the child's claim: who only looks has it for a moment.
    fn patiently<T>(
        &self,
        limit: Nanos,
        mut ask: impl FnMut() -> Result<T, ChildTrouble>,
    ) -> Result<T, ChildTrouble> {
        let start = self.host.now();
        loop {
            match ask() {
                Err(ChildTrouble::Busy) if self.host.now().since(start) < limit => self.host.relax(),
                answer => return answer,
            }
        }
    }

    fn trouble(&self, link: &Link<D::Host>, trouble: ChildTrouble) -> SuspendError<D::Error> {
        SuspendError::Child { name: self.class(link).map_or("child", |label| label.name), trouble }
    }

    /// What the driver calls children of this one's class.
    fn class(&self, link: &Link<D::Host>) -> Option<Label> {
        self.registry.labels.get(usize::from(link.child.lane)).copied().flatten()
    }
}

impl<D: Driver, const N: usize> Part for Device<D, N> {
    fn parent_lost(&self) {
        // With the fence in `open`: either the gate is found open here, or the parent's loss there.
        fence(Ordering::SeqCst);
        if let Some(visit) = self.cell.enter(0) {
            if let Some(body) = visit.as_ref() {
                self.ask_parent(body);
                self.settle(&body.host);
            }
        }
    }

    fn remove_part(&self, outside: &mut Outside, limit: Nanos) -> Result<Removed, RemoveError> {
        self.remove_within(outside, limit)
    }

    fn suspend_part(&self, outside: &mut Outside, limit: Nanos) -> Result<Slept, ChildTrouble> {
        // Asked with the claim: one who is just waking up looks asleep until it is done.
        let mut claim = self.cell.claim().ok_or(ChildTrouble::Busy)?;
        if self.state() == State::Suspended {
            let asleep = claim.get().is_some_and(|body| self.shared.slept() == body.registry.order.len());
            return if asleep { Ok(Slept::Already) } else { Err(ChildTrouble::HalfAsleep) };
        }
        self.put_to_sleep(&mut claim, outside, limit).map(|()| Slept::Now).map_err(ChildTrouble::of)
    }

    fn resume_part(&self, outside: &mut Outside) -> Result<(), ChildTrouble> {
        match self.resume(outside) {
            // Somebody else has woken it.
            Err(SuspendError::State(illegal)) if illegal.state == State::Bound => Ok(()),
            woken => woken.map_err(ChildTrouble::of),
        }
    }
}

/// Why a child did not go to sleep or wake up with its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ChildTrouble {
    /// Its driver failed, and has said so in its own error.
    Failed,
    /// One of its callbacks has not left in time.
    Blocked(Blocker),
    /// It is gone.
    Gone,
    /// One of its steps did not go to sleep or wake up, so it is neither in use nor asleep.
    HalfAsleep,
    /// It is not bound (yet).
    NotBound,
    /// Another thread is probing, suspending or removing it.
    Busy,
}

impl ChildTrouble {
    fn of<E: Failure>(error: SuspendError<E>) -> Self {
        match error {
            error if error.is_gone() => Self::Gone,
            SuspendError::Blocked(blocker) => Self::Blocked(blocker),
            SuspendError::State(_) => Self::NotBound,
            SuspendError::Busy => Self::Busy,
            _ => Self::Failed,
        }
    }
}

impl fmt::Display for ChildTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed => f.write_str("its driver failed"),
            Self::Blocked(blocker) => blocker.fmt(f),
            Self::Gone => f.write_str("it is gone; remove it"),
            Self::HalfAsleep => f.write_str("it is half asleep; resume or remove it"),
            Self::NotBound => f.write_str("it is just coming or going; try again"),
            Self::Busy => f.write_str("another thread is probing, suspending or removing it; try again"),
        }
    }
}

/// Why a child could not join a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JoinError {
    /// The parent lets nobody in.
    Refused(Refused),
    /// This child has joined already.
    Joined,
    /// The parent has as many children as it can have.
    Full,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => write!(f, "the parent: {refused}"),
            Self::Joined => f.write_str("this device has joined the parent already; remove it first"),
            Self::Full => write!(f, "the parent has {CHILDREN} children already; remove one first"),
        }
    }
}

impl core::error::Error for JoinError {}
