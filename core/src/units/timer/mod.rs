//! The GPU's timer: time, alarms, countdown, waiting.
//!
//! PTIMER counts nanoseconds in steps of 32 (31.25 MHz), in two 32-bit words without a latch between
//! them. It has one comparator, ALARM_0, on the low word, by equality: an alarm programmed too late
//! fires 4.29 s later. The unit puts any number of alarms on it, up to [`MAX_ALARMS`].
//!
//! The timer of a bound GPU is [`Gpu::timer`](crate::driver::Gpu::timer). Where no driver is bound, [`time`]
//! reads the counter of any bus.

mod alarm;
mod ga100;
mod gh100;
mod read;
mod tu102;
mod wait;

pub use alarm::{AlarmId, Fired, MAX_ALARMS};
pub use read::{View, time};
pub use wait::GpuDelay;
pub(crate) use wait::wait_on;

use crate::bus::{Bus, field_value};
use crate::chip::{Chip, FamilyProof};
use crate::error::Error;
use crate::hal::{Clock, Host, Instant, Lock};
use crate::regs::vf::NV_VIRTUAL_FUNCTION_PRIV_TIMER;
use crate::units::intr::Source;
use crate::units::pri::Checked;
use alarm::AlarmQueue;

/// The counter's step in nanoseconds; the low five bits of the time always read zero.
pub const STEP: u64 = 32;
/// The largest time the counter holds, in nanoseconds: 61 bits, about 73 years.
pub const MAX_TIME: u64 = (1 << 61) - STEP;
/// Host and GPU clock do not drift apart by more than one part in so many.
const DRIFT: u64 = 1_000;
/// The longest countdown, in microseconds.
pub const MAX_COUNTDOWN_US: u32 = (1 << 22) - 1;

