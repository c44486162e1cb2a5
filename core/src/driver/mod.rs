//! The GPU driver: the units put together on the lifecycle.
//!
//! [`Gpu`] is the driver's state for one GPU. It runs on any [`Host`]; nothing in it knows whether
//! that is a kernel, a userspace process or the simulator.

mod alarms;
mod falcon;
mod load;
mod probe;
mod units;

pub use falcon::GpuFalcon;
pub use load::{Load, LoadCounts};
pub use units::{GpuIntr, GpuTimer};

use core::sync::atomic::{AtomicU32, Ordering};

use crate::chip::Chip;
use crate::error::Error;
use crate::hal::{Clock as _, Host, Irq, Nanos, Rearm};
use crate::lifecycle::{
    Bound, DelayedWorkEntry, Device, Driver, InterruptEntry, NoSleep, Probing, SessionEntry, Step, Suspended,
    TimerEntry, WorkEntry,
};
use crate::units::falcon::{Engine, Falcon};
use crate::units::fb::FlushPage;
use crate::units::intr::{Intr, Served, Source};
use crate::units::pri::Checked;
use crate::units::timer::Timer;
use crate::{bus::Io, lifecycle::BusOf};

/// A GPU as a device that [`Gpu`] can be bound to.
pub type GpuDevice<H> = Device<Gpu<H>, CAPACITY>;

/// Room for entries and steps. Probe fails with a typed error when it is used up.
pub const CAPACITY: usize = 16;

/// How often an idle GPU is asked whether it is still there.
pub const HEARTBEAT: Nanos = Nanos::from_millis(100);
/// How much later than its time an alarm is looked at without an interrupt.
pub const BACKSTOP: Nanos = Nanos::from_millis(20);

/// The driver's state for one GPU.
pub struct Gpu<H: Host> {
    chip: Chip,
    timer: Timer<H>,
    intr: Intr<H>,
    flush: FlushPage<H>,
    gsp: Falcon<H>,
    sec2: Falcon<H>,
    load: Load,
    /// Alarms the backstop found, whose interrupt did not come.
    missed: AtomicU32,
}

impl<H: Host> Gpu<H> {
    /// Entry 0: the one interrupt vector.
    pub const INTERRUPT: InterruptEntry<Self> =
        InterruptEntry::new(0, "gpu interrupt", 0, Self::on_interrupt);
    /// Entry 1: what the interrupt handler leaves for later; queues itself again under load.
    pub const BOTTOM_HALF: WorkEntry<Self> = WorkEntry::new(1, "bottom half", Self::on_bottom_half);
    /// Entry 2: looks whether the GPU is still there; queues itself again.
    pub const WATCHDOG: DelayedWorkEntry<Self> = DelayedWorkEntry::new(2, "watchdog", Self::on_watchdog);
    /// Entry 3: looks for alarms whose interrupt was lost.
    pub const ALARM_BACKSTOP: TimerEntry<Self> = TimerEntry::new(3, "alarm backstop", Self::on_backstop);
    /// Entry 4: open files and other clients.
    pub const CLIENT: SessionEntry<Self> = SessionEntry::new(4, "client");

    /// The chip.
    pub fn chip(&self) -> &Chip {
        &self.chip
    }
    /// Alarms that were found due without an interrupt.
    pub fn missed_interrupts(&self) -> u32 {
        self.missed.load(Ordering::Relaxed)
    }

    fn on_interrupt(cx: &Bound<'_, Self, NoSleep>) -> Result<Irq, Error> {
        let gpu = cx.data();
        let io = Self::io(cx);
        gpu.intr.dispatch(io, &cx.clock(), |source| gpu.serve(cx, io, source))
    }

