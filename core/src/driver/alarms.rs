//! Alarms for clients: the timer unit with a backstop in the host's time.

use super::{BACKSTOP, Gpu};
use crate::error::Error;
use crate::hal::{Clock as _, Host, Nanos, Rearm};
use crate::lifecycle::Bound;
use crate::units::timer::{AlarmId, Fired};

/// What clients do most, without the way round over [`Gpu::timer`].
impl<H: Host> Gpu<H> {
    /// The GPU's time in nanoseconds.
    ///
    /// # Errors
    ///
    /// As [`GpuTimer::now`](super::GpuTimer::now).
    pub fn time<C>(cx: &Bound<'_, Self, C>) -> Result<u64, Error> {
        Self::timer(cx).now()
    }

    /// Schedules an alarm for GPU time `at`, in nanoseconds; sessions wake up when it fires.
    ///
    /// # Errors
    ///
    /// As [`GpuTimer::schedule`](super::GpuTimer::schedule).
    pub fn schedule<C>(cx: &Bound<'_, Self, C>, at: u64) -> Result<AlarmId, Error> {
        Self::timer(cx).schedule(at)
    }

    /// Takes an alarm back; `false` when it has fired already.
    ///
    /// # Errors
    ///
    /// As [`GpuTimer::cancel`](super::GpuTimer::cancel).
    pub fn cancel<C>(cx: &Bound<'_, Self, C>, id: AlarmId) -> Result<bool, Error> {
        Self::timer(cx).cancel(id)
    }

    /// Whether an alarm has fired; tells once.
    pub fn fired<C>(cx: &Bound<'_, Self, C>, id: AlarmId) -> Option<Fired> {
        Self::timer(cx).take_fired(id)
    }

    /// When to look for the earliest alarm if its interrupt does not come, in the host's time.
    pub(super) fn next_backstop<C>(&self, cx: &Bound<'_, Self, C>) -> Result<Rearm, Error> {
        let Some(at) = self.timer.next_alarm() else { return Ok(Rearm::No) };
        let ahead = at.saturating_sub(Self::time(cx)?);
        Ok(Rearm::At(cx.clock().now() + Nanos(ahead) + BACKSTOP))
    }
}

/// See [`GpuTimer::schedule`](super::GpuTimer::schedule).
pub(super) fn schedule<H: Host, C>(cx: &Bound<'_, Gpu<H>, C>, at: u64) -> Result<AlarmId, Error> {
    let timer = &cx.data().timer;
    let scheduled = timer.schedule(Gpu::io(cx), at);
    if !matches!(scheduled, Ok((_, 0))) {
        // On an error as well: others may have been found due before it.
        cx.wake_sessions();
    }
    let (id, _due) = scheduled?;
    arm_backstop(cx).inspect_err(|_| {
        // The caller is not told its id, so nobody could ever ask for it.
        timer.forget(id);
    })?;
    Ok(id)
}

/// See [`GpuTimer::set`](super::GpuTimer::set).
pub(super) fn set_time<H: Host, C>(cx: &Bound<'_, Gpu<H>, C>, ns: u64) -> Result<(), Error> {
    let set = cx.data().timer.set(Gpu::io(cx), ns);
    if !matches!(set, Ok(0)) {
        // On an error as well: some may have been found due before it.
        cx.wake_sessions();
    }
    set?;
    // It was set by the time as it was.
    arm_backstop(cx)
}

fn arm_backstop<H: Host, C>(cx: &Bound<'_, Gpu<H>, C>) -> Result<(), Error> {
    if let Rearm::At(at) = cx.data().next_backstop(cx)? {
        cx.arm(&Gpu::ALARM_BACKSTOP, at)?;
    }
    Ok(())
}
