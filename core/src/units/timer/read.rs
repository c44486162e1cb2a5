//! Reading 64 bits of time from two words that are not latched.

use crate::bus::{Bus, Place, Readable, Register};
use crate::chip::{On, Proof};
use crate::error::Error;
use crate::hal::Nanos;
use crate::regs::ptimer::{NV_PTIMER_TIME_0, NV_PTIMER_TIME_1};
use crate::regs::vf::{NV_VIRTUAL_FUNCTION_TIME_0, NV_VIRTUAL_FUNCTION_TIME_1};
use crate::units::pri::{Checked, PriKind};

/// Where to read the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum View {
    /// `NV_PTIMER_TIME`, as nouveau does on every chip.
    Ptimer,
    /// `NV_VIRTUAL_FUNCTION_TIME` in the physical function, as NVIDIA's driver does from Turing on.
    VirtualFunction,
}

/// Tries before the words are given up: NVIDIA's driver re-reads three times.
const TRIES: u32 = 4;
/// The counter runs on while one looks at it; this is far more than a few accesses take.
pub(super) const LOOK: Nanos = Nanos::from_secs(1);
/// Bits of TIME_0 that are always zero.
const LOW_ZEROS: u32 = 0x1f;
/// Bits of TIME_1 that are always zero.
const HIGH_ZEROS: u32 = 0xe000_0000;
/// The counter does not run further than this, in ns, between two reads of a word.
const ONE_ACCESS: u32 = 1 << 30;

/// The time in nanoseconds, validated: three reads on the common path, three more for each word that wraps in
/// between, one more where the low word looks like an error pattern.
///
/// # Errors
///
/// [`Error::Gone`]; [`Error::BadTime`] when the words cannot be a time after four tries; [`Error::Pri`] and
/// [`Error::Bus`].
pub fn time<B: Bus>(io: Checked<'_, B>, view: View) -> Result<u64, Error> {
    match view {
        View::Ptimer => pair(io, NV_PTIMER_TIME_1, NV_PTIMER_TIME_0),
        View::VirtualFunction => pair(io, NV_VIRTUAL_FUNCTION_TIME_1, NV_VIRTUAL_FUNCTION_TIME_0),
    }
}

/// The time through the view that the unit itself uses.
pub(super) fn now<B: Bus>(io: Checked<'_, B>) -> Result<u64, Error> {
    time(io, View::VirtualFunction)
}

/// The time, read until two readings in a row fit: a wrong one at suspend would set the counter wrong
/// at resume, with all alarms.
pub(super) fn steady<B: Bus>(io: Checked<'_, B>) -> Result<u64, Error> {
    let mut last = now(io)?;
    for _ in 0..TRIES {
        let now = now(io)?;
        if now.wrapping_sub(last) <= LOOK.get() {
            return Ok(now);
        }
        last = now;
    }
    Err(Error::BadTime { raw: last })
}

/// High, low, high again: equal high words mean that the low word belongs to them.
pub(super) fn pair<B, A, Hi, Lo>(io: Checked<'_, B, A>, high: Hi, low: Lo) -> Result<u64, Error>
where
    B: Bus,
    A: Proof,
    Hi: Place<Reg: Register<Word = u32, Access: Readable> + On<A>>,
    Lo: Place<Reg: Register<Word = u32, Access: Readable> + On<A>>,
{
    let mut raw = 0;
    for _ in 0..TRIES {
        let hi = io.read_unchecked(high)?.get();
        let mut lo = io.read_unchecked(low)?.get();
        let again = io.read_unchecked(high)?.get();
        raw = u64::from(hi) << 32 | u64::from(lo);
        if hi != again || hi & HIGH_ZEROS != 0 || lo & LOW_ZEROS != 0 {
            continue;
        }
        if PriKind::of(lo).is_some() {
            // One in 4096 honest times looks like an error pattern. A counter moves on; an error stays.
            let next = io.read_unchecked(low)?.get();
            let moved = next.wrapping_sub(lo);
            if moved == 0 || moved > ONE_ACCESS || next & LOW_ZEROS != 0 {
                continue;
            }
            lo = next;
        }
        return Ok(u64::from(hi) << 32 | u64::from(lo));
    }
    io.alive()?;
    Err(Error::BadTime { raw })
}
