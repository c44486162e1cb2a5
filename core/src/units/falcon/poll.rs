//! Waiting for a falcon, on the host's time.

use embedded_hal::delay::DelayNs as _;

use crate::error::Error;
use crate::hal::{Host, Nanos};
use crate::units::pri::Checked;

/// Between the first two looks, in ns; twice as much each time, up to the second: what usually takes a microsecond is
/// not waited for much longer, and what takes seconds does not keep the bus busy.
const SHORTEST: u32 = 1_000;
const LONGEST: u32 = 1_000_000;

/// Looks at `cond` until it holds, for at most `limit`, and once more when the time is up.
///
/// `cond` reads through [`Checked`], so that a dead device does not satisfy it.
pub(super) fn poll<H: Host>(
    io: Checked<'_, H::Bus>,
    host: &H,
    what: &'static str,
    limit: Nanos,
    mut cond: impl FnMut() -> Result<bool, Error>,
) -> Result<(), Error> {
    let (start, mut delay, mut pause) = (host.now(), host.delay(), SHORTEST);
    loop {
        let waited = host.now().since(start);
        if cond()? {
            return io.alive();
        }
        if waited >= limit {
            return Err(Error::Timeout { what, waited });
        }
        delay.delay_ns(pause);
        pause = pause.saturating_mul(2).min(LONGEST);
    }
}
