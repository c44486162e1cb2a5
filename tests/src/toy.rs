//! A driver that only talks about what happens to it.
//!
//! Its callbacks keep themselves busy: everything queues everything else again. What it is to do (and
//! where it is to fail) is a [`Plan`]; what happened is in the thread's [`Diary`].

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use nova_core::bus::Io;
use nova_core::hal::{Clock as _, HostError, Irq, Nanos, Rearm};
use nova_core::lifecycle::{
    Bound, BusOf, DelayedWorkEntry, Device, Driver, Failure, InterruptEntry, Lost, NoSleep, Probing,
    RegisterError, Removing, SessionEntry, Starting, Step, Suspended, TimerEntry, Token, WorkEntry, stage,
};
use nova_core::regs::intr::{
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF as LEAF,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_CLEAR as LEAF_EN_CLEAR,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_SET as LEAF_EN_SET,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as LEAF_TRIGGER,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_CLEAR as TOP_EN_CLEAR,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_SET as TOP_EN_SET,
};
use nova_core::regs::pmc::NV_PMC_BOOT_0;

/// A device for the toy.
pub type ToyDevice = Device<Toy, 16>;
/// Its host.
pub type Host = nova_sim_glue::world::WorldHost;

/// What the toy is to do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The step or entry (in order of registration) at which probe fails.
    pub fail_at: Option<usize>,
    /// Steps whose reverse fails.
    pub down_fails: bool,
    /// Steps whose suspend fails.
    pub suspend_fails: Option<&'static str>,
    /// Steps whose resume fails.
    pub resume_fails: Option<&'static str>,
    /// Callbacks queue one another again.
    pub busy: bool,
    /// An interrupt is raised in the middle of probe.
    pub early_interrupt: bool,
    /// Where the loss of the device is reported although nothing failed: `ready` or `wake`.
    pub reports_loss_in: Option<&'static str>,
}

/// What happened to the toy on this thread.
#[derive(Debug, Default)]
pub struct Diary {
    /// What it is to do.
    pub plan: Plan,
    /// What happened, in order.
    pub lines: Vec<String>,
    /// Calls of driver code that are inside now.
    pub inside: usize,
    /// Calls of driver code so far.
    pub ran: usize,
    /// Bus accesses the toy has made.
    pub accesses: usize,
}

thread_local! {
    static DIARY: RefCell<Diary> = RefCell::default();
}

/// Looks into the diary.
pub fn diary<R>(f: impl FnOnce(&mut Diary) -> R) -> R {
    DIARY.with_borrow_mut(f)
}

/// Starts a new diary.
pub fn start(plan: Plan) {
    diary(|diary| *diary = Diary { plan, ..Diary::default() });
}

/// What has been written since the last call.
pub fn read() -> Vec<String> {
    diary(|diary| std::mem::take(&mut diary.lines))
}

fn write(line: impl Into<String>) {
    diary(|diary| diary.lines.push(line.into()));
}

/// The toy's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToyError {
    /// It was told to fail.
    Told,
    /// The device is gone.
    Gone,
    /// The host failed.
    Host(HostError),
    /// Too much was registered.
    Register(RegisterError),
}

impl fmt::Display for ToyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Failure for ToyError {
    fn is_gone(&self) -> bool {
        *self == Self::Gone
    }
}

impl From<HostError> for ToyError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<RegisterError> for ToyError {
    fn from(error: RegisterError) -> Self {
        Self::Register(error)
    }
}

/// Writes "dropped" when it goes.
struct Ballast(Arc<()>);

impl Drop for Ballast {
    fn drop(&mut self) {
        write(format!("drop state {}", Arc::strong_count(&self.0)));
    }
}

/// The toy.
pub struct Toy {
    _ballast: Ballast,
}

/// The vector the toy's interrupt handler serves.
const VECTOR: u32 = 129;

