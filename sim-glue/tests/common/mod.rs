//! A small driver with every kind of entry, for the tests of the hosts.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test uses its part")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nova_core::bus::Io;
use nova_core::hal::{Clock as _, Host, HostError, Irq, Lock as _, Nanos, Rearm};
use nova_core::lifecycle::{
    DelayedWorkEntry, Device, Driver, Failure, InterruptEntry, Probing, RegisterError, SessionEntry, Step,
    TimerEntry, WorkEntry,
};
use nova_core::regs::intr::{
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF as LEAF,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_CLEAR as LEAF_OFF,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_SET as LEAF_ON,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_CLEAR as TOP_OFF,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_SET as TOP_ON,
};
use nova_core::regs::ptimer::NV_PTIMER_TIME_0;
use nova_core::regs::vf::NV_VIRTUAL_FUNCTION_PRIV_TIMER as COUNTDOWN;

/// Leaf and bit of vector 148, the countdown.
pub const COUNTDOWN_LEAF: u32 = 4;
pub const COUNTDOWN_BIT: u32 = 1 << 20;

pub struct Toy<H: Host> {
    pub interrupts: AtomicU32,
    pub works: AtomicU32,
    pub timers: AtomicU32,
    pub total: H::Lock<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    Host(HostError),
    Register(RegisterError),
    Index,
    Gone,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Failure for Error {
    fn is_gone(&self) -> bool {
        *self == Self::Gone
    }
}
impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}
impl From<RegisterError> for Error {
    fn from(error: RegisterError) -> Self {
        Self::Register(error)
    }
}
impl From<Infallible> for Error {
    fn from(error: Infallible) -> Self {
        match error {}
    }
}

pub type ToyDevice<H> = Device<Toy<H>, 8>;

impl<H: Host<Bus: nova_core::bus::Bus<Error = Infallible>>> Toy<H> {
    pub const INTERRUPT: InterruptEntry<Self> = InterruptEntry::new(0, "countdown", 0, |bound| {
        let io = bound.io();
        let leaf = LEAF.at(COUNTDOWN_LEAF).map_err(|_| Error::Index)?;
        let pending = io.read(leaf)?.get();
        io.write_word(leaf, pending)?;
        rearm(io)?;
        if pending & COUNTDOWN_BIT == 0 {
            return Ok(Irq::None);
        }
        bound.data().interrupts.fetch_add(1, Relaxed);
        bound.queue(&Self::WORK).map_err(|_| Error::Index)?;
        Ok(Irq::Handled)
    });
    pub const WORK: WorkEntry<Self> = WorkEntry::new(1, "work", |bound| {
        bound.data().works.fetch_add(1, Relaxed);
        let time = bound.io().read(NV_PTIMER_TIME_0)?.get();
        bound.data().total.with(|total| *total = total.wrapping_add(time));
        let at = bound.clock().now() + Nanos::from_micros(3);
        bound.queue_at(&Self::DELAYED, at).map_err(|_| Error::Index)?;
        Ok(())
    });
    pub const DELAYED: DelayedWorkEntry<Self> = DelayedWorkEntry::new(2, "delayed", |bound| {
        // A countdown of 2 us; its interrupt queues the work again.
        bound.io().write_word(COUNTDOWN, 2048)?;
        Ok(())
    });
    pub const TIMER: TimerEntry<Self> = TimerEntry::new(3, "timer", |bound| {
        bound.data().timers.fetch_add(1, Relaxed);
        bound.io().read(NV_PTIMER_TIME_0)?;
        Ok(Rearm::At(bound.clock().now() + Nanos::from_micros(5)))
    });
    pub const SESSIONS: SessionEntry<Self> = SessionEntry::new(4, "sessions");
    const ENABLE: Step<Self> = Step::new(
        "interrupts",
        |token| {
            let io = token.io();
            io.write_word(LEAF.at(COUNTDOWN_LEAF).map_err(|_| Error::Index)?, COUNTDOWN_BIT)?;
            io.write_word(LEAF_ON.at(COUNTDOWN_LEAF).map_err(|_| Error::Index)?, COUNTDOWN_BIT)?;
            // An earlier binding may have gone with a message on its way: without this no other would ever come.
            rearm(io)
        },
        |token| {
            let io = token.io();
            io.write_word(TOP_OFF, 0xf)?;
            Ok(io.write_word(LEAF_OFF.at(COUNTDOWN_LEAF).map_err(|_| Error::Index)?, COUNTDOWN_BIT)?)
        },
    );
}

/// Works on every family: the re-arm register up to Ada, toggling the top from Hopper on.
fn rearm<B: nova_core::bus::Bus<Error = Infallible>>(io: Io<'_, B>) -> Result<(), Error> {
    let at = nova_core::bus::Offset::new(0x8_8704).map_err(|_| Error::Index)?;
    io.write_untyped(at, 0)?;
    io.write_word(TOP_OFF, 0xf)?;
    Ok(io.write_word(TOP_ON, 0xf)?)
}

impl<H: Host<Bus: nova_core::bus::Bus<Error = Infallible>>> Driver for Toy<H> {
    type Host = H;
    type Error = Error;

    fn attach(_io: Io<'_, H::Bus>, _host: &H) -> Result<Self, Error> {
        Ok(Self {
            interrupts: AtomicU32::new(0),
            works: AtomicU32::new(0),
            timers: AtomicU32::new(0),
            total: H::Lock::new(0),
        })
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), Error> {
        cx.interrupt(&Self::INTERRUPT)?;
        cx.work(&Self::WORK)?;
        cx.delayed_work(&Self::DELAYED)?;
        cx.timer(&Self::TIMER)?;
        cx.sessions(&Self::SESSIONS)?;
        cx.step(&Self::ENABLE)
    }
}

/// A device nobody has probed yet.
pub fn device<H: Host<Bus: nova_core::bus::Bus<Error = Infallible>>>() -> Arc<ToyDevice<H>> {
    Arc::new(Device::new())
}
