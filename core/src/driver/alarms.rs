//! Alarms for clients: the timer unit with a backstop in the host's time.

use super::{BACKSTOP, Gpu};
use crate::error::Error;
use crate::hal::{Clock as _, Host, Nanos, Rearm};
use crate::lifecycle::Bound;
use crate::units::timer::{AlarmId, Fired};

impl<H: Host> Gpu<H> {
    /// The GPU's time in nanoseconds.
    ///
    /// # Errors
    ///
    /// See [`Timer::now`](crate::units::timer::Timer::now).
    pub fn time<C>(cx: &Bound<'_, Self, C>) -> Result<u64, Error> {
        cx.data().timer.now(Self::io(cx))
    }

    /// Schedules an alarm for GPU time `at`; sessions wake up when it fires.
    ///
    /// # Errors
    ///
    /// See [`Timer::schedule`](crate::units::timer::Timer::schedule).
    pub fn schedule<C>(cx: &Bound<'_, Self, C>, at: u64) -> Result<AlarmId, Error> {
        let gpu = cx.data();
        let scheduled = gpu.timer.schedule(Self::io(cx), at);
        if !matches!(scheduled, Ok((_, 0))) {
            // On an error as well: others may have been found due before it.
            cx.wake_sessions();
        }
        let (id, _due) = scheduled?;
        let backstop = gpu.next_backstop(cx).inspect_err(|_| {
            // The caller is not told its id, so nobody could ever ask for it.
            gpu.timer.forget(id);
        })?;
        if let Rearm::At(at) = backstop {
            // Refused only if probe had not registered it.
            let _ = cx.arm(&Self::ALARM_BACKSTOP, at);
        }
        Ok(id)
    }

    /// Takes an alarm back; `false` when it has fired already.
    ///
    /// # Errors
    ///
    /// See [`Timer::cancel`](crate::units::timer::Timer::cancel).
    pub fn cancel<C>(cx: &Bound<'_, Self, C>, id: AlarmId) -> Result<bool, Error> {
        cx.data().timer.cancel(Self::io(cx), id)
    }

    /// Whether an alarm has fired; tells once.
    pub fn fired<C>(cx: &Bound<'_, Self, C>, id: AlarmId) -> Option<Fired> {
        cx.data().timer.take_fired(id)
    }

    /// When to look for the earliest alarm if its interrupt does not come, in the host's time.
    pub(super) fn next_backstop<C>(&self, cx: &Bound<'_, Self, C>) -> Result<Rearm, Error> {
        let Some(at) = self.timer.next_alarm() else { return Ok(Rearm::No) };
        let ahead = at.saturating_sub(Self::time(cx)?);
        Ok(Rearm::At(cx.clock().now() + Nanos(ahead) + BACKSTOP))
    }
}