impl Toy {
    /// Its interrupt.
    pub const IRQ: InterruptEntry<Self> = InterruptEntry::new(0, "irq", 0, Self::on_irq);
    /// Its work.
    pub const WORK: WorkEntry<Self> = WorkEntry::new(1, "work", |cx| {
        Self::callback(cx, "work", |cx| {
            let _ = cx.queue(&Self::WORK);
            let _ = cx.queue(&Self::OTHER_WORK);
        })
    });
    /// Its delayed work.
    pub const DELAYED: DelayedWorkEntry<Self> = DelayedWorkEntry::new(2, "delayed work", |cx| {
        Self::callback(cx, "delayed work", |cx| {
            let _ = cx.queue_at(&Self::DELAYED, cx.clock().now() + Nanos(3_000));
        })
    });
    /// Its timer.
    pub const TIMER: TimerEntry<Self> = TimerEntry::new(3, "timer", |cx| {
        let _inside = Inside::new();
        Self::callback(cx, "timer", |cx| {
            let _ = cx.queue(&Self::WORK);
        })?;
        let again = diary(|diary| diary.plan.busy);
        Ok(if again { Rearm::At(cx.clock().now() + Nanos(2_000)) } else { Rearm::No })
    });
    /// Its sessions.
    pub const CLIENT: SessionEntry<Self> = SessionEntry::new(4, "client");
    /// More work.
    pub const OTHER_WORK: WorkEntry<Self> = WorkEntry::new(5, "other work", |cx| {
        Self::callback(cx, "other work", |cx| {
            let _ = cx.io().write_word(LEAF_TRIGGER, VECTOR);
        })
    });

    const FIRST: Step<Self> = Self::step("first", |cx| Self::up(cx, "first"), |cx| Self::down(cx, "first"))
        .when_lost(|cx| Self::lost(cx, "first"))
        .sleeping(|cx| Self::sleep(cx, "first"), |cx| Self::wake(cx, "first"));
    const SECOND: Step<Self> =
        Self::step("second", |cx| Self::up(cx, "second"), |cx| Self::down(cx, "second"))
            .when_lost(|cx| Self::lost(cx, "second"))
            .sleeping(|cx| Self::sleep(cx, "second"), |cx| Self::wake(cx, "second"));
    const THIRD: Step<Self> = Self::step("third", |cx| Self::up(cx, "third"), |cx| Self::down(cx, "third"))
        .when_lost(|cx| Self::lost(cx, "third"))
        .sleeping(|cx| Self::sleep(cx, "third"), |cx| Self::wake(cx, "third"));

    const fn step(
        name: &'static str,
        up: for<'a, 'b> fn(&'a Starting<'b, Self>) -> Result<(), ToyError>,
        down: for<'a, 'b> fn(&'a Removing<'b, Self>) -> Result<(), ToyError>,
    ) -> Step<Self> {
        Step::new(name, up, down)
    }