    fn serve(
        &self,
        cx: &Bound<'_, Self, NoSleep>,
        io: Checked<'_, H::Bus>,
        source: Source,
    ) -> Result<Served, Error> {
        if source == self.timer.alarm_source() {
            let served = self.timer.service(io);
            // On an error as well: some alarms may have been found due before it.
            cx.wake_sessions();
            return served.map(|_| Served::Yes);
        }
        match source {
            Source::COUNTDOWN | Source::CPU_DOORBELL => {
                self.load.interrupted();
                // Not queued means that it is queued already.
                let _ = cx.queue(&Self::BOTTOM_HALF);
                cx.wake_sessions();
                Ok(Served::Yes)
            }
            _ => Ok(Served::No),
        }
    }

    fn on_bottom_half(cx: &Bound<'_, Self>) -> Result<(), Error> {
        cx.data().load.work(cx)
    }

    fn on_watchdog(cx: &Bound<'_, Self>) -> Result<(), Error> {
        let io = Self::io(cx);
        // A write that was lost may have stopped the interrupts; nothing else would ever notice.
        let looked = io.alive().and_then(|()| cx.data().intr.nudge(io));
        // Whatever was seen: one bad read does not end the watch, and on a dead device nobody comes in.
        let _ = cx.queue_at(&Self::WATCHDOG, cx.clock().now() + HEARTBEAT);
        looked
    }

    fn on_backstop(cx: &Bound<'_, Self, NoSleep>) -> Result<Rearm, Error> {
        let looked = cx.data().find_missed(cx);
        if looked.is_err() {
            // One bad read is not the end of the alarms, and some may have been found due before it.
            cx.wake_sessions();
            let _ = cx.arm(&Self::ALARM_BACKSTOP, cx.clock().now() + BACKSTOP);
        }
        looked
    }

    fn find_missed(&self, cx: &Bound<'_, Self, NoSleep>) -> Result<Rearm, Error> {
        let due = self.timer.service(Self::io(cx))?;
        if due > 0 {
            self.missed.fetch_add(due as u32, Ordering::Relaxed);
            cx.wake_sessions();
        }
        self.next_backstop(cx)
    }
}

impl<H: Host> Driver for Gpu<H> {
    type Host = H;
    type Error = Error;

    fn attach(io: Io<'_, BusOf<Self>>, host: &H) -> Result<Self, Error> {
        let chip = probe::identify(io, host)?;
        Ok(Self {
            timer: Timer::new(&chip),
            intr: Intr::new(&chip),
            flush: FlushPage::new(&chip, host)?,
            gsp: Falcon::new(&chip, Engine::Gsp),
            sec2: Falcon::new(&chip, Engine::Sec2),
            load: Load::new(),
            missed: AtomicU32::new(0),
            chip,
        })
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), Error> {
        cx.step(&Self::BOOT)?;
        cx.step(&Self::FLUSH_PAGE)?;
        cx.work(&Self::BOTTOM_HALF)?;
        cx.delayed_work(&Self::WATCHDOG)?;
        cx.timer(&Self::ALARM_BACKSTOP)?;
        cx.sessions(&Self::CLIENT)?;
        cx.interrupt(&Self::INTERRUPT)?;
        // Last, so that the hardware is quiet before any of the above is taken back.
        cx.step(&Self::TIMER)?;
        cx.step(&Self::INTERRUPTS)
    }

    fn ready(cx: &Bound<'_, Self>) {
        let _ = cx.queue_at(&Self::WATCHDOG, cx.clock().now() + HEARTBEAT);
    }

    fn suspended(cx: &Suspended<'_, Self>) {
        crate::hal::log::info!(cx.host(), "suspended");
    }
}

impl<H: Host> Gpu<H> {
    const BOOT: Step<Self> = Step::new("wait for boot", probe::boot, probe::nothing);
    const FLUSH_PAGE: Step<Self> = Step::new("flush page", probe::flush_up, probe::flush_down)
        .sleeping(probe::flush_sleep, probe::flush_up);
    const TIMER: Step<Self> = Step::new("timer", probe::timer_up, probe::timer_down)
        .sleeping(probe::timer_sleep, probe::timer_wake);
    const INTERRUPTS: Step<Self> = Step::new("interrupts", probe::intr_up, probe::intr_down)
        .sleeping(probe::intr_sleep, probe::intr_wake);
}
