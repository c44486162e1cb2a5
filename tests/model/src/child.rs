//! A child: a driver on a part of the model's device, with a ledger of its own.

use std::sync::Arc;

use nova_core::bus::Io;
use nova_core::hal::WithBus;
use nova_core::lifecycle::{
    Bound, BusOf, Device, Driver, HostClock, JoinError, Outside, Parent, ProbeError, Probing, Session,
    SessionEntry, Step, Suspended, Token, WorkEntry, stage,
};
use nova_core::regs::pmc::NV_PMC_BOOT_0;

use crate::driver::{Entry, Model, ModelDevice, ModelError, ROOM};
use crate::host::ModelHost;
use crate::world::World;

/// What a child holds on to its parent by.
pub type ParentBus = Parent<Arc<ModelDevice>, Model, ROOM>;
/// A device for the child's driver.
pub type LeafDevice = Device<Leaf, 4>;

/// The child's driver.
pub struct Leaf {
    world: Arc<World>,
    /// Which binding this is.
    pub binding: u32,
}

impl Drop for Leaf {
    fn drop(&mut self) {
        self.world.ledger.dropped();
    }
}

impl Leaf {
    /// Its work, which queues itself again and uses the parent.
    pub const WORK: WorkEntry<Self> = WorkEntry::new(1, "work", |cx| {
        let _ = cx.queue(&Self::WORK);
        Self::callback(cx, Entry::Work)
    });
    /// Its sessions.
    pub const CLIENT: SessionEntry<Self> = SessionEntry::new(2, "client");

    const STEP: Step<Self> = Step::new("leaf", Self::up, |cx| {
        cx.data().world.ledger.down("leaf");
        Self::touch(cx)
    })
    .when_lost(|cx| cx.data().world.ledger.down("leaf"))
    .sleeping(Self::touch, |cx| {
        cx.data().world.ledger.sleeps(false);
        Self::touch(cx)
    });

    fn up(cx: &Token<'_, Self, stage::Starting>) -> Result<(), ModelError> {
        cx.data().world.ledger.up("leaf", false);
        Self::touch(cx)
    }

    #[allow(clippy::unnecessary_wraps, reason = "it is a way to sleep, which could fail")]
    fn touch<S: stage::Live>(cx: &Token<'_, Self, S>) -> Result<(), ModelError> {
        let Ok(_) = cx.io().read(NV_PMC_BOOT_0);
        Ok(())
    }

    /// What every callback does, sessions included.
    ///
    /// # Errors
    ///
    /// Never.
    pub fn callback(cx: &Bound<'_, Self>, entry: Entry) -> Result<(), ModelError> {
        let data = cx.data();
        data.world.ledger.enter(entry as usize, data.binding);
        let touched = Self::touch(cx);
        data.world.ledger.leave(data.binding);
        touched
    }
}

impl Driver for Leaf {
    type Host = WithBus<ModelHost, ParentBus>;
    type Error = ModelError;

    fn attach(_: Io<'_, BusOf<Self>>, host: &Self::Host) -> Result<Self, ModelError> {
        let ModelHost { world, binding } = host.host();
        world.ledger.attached(*binding);
        Ok(Self { world: world.clone(), binding: *binding })
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), ModelError> {
        cx.step(&Self::STEP)?;
        cx.sessions(&Self::CLIENT)?;
        cx.work(&Self::WORK)
    }

    fn ready(cx: &Bound<'_, Self>) {
        let _ = cx.queue(&Self::WORK);
    }

    fn suspended(cx: &Suspended<'_, Self>) {
        cx.data().world.ledger.sleeps(true);
    }

    fn failed(_: &Self, _: HostClock<'_, Self::Host>, _: &'static str, _: &ModelError) {}
}

/// Why a child was not bound.
#[derive(Debug)]
pub enum NotBound {
    /// The parent did not take it.
    Join(JoinError),
    /// Its probe failed.
    Probe(ProbeError<ModelError>),
}

/// A world for a child of `parent`'s device, and the child.
pub fn child_of(parent: &World) -> (Arc<World>, Arc<LeafDevice>) {
    let world = Arc::new(World::alone(parent.plan));
    parent.ledger.has_child(world.ledger.clone());
    let leaf = Arc::new(LeafDevice::new());
    leaf.touch();
    (world, leaf)
}

/// Joins the parent and binds the child.
///
/// # Errors
///
/// [`NotBound`].
pub fn bind(world: &Arc<World>, leaf: &Arc<LeafDevice>, parent: &Arc<ModelDevice>) -> Result<(), NotBound> {
    let bus = Parent::join(parent, &Model::CHILD, leaf.clone()).map_err(NotBound::Join)?;
    let host = WithBus::new(world.host(false), |host: &ModelHost| host.world.request(), |_| ());
    leaf.probe(&mut Outside::new(), leaf.clone(), host, bus).map_err(NotBound::Probe)
}

/// A session with the bound child.
pub fn session(leaf: &Arc<LeafDevice>) -> Option<Session<Arc<LeafDevice>>> {
    Session::open(leaf.clone(), &Leaf::CLIENT).ok()
}
