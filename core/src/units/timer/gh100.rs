//! Hopper and Blackwell: TIME is read-only; the system time is an offset on a secure timer.
//!
//! The write path was read in NVIDIA's driver only (timer_gh100.c), not in a manual. That driver
//! skips it when FSP needs a workaround it calls bug 3957833; this one does not know of that.

use super::{TimerHal, ga100, read};
use crate::bus::Bus;
use crate::chip::HopperUp;
use crate::error::Error;
use crate::hal::Nanos;
use crate::regs::pgc6::{
    NV_PGC6_SCI_SEC_TIMER_TIME_0, NV_PGC6_SCI_SEC_TIMER_TIME_1, NV_PGC6_SCI_SYS_TIMER_OFFSET_0,
    NV_PGC6_SCI_SYS_TIMER_OFFSET_1,
};
use crate::units::intr::Source;
use crate::units::pri::Checked;

/// For a chip that is proven to be one of these.
pub(super) fn hal<B: Bus>(_chip: HopperUp) -> &'static dyn TimerHal<B> {
    static HAL: Hal = Hal(HopperUp::new());
    &HAL
}

pub(super) struct Hal(HopperUp);

/// How long the offset may take to be taken over; NVIDIA's driver does not wait at all.
const UPDATE_LIMIT: Nanos = Nanos::from_millis(1);
/// Looks at the update bit before giving up, for a timer that stands still.
const UPDATE_LOOKS: u32 = 10_000;

impl<B: Bus> TimerHal<B> for Hal {
    fn set_time(&self, io: Checked<'_, B>, ns: u64) -> Result<(), Error> {
        let io = io.on(self.0);
        let secure = read::pair(io, NV_PGC6_SCI_SEC_TIMER_TIME_1, NV_PGC6_SCI_SEC_TIMER_TIME_0)?;
        // Modulo 2^61, the width of the counter: a time before the secure timer's is a large offset.
        let offset = ns.wrapping_sub(secure);
        io.write_word(NV_PGC6_SCI_SYS_TIMER_OFFSET_1, (offset >> 32) as u32 & 0x1fff_ffff)?;
        let low = offset as u32 & !0x1f;
        io.write_word(
            NV_PGC6_SCI_SYS_TIMER_OFFSET_0,
            low | NV_PGC6_SCI_SYS_TIMER_OFFSET_0::UPDATE::TRIGGER.value,
        )?;
        for _ in 0..UPDATE_LOOKS {
            let now = read::pair(io, NV_PGC6_SCI_SEC_TIMER_TIME_1, NV_PGC6_SCI_SEC_TIMER_TIME_0)?;
            // The low word of an offset may look like anything, so it is not judged.
            let word = io.read_unchecked(NV_PGC6_SCI_SYS_TIMER_OFFSET_0)?;
            if !word.is_set(NV_PGC6_SCI_SYS_TIMER_OFFSET_0::UPDATE) {
                return Ok(());
            }
            if now.wrapping_sub(secure) > UPDATE_LIMIT.get() {
                break;
            }
        }
        io.alive()?;
        Err(Error::Timeout { what: "the GPU to take the new time", waited: UPDATE_LIMIT })
    }
    fn alarm_on(&self, io: Checked<'_, B>, low: u32) -> Result<(), Error> {
        ga100::alarm_on(io.on(self.0.into()), low)
    }
    fn alarm_off(&self, io: Checked<'_, B>) -> Result<(), Error> {
        ga100::alarm_off(io.on(self.0.into()))
    }
    fn alarm_ack(&self, _io: Checked<'_, B>) -> Result<(), Error> {
        // As on Ampere: the leaf is the latch.
        Ok(())
    }
    fn alarm_source(&self) -> Source {
        Source::ALARM
    }
}
