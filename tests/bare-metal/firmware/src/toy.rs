//! A driver that keeps itself busy and writes down what is done to it, for what [`Gpu`](nova_core::driver::Gpu) does
//! not do: fail at any point of its probe, and have a timer that always sets itself again.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use nova_core::bus::{Io, Place as _};
use nova_core::hal::{Clock as _, HostError, Irq, Nanos, Rearm};
use nova_core::lifecycle::{
    Bound, BusOf, DelayedWorkEntry, Device, Driver, Failure, InterruptEntry, NoSleep, Probing, RegisterError,
    Removing, SessionEntry, Starting, Step, TimerEntry, Token, WorkEntry, stage,
};
use nova_core::regs::intr::{
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF as LEAF,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_CLEAR as LEAF_EN_CLEAR,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_SET as LEAF_EN_SET,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as TRIGGER,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_CLEAR as TOP_EN_CLEAR,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_SET as TOP_EN_SET,
};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_core::regs::xve::NV_XVE_CYA_2;

use crate::host::{BareHost, CsLock};

/// A device for the toy.
pub(crate) type ToyDevice = Device<Toy, 8>;

/// The vector of its interrupt: the CPU doorbell's.
pub(crate) const VECTOR: u32 = 129;
/// How soon its timer sets itself again.
const PERIOD: Nanos = Nanos::from_micros(20);
/// Nowhere: the probe does not fail.
pub(crate) const NOWHERE: usize = usize::MAX;
/// Where its probe may fail: before each of these.
pub(crate) const PLACES: [&str; 8] =
    ["first", "work", "second", "delayed work", "timer", "client", "interrupt", "third"];

/// What was done to the toy, one letter each: `a` to `c` for a step that went up, `A` to `C` for one that went down,
/// `s` and `w` for the third going to sleep and waking up, `!` for its state being dropped.
static DIARY: CsLock<([u8; 16], usize)> = CsLock::new(([0; 16], 0));
static FAIL_AT: AtomicUsize = AtomicUsize::new(NOWHERE);
static INSIDE: AtomicU32 = AtomicU32::new(0);

/// Starts anew: the next probe fails at `place`.
pub(crate) fn plan(place: usize) {
    FAIL_AT.store(place, Ordering::Relaxed);
    DIARY.with(|diary| diary.1 = 0);
}

/// Whether the diary says just this.
pub(crate) fn diary_is(expected: &[u8]) -> bool {
    DIARY.with(|(letters, len)| letters.get(..*len) == Some(expected))
}

/// Calls of the toy's code that are under way.
pub(crate) fn inside() -> u32 {
    INSIDE.load(Ordering::Relaxed)
}

fn write(letter: u8) {
    DIARY.with(|(letters, len)| {
        if let Some(place) = letters.get_mut(*len) {
            *place = letter;
            *len += 1;
        }
    });
}

/// The toy's state.
pub(crate) struct Toy;

impl Drop for Toy {
    fn drop(&mut self) {
        write(b'!');
    }
}

impl Toy {
    const IRQ: InterruptEntry<Self> = InterruptEntry::new(0, "irq", 0, Self::on_irq);
    const WORK: WorkEntry<Self> = WorkEntry::new(1, "work", |cx| {
        Self::callback(cx)?;
        let _ = cx.queue(&Self::WORK);
        Ok(())
    });
    const DELAYED: DelayedWorkEntry<Self> = DelayedWorkEntry::new(2, "delayed work", |cx| {
        Self::callback(cx)?;
        let _ = cx.queue_at(&Self::DELAYED, cx.clock().now() + PERIOD);
        // It comes back as an interrupt.
        let Ok(()) = cx.io().write_word(TRIGGER, VECTOR);
        Ok(())
    });
    const TIMER: TimerEntry<Self> = TimerEntry::new(3, "timer", |cx| {
        Self::callback(cx)?;
        Ok(Rearm::At(cx.clock().now() + PERIOD))
    });
    /// Clients.
    pub(crate) const CLIENT: SessionEntry<Self> = SessionEntry::new(4, "client");

