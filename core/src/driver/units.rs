//! The GPU's units as a token gives them: each together with the registers of its own device.

use super::{Gpu, alarms};
use crate::error::Error;
use crate::hal::{Host, Nanos};
use crate::lifecycle::{HostClock, Token, stage};
use crate::units::intr::{Counts, Source};
use crate::units::pri::Checked;
use crate::units::timer::{AlarmId, Fired, GpuDelay, View, countdown, time, wait_on};

/// The timer of the GPU that a token is of, from [`Gpu::timer`]. Ends with the token's call.
///
/// Times are GPU time in nanoseconds, in steps of [`STEP`](crate::units::timer::STEP).
pub struct GpuTimer<'a, H: Host, S> {
    pub(super) cx: &'a Token<'a, Gpu<H>, S>,
}

/// The interrupts of the GPU that a token is of, from [`Gpu::intr`]. Ends with the token's call.
pub struct GpuIntr<'a, H: Host, S> {
    cx: &'a Token<'a, Gpu<H>, S>,
}

impl<H: Host> Gpu<H> {
    /// Checked register access through a token of this device.
    pub fn io<'a, S: stage::Live>(cx: &Token<'a, Self, S>) -> Checked<'a, H::Bus> {
        Checked::new(cx.io(), cx.data().chip.boot0())
    }

    /// The timer, with the registers of the token's device.
    pub fn timer<'a, S: stage::Live>(cx: &'a Token<'_, Self, S>) -> GpuTimer<'a, H, S> {
        GpuTimer { cx }
    }

    /// The interrupts, with the registers of the token's device.
    pub fn intr<'a, S: stage::Live>(cx: &'a Token<'_, Self, S>) -> GpuIntr<'a, H, S> {
        GpuIntr { cx }
    }

    /// A delay on GPU time, which the host's clock bounds. It spins, so it is for contexts that may sleep.
    pub fn delay<'a, S>(cx: &Token<'a, Self, S>) -> GpuDelay<'a, H::Bus, HostClock<'a, H>>
    where
        S: stage::Live + stage::Sleeping,
    {
        GpuDelay::new(Self::io(cx), cx.clock())
    }
}

impl<H: Host, S: stage::Live> GpuTimer<'_, H, S> {
    /// The time, as NVIDIA's driver reads it: through the virtual function's view of the counter.
    ///
    /// # Errors
    ///
    /// As [`time`].
    pub fn now(&self) -> Result<u64, Error> {
        self.now_through(View::VirtualFunction)
    }

    /// The time through a given view of the counter.
    ///
    /// # Errors
    ///
    /// As [`time`].
    pub fn now_through(&self, view: View) -> Result<u64, Error> {
        time(Gpu::io(self.cx), view)
    }

    /// Waits until `cond` gives a value, for at most `limit` of GPU time; `what` is for the error.
    ///
    /// Looks all the time. `cond` should read through [`Gpu::io`], so that a dead device cannot satisfy it.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] after `limit`, [`Error::Stalled`] when the counter stands still, [`Error::Gone`], and
    /// what `cond` gives.
    pub fn wait_on<T>(
        &self,
        what: &'static str,
        limit: Nanos,
        cond: impl FnMut() -> Result<Option<T>, Error>,
    ) -> Result<T, Error>
    where
        S: stage::Sleeping,
    {
        wait_on(Gpu::io(self.cx), &self.cx.clock(), what, limit, cond)
    }

    /// How many alarms have not fired yet.
    pub fn armed(&self) -> usize {
        self.cx.data().timer.armed()
    }

    /// The earliest alarm that has not fired yet.
    pub fn next_alarm(&self) -> Option<u64> {
        self.cx.data().timer.next_alarm()
    }

    /// Where the alarms' interrupt arrives.
    pub fn alarm_source(&self) -> Source {
        self.cx.data().timer.alarm_source()
    }
}

impl<H: Host, C> GpuTimer<'_, H, stage::Bound<C>> {
    /// Schedules an alarm for time `at`, rounded up to the counter's step. Sessions wake up when it fires, at
    /// once if it has passed. Should its interrupt get lost, it is found [`BACKSTOP`](super::BACKSTOP) later.
    ///
    /// # Errors
    ///
    /// [`Error::AlarmsFull`], [`Error::Range`] above [`MAX_TIME`](crate::units::timer::MAX_TIME), or an access
    /// failed; no alarm is scheduled then.
    pub fn schedule(&self, at: u64) -> Result<AlarmId, Error> {
        alarms::schedule(self.cx, at)
    }

    /// Takes an alarm back. `false` when it has fired already or was taken back before.
    ///
    /// # Errors
    ///
    /// When an access failed; the alarm is gone all the same.
    pub fn cancel(&self, id: AlarmId) -> Result<bool, Error> {
        self.cx.data().timer.cancel(Gpu::io(self.cx), id)
    }

    /// Takes note of an alarm that has fired, once.
    pub fn take_fired(&self, id: AlarmId) -> Option<Fired> {
        self.cx.data().timer.take_fired(id)
    }

    /// Sets the time to `ns`, rounded down to the counter's step, and sees that it took. Alarms keep their
    /// times; those that have passed now fire.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] above [`MAX_TIME`](crate::units::timer::MAX_TIME); [`Error::Protected`] when the
    /// privilege mask keeps the host from writing (Turing to Ada); [`Error::Mismatch`] or [`Error::Timeout`]
    /// when the counter did not take it; or an access failed.
    pub fn set(&self, ns: u64) -> Result<(), Error>
    where
        stage::Bound<C>: stage::Sleeping,
    {
        alarms::set_time(self.cx, ns)
    }

    /// Starts the one-shot countdown: `us` microseconds from now, at [`Source::COUNTDOWN`]. Zero stops it.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] above [`MAX_COUNTDOWN_US`](crate::units::timer::MAX_COUNTDOWN_US), or an access failed.
    pub fn countdown(&self, us: u32) -> Result<(), Error> {
        countdown(Gpu::io(self.cx), us)
    }
}

impl<H: Host, S: stage::Live> GpuIntr<'_, H, S> {
    /// The counters, since probe.
    pub fn counts(&self) -> Counts {
        self.cx.data().intr.counts()
    }

    /// How often a source was served, since probe.
    pub fn count_of(&self, source: Source) -> u32 {
        self.cx.data().intr.count_of(source)
    }

    /// Calls `each` with every source that was served and how often.
    pub fn for_each_count(&self, each: impl FnMut(Source, u32)) {
        self.cx.data().intr.for_each_count(each);
    }

    /// Raises a vector by software.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchInterrupt`] for a vector past the last leaf, or an access failed.
    pub fn trigger(&self, vector: u16) -> Result<(), Error> {
        self.cx.data().intr.trigger(Gpu::io(self.cx), vector)
    }
}