/// What differs between the architectures.
trait TimerHal<B: Bus>: Sync {
    /// Sets the counter.
    fn set_time(&self, io: Checked<'_, B>, ns: u64) -> Result<(), Error>;
    /// Sets the comparator and lets it interrupt.
    fn alarm_on(&self, io: Checked<'_, B>, low: u32) -> Result<(), Error>;
    /// Keeps the comparator from interrupting.
    fn alarm_off(&self, io: Checked<'_, B>) -> Result<(), Error>;
    /// Clears a pending alarm at its source.
    fn alarm_ack(&self, io: Checked<'_, B>) -> Result<(), Error>;
    /// Where the alarm's interrupt arrives.
    fn alarm_source(&self) -> Source;
}

/// The timer unit of one GPU.
pub(crate) struct Timer<H: Host> {
    hal: &'static dyn TimerHal<H::Bus>,
    alarms: H::Lock<AlarmQueue>,
    /// Host and GPU time when the device went to sleep.
    slept: H::Lock<Option<(Instant, u64)>>,
}

impl<H: Host> Timer<H> {
    /// The timer of `chip`.
    pub(crate) fn new(chip: &Chip) -> Self {
        let hal: &'static dyn TimerHal<H::Bus> = match chip.proof() {
            FamilyProof::Tu102(p) => tu102::hal(p),
            FamilyProof::Ga100(p) => ga100::hal(p.into()),
            FamilyProof::Ga102(p) => ga100::hal(p.into()),
            FamilyProof::Gh100(p) => gh100::hal(p.into()),
            FamilyProof::Gb100(p) => gh100::hal(p.into()),
            FamilyProof::Gb202(p) => gh100::hal(p.into()),
        };
        Self { hal, alarms: H::Lock::new(AlarmQueue::new()), slept: H::Lock::new(None) }
    }

    /// Sets the time to `ns` nanoseconds, rounded down to the counter's step, and sees that it took.
    ///
    /// Alarms keep their absolute times; those that have passed now fire.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] above [`MAX_TIME`]; [`Error::Protected`] when the privilege mask keeps the
    /// host from writing (Turing to Ada); [`Error::Mismatch`] when the counter did not take it.
    pub(crate) fn set(&self, io: Checked<'_, H::Bus>, ns: u64) -> Result<usize, Error> {
        if ns > MAX_TIME {
            return Err(Error::Range { what: "GPU time in ns", max: MAX_TIME });
        }
        let ns = ns - ns % STEP;
        self.hal.set_time(io, ns)?;
        let now = time(io, View::Ptimer)?;
        if now.wrapping_sub(ns) > read::LOOK.get() {
            return Err(Error::Mismatch { register: "NV_PTIMER_TIME_0", wrote: ns as u32, read: now as u32 });
        }
        self.refresh(io)
    }

    /// Schedules an alarm for GPU time `at`, in nanoseconds. Its interrupt arrives at
    /// [`alarm_source`](Self::alarm_source); serve it with [`service`](Self::service).
    ///
    /// Gives the alarm and how many alarms became due meanwhile, this one included when `at` has passed.
    ///
    /// # Errors
    ///
    /// [`Error::AlarmsFull`], [`Error::Range`], or an access failed; no alarm is scheduled then.
    pub(crate) fn schedule(&self, io: Checked<'_, H::Bus>, at: u64) -> Result<(AlarmId, usize), Error> {
        if at > MAX_TIME {
            return Err(Error::Range { what: "alarm time in ns", max: MAX_TIME });
        }
        self.alarms.with(|queue| {
            let id = queue.insert(at)?;
            match self.program(io, queue) {
                Ok(due) => Ok((id, due)),
                Err(error) => {
                    queue.remove(id);
                    Err(error)
                }
            }
        })
    }

    /// Takes an alarm back. `false` when it has fired already or was taken back before.
    ///
    /// # Errors
    ///
    /// When an access failed; the alarm is gone all the same.
    pub(crate) fn cancel(&self, io: Checked<'_, H::Bus>, id: AlarmId) -> Result<bool, Error> {
        self.alarms.with(|queue| {
            let was_armed = queue.remove(id);
            if was_armed {
                self.program(io, queue)?;
            }
            Ok(was_armed)
        })
    }

    /// Drops an alarm, fired or not, without telling the hardware: at worst it interrupts for nothing.
    pub(crate) fn forget(&self, id: AlarmId) {
        self.alarms.with(|queue| queue.remove(id));
    }

    /// Takes note of an alarm that has fired, once.
    pub(crate) fn take_fired(&self, id: AlarmId) -> Option<Fired> {
        self.alarms.with(|queue| queue.take_fired(id))
    }

    /// Alarms that have not fired yet.
    pub(crate) fn armed(&self) -> usize {
        self.alarms.with(|queue| queue.armed())
    }

    /// The earliest alarm that has not fired yet, in GPU time.
    pub(crate) fn next_alarm(&self) -> Option<u64> {
        self.alarms.with(|queue| queue.next())
    }

    /// Serves the alarm interrupt: marks what is due, programs the next. Gives how many fired.
    /// Calling it without an interrupt does no harm.
    ///
    /// # Errors
    ///
    /// When an access failed. No alarm is forgotten.
    pub(crate) fn service(&self, io: Checked<'_, H::Bus>) -> Result<usize, Error> {
        // Cleared first: an alarm that hits while we look latches again.
        self.hal.alarm_ack(io)?;
        self.refresh(io)
    }

    /// Where the alarm's interrupt arrives.
    pub(crate) fn alarm_source(&self) -> Source {
        self.hal.alarm_source()
    }

    /// Brings the timer up: sees that the counter runs, and has no alarm enabled.
    ///
    /// # Errors
    ///
    /// [`Error::Stalled`] when it stands still, or an access failed.
    pub(crate) fn start(&self, io: Checked<'_, H::Bus>, clock: &impl Clock) -> Result<(), Error> {
        self.hal.alarm_off(io)?;
        wait::running(io, clock)
    }

    /// Keeps the timer from interrupting, for remove.
    ///
    /// # Errors
    ///
    /// When an access failed.
    pub(crate) fn stop(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        self.hal.alarm_off(io)?;
        countdown(io, 0)?;
        self.hal.alarm_ack(io)
    }

    /// Remembers the time and stops interrupting.
    ///
    /// # Errors
    ///
    /// When an access failed.
    pub(crate) fn suspend(&self, io: Checked<'_, H::Bus>, clock: &impl Clock) -> Result<(), Error> {
        let now = read::steady(io)?;
        self.stop(io)?;
        self.slept.with(|slept| *slept = Some((clock.now(), now)));
        Ok(())
    }

    /// Restores the time if the counter lost it, and the alarms.
    ///
    /// A counter behind where it would be has been reset, and one far ahead was set wrong by a resume
    /// that failed; it is set to where it would be. Where the host
    /// may not write the time, it stays as it is and alarms are late by as much.
    ///
    /// # Errors
    ///
    /// When an access failed, or the counter stands still.
    pub(crate) fn resume(&self, io: Checked<'_, H::Bus>, clock: &impl Clock) -> Result<usize, Error> {
        self.start(io, clock)?;
        let slept = self.slept.with(|slept| *slept);
        if let Some((host, gpu)) = slept {
            let asleep = clock.now().since(host).get();
            // Read after the host's clock, so that a pause in between does not look like a reset.
            let now = read::steady(io)?;
            let (drift, would_be) = (asleep / DRIFT, gpu.saturating_add(asleep));
            if now < would_be.saturating_sub(drift) || now > would_be.saturating_add(drift + read::LOOK.get())
            {
                let ns = gpu.saturating_add(clock.now().since(host).get()).min(MAX_TIME);
                match self.set(io, ns) {
                    Ok(_) | Err(Error::Protected { .. }) => (),
                    Err(error) => return Err(error),
                }
            }
        }
        let due = self.refresh(io)?;
        // Not before: a resume that fails is tried again.
        self.slept.with(|slept| *slept = None);
        Ok(due)
    }

    /// Marks what is due and programs the comparator for the next.
    fn refresh(&self, io: Checked<'_, H::Bus>) -> Result<usize, Error> {
        self.alarms.with(|queue| self.program(io, queue))
    }

    /// Fires what has passed and leaves the comparator set to the earliest alarm ahead.
    ///
    /// The comparator only knows equality, so the clock is read again *after* it was set: an alarm
    /// that was passed meanwhile would come 4.29 s late, and is fired here instead.
    fn program(&self, io: Checked<'_, H::Bus>, queue: &mut AlarmQueue) -> Result<usize, Error> {
        let mut due = expire(io, queue)?;
        // Each turn fires at least one alarm, so there are at most MAX_ALARMS.
        while let Some(at) = queue.next() {
            self.hal.alarm_on(io, at as u32)?;
            let passed = expire(io, queue)?;
            if passed == 0 {
                return Ok(due);
            }
            due += passed;
        }
        self.hal.alarm_off(io)?;
        Ok(due)
    }
}

/// Marks what is due. An alarm is never early, so what looks due is looked at twice: of two times
/// the earlier is right when one of them is wrong.
fn expire<B: Bus>(io: Checked<'_, B>, queue: &mut AlarmQueue) -> Result<usize, Error> {
    let now = read::now(io)?;
    if queue.next().is_none_or(|at| at > now) {
        return Ok(0);
    }
    Ok(queue.expire(now.min(read::now(io)?)))
}

/// Starts the one-shot countdown: `us` microseconds from now, at [`Source::COUNTDOWN`]. Zero stops it.
///
/// # Errors
///
/// [`Error::Range`] above [`MAX_COUNTDOWN_US`], or an access failed.
pub(crate) fn countdown<B: Bus>(io: Checked<'_, B>, us: u32) -> Result<(), Error> {
    use NV_VIRTUAL_FUNCTION_PRIV_TIMER as TIMER;
    let value = field_value(TIMER::USEC, us)
        .map_err(|_| Error::Range { what: "countdown in us", max: u64::from(MAX_COUNTDOWN_US) })?;
    io.write(TIMER, value)
}