    const FIRST: Step<Self> = Step::new("first", |cx| Self::up(cx, b'a'), |cx| Self::down(cx, b'A'));
    const SECOND: Step<Self> = Step::new("second", |cx| Self::up(cx, b'b'), |cx| Self::down(cx, b'B'));
    const THIRD: Step<Self> = Step::new(
        "third",
        |cx| {
            Self::interrupts(cx, true);
            Self::up(cx, b'c')
        },
        |cx| {
            Self::interrupts(cx, false);
            Self::down(cx, b'C')
        },
    )
    .sleeping(
        |cx| {
            Self::interrupts(cx, false);
            Self::down(cx, b's')
        },
        |cx| {
            Self::interrupts(cx, true);
            Self::up(cx, b'w')
        },
    );

    fn up(cx: &Starting<'_, Self>, letter: u8) -> Result<(), ToyError> {
        write(letter);
        Self::touch(cx)
    }

    fn down(cx: &Removing<'_, Self>, letter: u8) -> Result<(), ToyError> {
        write(letter);
        Self::touch(cx)
    }

    fn touch<S: stage::Live>(cx: &Token<'_, Self, S>) -> Result<(), ToyError> {
        let Ok(boot0) = cx.io().read(NV_PMC_BOOT_0);
        if boot0.get() == u32::MAX { Err(ToyError::Gone) } else { Ok(()) }
    }

    fn callback<C>(cx: &Bound<'_, Self, C>) -> Result<(), ToyError> {
        INSIDE.fetch_add(1, Ordering::Relaxed);
        let touched = Self::touch(cx).and_then(|()| Self::touch(cx));
        INSIDE.fetch_sub(1, Ordering::Relaxed);
        touched
    }

    fn on_irq(cx: &Bound<'_, Self, NoSleep>) -> Result<Irq, ToyError> {
        Self::callback(cx)?;
        let io = cx.io();
        let Ok(leaf) = LEAF.at(VECTOR / 32) else { return Ok(Irq::None) };
        let Ok(()) = io.write_word(TOP_EN_CLEAR, u32::MAX);
        let Ok(()) = io.write_untyped(NV_XVE_CYA_2.offset(), 0);
        let Ok(()) = io.write_word(leaf, 1 << (VECTOR % 32));
        let _ = cx.queue(&Self::WORK);
        let Ok(()) = io.write_word(TOP_EN_SET, u32::MAX);
        Ok(Irq::Handled)
    }

    fn interrupts<S: stage::Live>(cx: &Token<'_, Self, S>, on: bool) {
        let (leaf, bit, io) = (VECTOR / 32, 1 << (VECTOR % 32), cx.io());
        let (Ok(set), Ok(clear)) = (LEAF_EN_SET.at(leaf), LEAF_EN_CLEAR.at(leaf)) else { return };
        if on {
            let Ok(()) = io.write_untyped(NV_XVE_CYA_2.offset(), 0);
            let Ok(()) = io.write_word(set, bit);
            let Ok(()) = io.write_word(TOP_EN_SET, u32::MAX);
        } else {
            let Ok(()) = io.write_word(TOP_EN_CLEAR, u32::MAX);
            let Ok(()) = io.write_word(clear, bit);
        }
    }
}

impl Driver for Toy {
    type Host = BareHost;
    type Error = ToyError;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &BareHost) -> Result<Self, ToyError> {
        Ok(Self)
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), ToyError> {
        let mut place = 0..;
        let mut next = || match place.next() {
            Some(place) if place == FAIL_AT.load(Ordering::Relaxed) => Err(ToyError::Told),
            _ => Ok(()),
        };
        next()?;
        cx.step(&Self::FIRST)?;
        next()?;
        cx.work(&Self::WORK)?;
        next()?;
        cx.step(&Self::SECOND)?;
        next()?;
        cx.delayed_work(&Self::DELAYED)?;
        next()?;
        cx.timer(&Self::TIMER)?;
        next()?;
        cx.sessions(&Self::CLIENT)?;
        next()?;
        cx.interrupt(&Self::IRQ)?;
        next()?;
        cx.step(&Self::THIRD)
    }

    fn ready(cx: &Bound<'_, Self>) {
        let _ = cx.queue(&Self::WORK);
        let _ = cx.queue_at(&Self::DELAYED, cx.clock().now());
        let _ = cx.arm(&Self::TIMER, cx.clock().now());
    }
}

/// The toy's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, defmt::Format)]
pub(crate) enum ToyError {
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
        match self {
            Self::Told => f.write_str("told to fail"),
            Self::Gone => f.write_str("the device is gone"),
            Self::Host(error) => error.fmt(f),
            Self::Register(error) => error.fmt(f),
        }
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
