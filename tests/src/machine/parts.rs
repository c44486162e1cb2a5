//! The drivers: a hub and its leaves, which do next to nothing and tell the rig about it.

use std::convert::Infallible;
use std::sync::Arc;

use nova_core::bus::{Bus, Io};
use nova_core::hal::{Clock as _, Nanos, Rearm, WithBus};
use nova_core::lifecycle::{
    Bound, BusOf, ChildEntry, Device, Driver, Lost, Parent, Probing, Removing, SessionEntry, Starting, Step,
    Suspended, TimerEntry, WorkEntry,
};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_sim_glue::world::WorldHost;

use super::event::{Did, Event, HUB, Hook, Kind};
use super::rig;
use crate::toy::ToyError;

pub(super) type HubDevice = Device<Hub, 8>;
pub(super) type LeafDevice = Device<Leaf, 8>;
pub(super) type HubBus = Parent<Arc<HubDevice>, Hub, 8>;
pub(super) type LeafHost = WithBus<WorldHost, HubBus>;

/// Host registrations of the hub and of each leaf.
pub(super) const REGISTRATIONS: [usize; 3] = [2, 1, 1];

/// The state of either driver: which part it is. Tells when it is dropped.
pub(super) struct Name(usize);

impl Drop for Name {
    fn drop(&mut self) {
        let _ = hook(self.0, Hook::Drop, || Ok(()));
    }
}

