//! A driver that does what the model's plan says, and writes it down.

use core::fmt;
use std::sync::Arc;

use nova_core::bus::Io;
use nova_core::hal::{HostError, Instant, Irq, Rearm};
use nova_core::lifecycle::{
    Bound, BusOf, ChildEntry, DelayedWorkEntry, Device, Driver, Failure, HostClock, InterruptEntry, Probing,
    RegisterError, SessionEntry, Step, Suspended, TimerEntry, Token, WorkEntry, stage,
};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_core::sync::Watch;

use crate::host::ModelHost;
use crate::ledger::Ledger;
use crate::world::World;

/// Room for entries and steps together, and lanes of the gate. Few for loom: each lane is a step to take.
#[cfg(nova_model = "loom")]
pub const ROOM: usize = 4;
/// The same for shuttle.
#[cfg(nova_model = "shuttle")]
pub const ROOM: usize = 8;

/// A device for the driver.
pub type ModelDevice = Device<Model, ROOM>;

/// The entries, by their lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// An interrupt.
    Irq = 0,
    /// Work.
    Work = 1,
    /// Sessions.
    Client = 2,
    /// A timer.
    Timer = 3,
    /// Delayed work.
    Delayed = 4,
}

impl Entry {
    /// Its name in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Irq => "irq",
            Self::Work => "work",
            Self::Client => "client",
            Self::Timer => "timer",
            Self::Delayed => "delayed",
        }
    }
}

/// What a callback does besides one access to the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Act {
    /// Nothing.
    #[default]
    Look,
    /// Makes work due, the callback itself if it is work.
    QueueWork,
    /// Makes everything due.
    QueueAll,
    /// Asks for removal.
    RequestRemove,
    /// Finds the device gone.
    FindLost,
    /// Wakes who waits.
    Wake,
}

/// What callbacks do, by entry.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan {
    /// The interrupt.
    pub irq: Act,
    /// The work.
    pub work: Act,
    /// The timer.
    pub timer: Act,
    /// The delayed work.
    pub delayed: Act,
    /// The step at which probe fails.
    pub probe_fails: bool,
}

/// The driver's state.
pub struct Model {
    world: Arc<World>,
    /// Which binding this is.
    pub binding: u32,
    /// Plain memory that callbacks read, and that goes with the state.
    memory: Watch,
}

impl Drop for Model {
    fn drop(&mut self) {
        self.memory.write();
        self.world.freed.write();
        self.world.ledger.dropped();
    }
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelError {
    /// The plan says so.
    Told,
    /// The device is gone.
    Gone,
    /// The host failed.
    Host(HostError),
    /// Too much was registered.
    Register(RegisterError),
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Failure for ModelError {
    fn is_gone(&self) -> bool {
        *self == Self::Gone
    }
}

impl From<HostError> for ModelError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<RegisterError> for ModelError {
    fn from(error: RegisterError) -> Self {
        Self::Register(error)
    }
}

/// A call that is inside.
struct Inside<'a> {
    ledger: &'a Ledger,
    binding: u32,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.ledger.leave(self.binding);
    }
}

impl Model {
    /// The interrupt.
    pub const IRQ: InterruptEntry<Self> = InterruptEntry::new(0, "irq", 0, |cx| {
        Self::callback(cx, Entry::Irq, cx.data().world.plan.irq)?;
        Ok(Irq::Handled)
    });
    /// The work.
    pub const WORK: WorkEntry<Self> =
        WorkEntry::new(1, "work", |cx| Self::callback(cx, Entry::Work, cx.data().world.plan.work));
    /// The sessions.
    pub const CLIENT: SessionEntry<Self> = SessionEntry::new(2, "client");
    /// The timer.
    pub const TIMER: TimerEntry<Self> = TimerEntry::new(3, "timer", |cx| {
        let act = cx.data().world.plan.timer;
        Self::callback(cx, Entry::Timer, act)?;
        Ok(if act == Act::QueueAll { Rearm::At(Instant(0)) } else { Rearm::No })
    });
    /// The delayed work.
    pub const DELAYED: DelayedWorkEntry<Self> = DelayedWorkEntry::new(4, "delayed", |cx| {
        Self::callback(cx, Entry::Delayed, cx.data().world.plan.delayed)
    });

