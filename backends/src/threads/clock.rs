//! The clock of hosts on threads: one for the whole process, so that an event, which is made without a host at hand,
//! knows what an instant means.

use std::sync::OnceLock;
use std::time::{Duration, Instant as StdInstant};

use embedded_hal::delay::DelayNs;
use nova_core::hal::Instant;

/// Below this a delay watches the clock instead of sleeping: a sleep is not that exact.
const SPIN: Duration = Duration::from_micros(50);

/// Nanoseconds since the process first asked.
pub fn now() -> Instant {
    static ORIGIN: OnceLock<StdInstant> = OnceLock::new();
    let since = ORIGIN.get_or_init(StdInstant::now).elapsed();
    Instant(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// A delay that sleeps, or watches the clock when it is short.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThreadDelay;

fn pass(span: Duration) {
    let start = StdInstant::now();
    if span > SPIN {
        std::thread::sleep(span);
    }
    while start.elapsed() < span {
        std::thread::yield_now();
    }
}

impl DelayNs for ThreadDelay {
    fn delay_ns(&mut self, ns: u32) {
        pass(Duration::from_nanos(ns.into()));
    }
    fn delay_us(&mut self, us: u32) {
        pass(Duration::from_micros(us.into()));
    }
    fn delay_ms(&mut self, ms: u32) {
        pass(Duration::from_millis(ms.into()));
    }
}
