//! A hub and its leaves: one driver on the whole device, another on a part of it.
//!
//! As in [`toy`](crate::toy), what happened is written down, here in a [`log`] of the thread.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;

use nova_core::bus::{Bus, Io};
use nova_core::chip::Chipset;
use nova_core::hal::{Clock as _, Nanos, Rearm, WithBus};
use nova_core::lifecycle::{
    Bound, BusOf, ChildEntry, Device, Driver, JoinError, Lost, Outside, Parent, ProbeError, Probing, Refused,
    Removing, Session, SessionEntry, Starting, Step, Suspended, TimerEntry, Token, WorkEntry, stage,
};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_sim_glue::gpu::{Gpu, SimConfig};
use nova_sim_glue::world::{World, WorldHost};

use crate::toy::ToyError;

/// The whole device.
pub type HubDevice = Device<Hub, 16>;
/// A part of it.
pub type LeafDevice = Device<Leaf, 8>;
/// What a leaf holds on to its hub by.
pub type HubBus = Parent<Arc<HubDevice>, Hub, 16>;
/// The world of a leaf: the hub's, with the hub as its bus.
pub type LeafHost = WithBus<WorldHost, HubBus>;

thread_local! {
    static LOG: RefCell<Vec<String>> = RefCell::default();
    /// What is to fail.
    static WHEN: RefCell<Option<Action>> = const { RefCell::new(None) };
    static FAILS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// What was written since the last call.
pub fn log() -> Vec<String> {
    LOG.take()
}

/// Lets these steps of `hub` or a leaf fail from now on, and no others: `suspend leaf`, for example.
pub fn fail(what: impl IntoIterator<Item = &'static str>) {
    FAILS.replace(what.into_iter().collect());
}

/// What is done at a step, once.
type Action = (&'static str, Box<dyn FnOnce()>);

/// Does this the next time that this step of `hub` or a leaf runs, before it does.
pub fn when(line: &'static str, action: impl FnOnce() + 'static) {
    WHEN.replace(Some((line, Box::new(action))));
}

fn result(line: &str) -> Result<(), ToyError> {
    if FAILS.with_borrow(|fails| fails.contains(&line)) { Err(ToyError::Told) } else { Ok(()) }
}

fn write(verb: &str, name: &str) -> Result<(), ToyError> {
    let line = format!("{verb} {name}");
    let now = WHEN.with_borrow_mut(|when| when.take_if(|(at, _)| *at == line));
    if let Some((_, action)) = now {
        action();
    }
    let result = result(&line);
    LOG.with_borrow_mut(|log| log.push(line));
    result
}

/// A read, and whether the device is there.
fn touch<D: Driver<Error = ToyError>, S: stage::Live>(cx: &Token<'_, D, S>) -> Result<(), ToyError>
where
    BusOf<D>: Bus<Error = Infallible>,
{
    let Ok(boot0) = cx.io().read(NV_PMC_BOOT_0);
    if boot0.get() == u32::MAX { Err(ToyError::Gone) } else { Ok(()) }
}

/// The driver of the whole device.
pub struct Hub {
    name: &'static str,
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = write("drop", self.name);
    }
}

impl Hub {
    /// Its leaves.
    pub const LEAF: ChildEntry<Self> = ChildEntry::new(0, "leaf");
    /// Its clients.
    pub const CLIENT: SessionEntry<Self> = SessionEntry::new(1, "hub client");
    /// Its work, which queues itself again.
    pub const WORK: WorkEntry<Self> = WorkEntry::new(2, "hub work", |cx| {
        touch(cx)?;
        let _ = cx.queue(&Self::WORK);
        touch(cx)
    });
    const STEP: Step<Self> = Step::new("hub step", |cx| hub_step(cx, "up"), |cx| hub_down(cx, "down"))
        .when_lost(|cx: &Lost<'_, Self>| _ = write("lost", cx.data().name))
        .sleeping(|cx| hub_down(cx, "suspend"), |cx| hub_step(cx, "resume"));
}

fn hub_step(cx: &Starting<'_, Hub>, verb: &str) -> Result<(), ToyError> {
    write(verb, cx.data().name)?;
    touch(cx)
}

fn hub_down(cx: &Removing<'_, Hub>, verb: &str) -> Result<(), ToyError> {
    write(verb, cx.data().name)?;
    touch(cx)
}

impl Driver for Hub {
    type Host = WorldHost;
    type Error = ToyError;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &WorldHost) -> Result<Self, ToyError> {
        Ok(Self { name: "hub" })
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), ToyError> {
        cx.step(&Self::STEP)?;
        cx.children(&Self::LEAF)?;
        cx.sessions(&Self::CLIENT)?;
        cx.work(&Self::WORK)
    }
}

/// The driver of a part.
pub struct Leaf {
    name: &'static str,
}

impl Drop for Leaf {
    fn drop(&mut self) {
        let _ = write("drop", self.name);
    }
}

impl Leaf {
    /// Its clients.
    pub const CLIENT: SessionEntry<Self> = SessionEntry::new(0, "leaf client");
    /// Its work, which queues itself again.
    pub const WORK: WorkEntry<Self> = WorkEntry::new(1, "leaf work", |cx| {
        touch(cx)?;
        let _ = cx.queue(&Self::WORK);
        touch(cx)
    });
    /// Its timer, which sets itself again.
    pub const TIMER: TimerEntry<Self> = TimerEntry::new(2, "leaf timer", |cx| {
        touch(cx)?;
        Ok(Rearm::At(cx.clock().now() + Nanos(3_000)))
    });
    const STEP: Step<Self> = Step::new("leaf step", |cx| leaf_up(cx, "up"), |cx| leaf_down(cx, "down"))
        .when_lost(|cx: &Lost<'_, Self>| _ = write("lost", cx.data().name))
        .sleeping(|cx| leaf_down(cx, "suspend"), |cx| leaf_up(cx, "resume"));
    /// Only looks whether the device is there, and may fail to: `resume tail`.
    const TAIL: Step<Self> = Step::new("leaf tail", |_| Ok(()), |_| Ok(()))
        .sleeping(|_| Ok(()), |cx| result("resume tail").and_then(|()| touch(cx)));
}

fn leaf_up(cx: &Starting<'_, Leaf>, verb: &str) -> Result<(), ToyError> {
    write(verb, cx.data().name)?;
    touch(cx)
}

fn leaf_down(cx: &Removing<'_, Leaf>, verb: &str) -> Result<(), ToyError> {
    write(verb, cx.data().name)?;
    touch(cx)
}

impl Driver for Leaf {
    type Host = LeafHost;
    type Error = ToyError;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &LeafHost) -> Result<Self, ToyError> {
        Ok(Self { name: "leaf" })
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), ToyError> {
        cx.step(&Self::STEP)?;
        cx.step(&Self::TAIL)?;
        cx.sessions(&Self::CLIENT)?;
        cx.work(&Self::WORK)?;
        cx.timer(&Self::TIMER)
    }

    fn ready(cx: &Bound<'_, Self>) {
        let _ = cx.queue(&Self::WORK);
        let _ = cx.arm(&Self::TIMER, cx.clock().now() + Nanos(1_000));
    }

    fn suspended(_cx: &Suspended<'_, Self>) {
        let _ = write("asleep", "leaf");
    }
}

/// A hub with some leaves, in a world.
pub struct NestedBench {
    /// The world.
    pub world: World,
    /// The hardware.
    pub gpu: Gpu,
    /// The whole device.
    pub hub: Arc<HubDevice>,
    /// Its parts.
    pub leaves: Vec<Arc<LeafDevice>>,
}

impl NestedBench {
    /// An unbound hub with so many unbound leaves.
    pub fn unbound(seed: u64, leaves: usize) -> Self {
        LOG.take();
        WHEN.take();
        fail(None);
        Self {
            world: World::new(seed),
            gpu: Gpu::new(SimConfig::new(Chipset::GA102)),
            hub: Arc::new(HubDevice::new()),
            leaves: (0..leaves).map(|_| Arc::new(LeafDevice::new())).collect(),
        }
    }

    /// A bound hub with so many bound leaves.
    ///
    /// # Panics
    ///
    /// When one does not bind.
    pub fn new(seed: u64, leaves: usize) -> Self {
        let bench = Self::unbound(seed, leaves);
        bench.probe_hub().expect("the hub binds");
        for leaf in &bench.leaves {
            bench.probe_leaf(leaf).expect("the hub is bound").expect("the leaf binds");
        }
        LOG.take();
        bench
    }

    /// Binds the hub.
    ///
    /// # Errors
    ///
    /// What probe gives.
    pub fn probe_hub(&self) -> Result<(), ProbeError<ToyError>> {
        let (host, bus) = self.world.attach(&self.gpu);
        self.hub.probe(&mut Outside::new(), self.hub.clone(), host, bus)
    }

    /// Lets a leaf join the hub.
    ///
    /// # Errors
    ///
    /// When the hub does not let it.
    pub fn join(&self, leaf: &Arc<LeafDevice>) -> Result<HubBus, JoinError> {
        HubBus::join(&self.hub, &Hub::LEAF, leaf.clone())
    }

    /// Binds a leaf that has joined.
    ///
    /// # Errors
    ///
    /// What probe gives.
    pub fn probe_joined(&self, leaf: &Arc<LeafDevice>, bus: HubBus) -> Result<(), ProbeError<ToyError>> {
        let (host, _) = self.world.attach(&self.gpu);
        leaf.probe(&mut Outside::new(), leaf.clone(), WithBus::new(host, |_| (), |_| ()), bus)
    }

    /// Lets a leaf join, and binds it.
    ///
    /// # Errors
    ///
    /// When the hub does not let it; and, inside, what probe gives.
    pub fn probe_leaf(&self, leaf: &Arc<LeafDevice>) -> Result<Result<(), ProbeError<ToyError>>, JoinError> {
        Ok(self.probe_joined(leaf, self.join(leaf)?))
    }

    /// A client of the hub.
    ///
    /// # Errors
    ///
    /// When it is not bound.
    pub fn hub_client(&self) -> Result<Session<Arc<HubDevice>>, Refused> {
        Session::open(self.hub.clone(), &Hub::CLIENT)
    }

    /// A client of the first leaf.
    ///
    /// # Errors
    ///
    /// When it is not bound.
    pub fn leaf_client(&self) -> Result<Session<Arc<LeafDevice>>, Refused> {
        Session::open(self.leaves[0].clone(), &Leaf::CLIENT)
    }

    /// Lets the world go on for so many microseconds.
    pub fn run(&self, us: u64) {
        self.world.run_for(Nanos::from_micros(us));
    }

    /// Asserts that nothing is left of the drivers.
    ///
    /// # Panics
    ///
    /// When something is.
    pub fn assert_clean(&self) {
        assert_eq!(self.world.live_registrations(), 0, "{}", self.world.whence());
        assert_eq!(Arc::strong_count(&self.hub), 1, "a handle of the hub is left");
        for leaf in &self.leaves {
            assert_eq!(Arc::strong_count(leaf), 1, "a handle of a leaf is left");
        }
        self.world.check();
    }
}