    /// The children.
    pub const CHILD: ChildEntry<Self> = ChildEntry::new(5, "child");

    const FIRST: Step<Self> = Self::step("first", |cx| Self::up(cx, "first"), |cx| Self::down(cx, "first"))
        .when_lost(|cx| cx.data().world.ledger.down("first"))
        .sleeping(Self::touch, Self::wake);
    const LAST: Step<Self> = Self::step("last", |cx| Self::up(cx, "last"), |cx| Self::down(cx, "last"))
        .when_lost(|cx| cx.data().world.ledger.down("last"))
        .sleeping(Self::touch, Self::touch);

    const fn step(
        name: &'static str,
        up: for<'a, 'b> fn(&'a Token<'b, Self, stage::Starting>) -> Result<(), ModelError>,
        down: for<'a, 'b> fn(&'a Token<'b, Self, stage::Removing>) -> Result<(), ModelError>,
    ) -> Step<Self> {
        Step::new(name, up, down)
    }

    /// One access to the bus.
    ///
    /// # Errors
    ///
    /// Never.
    pub fn touch<S: stage::Live>(cx: &Token<'_, Self, S>) -> Result<(), ModelError> {
        let Ok(_) = cx.io().read(NV_PMC_BOOT_0);
        Ok(())
    }

    fn up(cx: &Token<'_, Self, stage::Starting>, name: &'static str) -> Result<(), ModelError> {
        if name == "last" && cx.data().world.plan.probe_fails {
            return Err(ModelError::Told);
        }
        cx.data().world.ledger.up(name, false);
        Self::touch(cx)
    }

    fn down(cx: &Token<'_, Self, stage::Removing>, name: &'static str) -> Result<(), ModelError> {
        cx.data().world.ledger.down(name);
        Self::touch(cx)
    }

    fn wake(cx: &Token<'_, Self, stage::Starting>) -> Result<(), ModelError> {
        cx.data().world.ledger.sleeps(false);
        Self::touch(cx)
    }

    /// What every callback does, sessions included.
    ///
    /// # Errors
    ///
    /// When the plan says that the device is found gone.
    pub fn callback<C>(cx: &Bound<'_, Self, C>, entry: Entry, act: Act) -> Result<(), ModelError> {
        let data = cx.data();
        data.world.ledger.enter(entry as usize, data.binding);
        let _inside = Inside { ledger: &data.world.ledger, binding: data.binding };
        let _reading = data.memory.read();
        Self::touch(cx)?;
        match act {
            Act::Look => (),
            Act::QueueWork => drop(cx.queue(&Self::WORK)),
            Act::QueueAll => {
                let _ = cx.queue(&Self::WORK);
                let _ = cx.queue_at(&Self::DELAYED, Instant(0));
                let _ = cx.arm(&Self::TIMER, Instant(0));
            }
            Act::RequestRemove => cx.request_remove(),
            Act::FindLost => return Err(ModelError::Gone),
            Act::Wake => cx.wake_sessions(),
        }
        Ok(())
    }
}

impl Driver for Model {
    type Host = ModelHost;
    type Error = ModelError;

    fn attach(_: Io<'_, BusOf<Self>>, host: &ModelHost) -> Result<Self, ModelError> {
        host.world.ledger.attached(host.binding);
        let model = Self { world: host.world.clone(), binding: host.binding, memory: Watch::new() };
        model.memory.write();
        Ok(model)
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), ModelError> {
        cx.step(&Self::FIRST)?;
        cx.work(&Self::WORK)?;
        cx.sessions(&Self::CLIENT)?;
        if ROOM > 4 {
            cx.children(&Self::CHILD)?;
            cx.timer(&Self::TIMER)?;
            cx.delayed_work(&Self::DELAYED)?;
        }
        cx.interrupt(&Self::IRQ)?;
        // For loom there is room for one step only.
        if ROOM > 4 { cx.step(&Self::LAST) } else { Ok(()) }
    }

    fn suspended(cx: &Suspended<'_, Self>) {
        cx.data().world.ledger.sleeps(true);
    }

    fn failed(_: &Self, _: HostClock<'_, ModelHost>, _: &'static str, _: &ModelError) {}
}
