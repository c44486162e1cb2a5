//! Waiting on GPU time.

use embedded_hal::delay::DelayNs;

use super::read::now;
use crate::bus::Bus;
use crate::error::Error;
use crate::hal::{Clock, Instant, Nanos};
use crate::units::pri::Checked;

/// So many equal times in a row mean that the counter stands still: nouveau's number. A read takes
/// far longer than the counter's step.
const STALLED: u32 = 17;
/// A counter that runs so much slower than the host's clock is broken as well.
const SLOW: u64 = 4;
/// The host's part of every deadline: covers a host that was not running for a while.
const GRACE: Nanos = Nanos::from_secs(1);

/// GPU time as it passes, with the checks that make a loop end.
struct Passing<'a, B: Bus, C> {
    io: Checked<'a, B>,
    clock: &'a C,
    /// The host's time of the last look.
    looked: Instant,
    last: u64,
    same: u32,
    passed: u64,
}

impl<'a, B: Bus, C: Clock> Passing<'a, B, C> {
    fn start(io: Checked<'a, B>, clock: &'a C) -> Result<Self, Error> {
        let last = now(io)?;
        Ok(Self { io, clock, looked: clock.now(), last, same: 1, passed: 0 })
    }

    /// Time passed since the start. A counter that is set meanwhile, back or far ahead, does not count:
    /// a step that the host's clock cannot explain is left out.
    fn look(&mut self) -> Result<Nanos, Error> {
        let now = now(self.io)?;
        if now == self.last {
            self.same += 1;
            if self.same >= STALLED {
                self.io.alive()?;
                return Err(Error::Stalled { at: now });
            }
        } else {
            let host = self.clock.now();
            let most = Nanos(host.since(self.looked).get().saturating_mul(SLOW)) + GRACE;
            let step = now.saturating_sub(self.last);
            if step <= most.get() {
                self.passed = self.passed.saturating_add(step);
            }
            (self.same, self.last, self.looked) = (1, now, host);
        }
        Ok(Nanos(self.passed))
    }
}

/// Looks at `cond` until it gives a value, for at most `limit` of GPU time.
///
/// It is looked at once more after the time is up, so a late look does not turn success into failure.
/// `cond` should read through [`Checked`], so that a dead device cannot satisfy it.
pub(crate) fn wait_on<B: Bus, T>(
    io: Checked<'_, B>,
    clock: &impl Clock,
    what: &'static str,
    limit: Nanos,
    mut cond: impl FnMut() -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    let start = clock.now();
    let end = start + Nanos(limit.get().saturating_mul(SLOW)) + GRACE;
    let mut passing = Passing::start(io, clock)?;
    loop {
        if let Some(value) = cond()? {
            io.alive()?;
            return Ok(value);
        }
        let passed = passing.look()?;
        if passed >= limit {
            let last = cond()?.ok_or(Error::Timeout { what, waited: passed })?;
            io.alive()?;
            return Ok(last);
        }
        let now = clock.now();
        if now >= end {
            return Err(Error::Timeout { what, waited: now.since(start) });
        }
    }
}

/// Sees that the counter runs.
pub(super) fn running<B: Bus>(io: Checked<'_, B>, clock: &impl Clock) -> Result<(), Error> {
    let first = now(io)?;
    wait_on(io, clock, "the GPU timer to advance", Nanos::from_millis(1), || {
        Ok((now(io)? != first).then_some(()))
    })
}

/// A delay on GPU time: the GPU as an embedded-hal delay provider.
///
/// `DelayNs` cannot fail, so a delay that could not be measured ends early and the error is kept.
///
/// Made by [`Gpu::delay`](crate::driver::Gpu::delay). It spins on the counter, so it is for spans of
/// microseconds, and for contexts that may sleep.
pub struct GpuDelay<'a, B: Bus, C> {
    io: Checked<'a, B>,
    clock: C,
    error: Option<Error>,
}

impl<'a, B: Bus, C: Clock> GpuDelay<'a, B, C> {
    /// A delay on the time of the GPU behind `io`; `clock` bounds it.
    pub(crate) const fn new(io: Checked<'a, B>, clock: C) -> Self {
        Self { io, clock, error: None }
    }

    /// The first error since the last call.
    ///
    /// # Errors
    ///
    /// That error: the delays since then were too short.
    pub fn take_error(&mut self) -> Result<(), Error> {
        self.error.take().map_or(Ok(()), Err)
    }
}

impl<B: Bus, C: Clock> DelayNs for GpuDelay<'_, B, C> {
    fn delay_ns(&mut self, ns: u32) {
        let limit = Nanos(ns.into());
        match wait_on(self.io, &self.clock, "delay", limit, || Ok(None::<()>)) {
            // The time is up, which is what a delay is about.
            Ok(()) => (),
            Err(Error::Timeout { waited, .. }) if waited >= limit => (),
            Err(error) => self.error = self.error.or(Some(error)),
        }
    }
}