    /// The order of registration, as it reads in the diary.
    pub const ORDER: [&'static str; 9] =
        ["first", "work", "other work", "second", "delayed work", "timer", "client", "irq", "third"];

    /// Three reads, each a place where others may come in between.
    fn touch<S: stage::Live>(cx: &Token<'_, Self, S>) -> Result<(), ToyError> {
        for _ in 0..3 {
            diary(|diary| diary.accesses += 1);
            let Ok(boot0) = cx.io().read(NV_PMC_BOOT_0);
            if boot0.get() == u32::MAX {
                return Err(ToyError::Gone);
            }
        }
        Ok(())
    }

    fn callback<'a, C>(
        cx: &Bound<'a, Self, C>,
        name: &str,
        again: impl FnOnce(&Bound<'a, Self, C>),
    ) -> Result<(), ToyError> {
        let _inside = Inside::new();
        write(format!("run {name}"));
        Self::touch(cx)?;
        if diary(|diary| diary.plan.busy) {
            again(cx);
        }
        Self::touch(cx)
    }

    fn on_irq(cx: &Bound<'_, Self, NoSleep>) -> Result<Irq, ToyError> {
        let _inside = Inside::new();
        let (Ok(leaf), io) = (LEAF.at(VECTOR / 32), cx.io()) else { return Ok(Irq::None) };
        let Ok(()) = io.write_word(TOP_EN_CLEAR, u32::MAX);
        let Ok(()) = io.write_word(leaf, 1 << (VECTOR % 32));
        Self::callback(cx, "irq", |cx| {
            let _ = cx.queue(&Self::WORK);
            let _ = cx.arm(&Self::TIMER, cx.clock().now() + Nanos(1_000));
        })?;
        let Ok(()) = io.write_word(TOP_EN_SET, u32::MAX);
        Ok(Irq::Handled)
    }

    fn up(cx: &Starting<'_, Self>, name: &'static str) -> Result<(), ToyError> {
        let place = Self::ORDER.iter().position(|n| *n == name);
        if diary(|diary| diary.plan.fail_at == place) {
            return Err(ToyError::Told);
        }
        write(format!("up {name}"));
        if name == "third" {
            Self::interrupts(cx, true);
            if diary(|diary| diary.plan.early_interrupt) {
                let Ok(()) = cx.io().write_word(LEAF_TRIGGER, VECTOR);
            }
        }
        Self::touch(cx)
    }

    fn down(cx: &Removing<'_, Self>, name: &'static str) -> Result<(), ToyError> {
        write(format!("down {name}"));
        if name == "third" {
            Self::interrupts(cx, false);
        }
        Self::touch(cx)?;
        if diary(|diary| diary.plan.down_fails) { Err(ToyError::Told) } else { Ok(()) }
    }

    fn lost(_cx: &Lost<'_, Self>, name: &'static str) {
        write(format!("lost {name}"));
    }

    fn sleep(cx: &Removing<'_, Self>, name: &'static str) -> Result<(), ToyError> {
        if diary(|diary| diary.plan.suspend_fails == Some(name)) {
            return Err(ToyError::Told);
        }
        write(format!("sleep {name}"));
        if name == "third" {
            Self::interrupts(cx, false);
        }
        Self::touch(cx)
    }

    fn wake(cx: &Starting<'_, Self>, name: &'static str) -> Result<(), ToyError> {
        if diary(|diary| diary.plan.resume_fails == Some(name)) {
            return Err(ToyError::Told);
        }
        write(format!("wake {name}"));
        if diary(|diary| diary.plan.reports_loss_in == Some("wake")) {
            cx.report_lost();
        }
        if name == "third" {
            Self::interrupts(cx, true);
        }
        Self::touch(cx)
    }

    fn interrupts<S: stage::Live>(cx: &Token<'_, Self, S>, on: bool) {
        let io = cx.io();
        let (Ok(set), Ok(clear)) = (LEAF_EN_SET.at(VECTOR / 32), LEAF_EN_CLEAR.at(VECTOR / 32)) else {
            return;
        };
        if on {
            let Ok(()) = io.write_word(set, 1 << (VECTOR % 32));
            let Ok(()) = io.write_word(TOP_EN_SET, u32::MAX);
        } else {
            let Ok(()) = io.write_word(TOP_EN_CLEAR, u32::MAX);
            let Ok(()) = io.write_word(clear, u32::MAX);
        }
    }
}

/// Somebody inside the driver's code, and out again whatever way they leave.
#[derive(Debug)]
pub struct Inside(());

#[allow(clippy::new_without_default, reason = "making one is an act, and is counted")]
impl Inside {
    /// In.
    pub fn new() -> Self {
        diary(|diary| {
            diary.inside += 1;
            diary.ran += 1;
        });
        Self(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        diary(|diary| diary.inside -= 1);
    }
}

impl Driver for Toy {
    type Host = Host;
    type Error = ToyError;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &Host) -> Result<Self, ToyError> {
        write("attach");
        Ok(Self { _ballast: Ballast(Arc::new(())) })
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), ToyError> {
        cx.step(&Self::FIRST)?;
        entry("work", || cx.work(&Self::WORK))?;
        entry("other work", || cx.work(&Self::OTHER_WORK))?;
        cx.step(&Self::SECOND)?;
        entry("delayed work", || cx.delayed_work(&Self::DELAYED))?;
        entry("timer", || cx.timer(&Self::TIMER))?;
        entry("client", || cx.sessions(&Self::CLIENT))?;
        entry("irq", || cx.interrupt(&Self::IRQ))?;
        cx.step(&Self::THIRD)
    }

    fn ready(cx: &Bound<'_, Self>) {
        if diary(|diary| diary.plan.reports_loss_in == Some("ready")) {
            return cx.report_lost();
        }
        if !diary(|diary| diary.plan.busy) {
            return;
        }
        let _ = cx.queue(&Self::WORK);
        let _ = cx.queue_at(&Self::DELAYED, cx.clock().now() + Nanos(1_000));
        let _ = cx.arm(&Self::TIMER, cx.clock().now() + Nanos(1_500));
        let _ = cx.io().write_word(LEAF_TRIGGER, VECTOR);
    }

    fn suspended(_cx: &Suspended<'_, Self>) {
        write("suspended");
    }
}

/// Registers an entry, unless the plan says that this is where probe fails.
fn entry(name: &str, register: impl FnOnce() -> Result<(), ToyError>) -> Result<(), ToyError> {
    let place = Toy::ORDER.iter().position(|n| *n == name);
    if diary(|diary| diary.plan.fail_at == place) {
        return Err(ToyError::Told);
    }
    register()?;
    write(format!("up {name}"));
    Ok(())
}