/// What both drivers have in common.
pub(super) trait Member: Driver<Error = ToyError> {
    /// Its sessions.
    const CLIENT: SessionEntry<Self>;
    /// Which part it is.
    fn part(&self) -> usize;
    /// Gives it something to do.
    fn employ(cx: &Bound<'_, Self>);
}

/// The driver of the whole device.
pub(super) struct Hub(Name);
/// The driver of a part.
pub(super) struct Leaf(Name);

impl Hub {
    pub(super) const LEAF: ChildEntry<Self> = ChildEntry::new(1, "leaf");
    const WORK: WorkEntry<Self> =
        WorkEntry::new(2, "hub work", |cx| visit(HUB, Kind::Work, || touch(cx.io())));
    const TIMER: TimerEntry<Self> = TimerEntry::new(3, "hub timer", |cx| {
        visit(HUB, Kind::Timer, || {
            rig::see(Event::Due(HUB, Kind::Work));
            let _ = cx.queue(&Self::WORK);
            touch(cx.io())
        })?;
        Ok(Rearm::No)
    });
}

impl Leaf {
    const WORK: WorkEntry<Self> =
        WorkEntry::new(2, "leaf work", |cx| visit(cx.data().part(), Kind::Work, || touch(cx.io())));
}

impl Member for Hub {
    const CLIENT: SessionEntry<Self> = SessionEntry::new(0, "hub client");
    fn part(&self) -> usize {
        self.0.0
    }
    fn employ(cx: &Bound<'_, Self>) {
        rig::see(Event::Due(HUB, Kind::Work));
        let _ = cx.queue(&Self::WORK);
        let at = cx.clock().now() + Nanos(700);
        rig::see(Event::Due(HUB, Kind::Timer));
        let _ = cx.arm(&Self::TIMER, at);
    }
}

impl Member for Leaf {
    const CLIENT: SessionEntry<Self> = SessionEntry::new(0, "leaf client");
    fn part(&self) -> usize {
        self.0.0
    }
    fn employ(cx: &Bound<'_, Self>) {
        rig::see(Event::Due(cx.data().part(), Kind::Work));
        let _ = cx.queue(&Self::WORK);
    }
}

/// An access: a place where others come in between, and where a device that is gone is found out.
pub(super) fn touch<B: Bus<Error = Infallible>>(io: Io<'_, B>) -> Result<(), ToyError> {
    let Ok(boot0) = io.read(NV_PMC_BOOT_0);
    if boot0.get() == u32::MAX { Err(ToyError::Gone) } else { Ok(()) }
}

fn did<T>(result: &Result<T, ToyError>) -> Did {
    match result {
        Ok(_) => Did::Well,
        Err(ToyError::Gone) => Did::FoundGone,
        Err(_) => Did::Failed,
    }
}

/// Driver code inside the gate.
pub(super) fn visit<T>(
    part: usize,
    kind: Kind,
    inside: impl FnOnce() -> Result<T, ToyError>,
) -> Result<T, ToyError> {
    super::bench::inside();
    rig::see(Event::Enter(part, kind));
    let result = inside();
    rig::see(Event::Leave(part, did(&result)));
    result
}

/// Driver code that has the device to itself; fails if it is its turn to.
fn hook(part: usize, hook: Hook, run: impl FnOnce() -> Result<(), ToyError>) -> Result<(), ToyError> {
    rig::see(Event::Hook(part, hook));
    let result = run().and(if rig::is_to_fail(part, hook) { Err(ToyError::Told) } else { Ok(()) });
    rig::see(Event::Done(part, did(&result)));
    result
}

/// One of the two steps, each of which reads a register whatever it does.
const fn step<D: Member, const STEP: u8>() -> Step<D>
where
    BusOf<D>: Bus<Error = Infallible>,
{
    Step::<D>::new(
        if STEP == 0 { "first" } else { "second" },
        |cx: &Starting<'_, D>| hook(cx.data().part(), Hook::Up(STEP), || touch(cx.io())),
        |cx: &Removing<'_, D>| hook(cx.data().part(), Hook::Down(STEP), || touch(cx.io())),
    )
    .when_lost(|cx: &Lost<'_, D>| _ = hook(cx.data().part(), Hook::Lost(STEP), || Ok(())))
    .sleeping(
        |cx: &Removing<'_, D>| hook(cx.data().part(), Hook::Sleep(STEP), || touch(cx.io())),
        |cx: &Starting<'_, D>| hook(cx.data().part(), Hook::Wake(STEP), || touch(cx.io())),
    )
}

fn attach<B: Bus<Error = Infallible>>(io: Io<'_, B>) -> Result<Name, ToyError> {
    let part = rig::attached();
    hook(part, Hook::Attach, || touch(io))?;
    Ok(Name(part))
}

fn ready<D: Member>(cx: &Bound<'_, D>)
where
    BusOf<D>: Bus<Error = Infallible>,
{
    let _ = hook(cx.data().part(), Hook::Ready, || {
        D::employ(cx);
        touch(cx.io()).inspect_err(|_| cx.report_lost())
    });
}

impl Driver for Hub {
    type Host = WorldHost;
    type Error = ToyError;

    fn attach(io: Io<'_, BusOf<Self>>, _host: &WorldHost) -> Result<Self, ToyError> {
        attach(io).map(Self)
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), ToyError> {
        cx.step(&step::<Self, 0>())?;
        cx.children(&Self::LEAF)?;
        cx.sessions(&Self::CLIENT)?;
        cx.work(&Self::WORK)?;
        cx.timer(&Self::TIMER)?;
        cx.step(&step::<Self, 1>())
    }

    fn ready(cx: &Bound<'_, Self>) {
        ready(cx);
    }

    fn suspended(_cx: &Suspended<'_, Self>) {
        let _ = hook(HUB, Hook::Asleep, || Ok(()));
    }
}

impl Driver for Leaf {
    type Host = LeafHost;
    type Error = ToyError;

    fn attach(io: Io<'_, BusOf<Self>>, _host: &LeafHost) -> Result<Self, ToyError> {
        attach(io).map(Self)
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), ToyError> {
        cx.step(&step::<Self, 0>())?;
        cx.sessions(&Self::CLIENT)?;
        cx.work(&Self::WORK)?;
        cx.step(&step::<Self, 1>())
    }

    fn ready(cx: &Bound<'_, Self>) {
        ready(cx);
    }

    fn suspended(cx: &Suspended<'_, Self>) {
        let _ = hook(cx.data().part(), Hook::Asleep, || Ok(()));
    }
}
