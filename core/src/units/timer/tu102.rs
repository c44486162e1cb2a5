//! Turing: the alarm latches in PTIMER's own INTR_0 and arrives through PMC.

use super::TimerHal;
use crate::bus::Bus;
use crate::chip::{PreHopper, Tu102};
use crate::error::Error;
use crate::regs::ptimer::{
    NV_PTIMER_ALARM_0, NV_PTIMER_INTR_0, NV_PTIMER_INTR_EN_0, NV_PTIMER_TIME_0_SET, NV_PTIMER_TIME_1_SET,
    NV_PTIMER_TIME_PRIV_LEVEL_MASK,
};
use crate::units::intr::Source;
use crate::units::pri::Checked;

/// For a chip that is proven to be one of these.
pub(super) fn hal<B: Bus>(_chip: Tu102) -> &'static dyn TimerHal<B> {
    static HAL: Hal = Hal(Tu102::new());
    &HAL
}

pub(super) struct Hal(Tu102);

impl<B: Bus> TimerHal<B> for Hal {
    fn set_time(&self, io: Checked<'_, B>, ns: u64) -> Result<(), Error> {
        set_time(io.on(self.0.into()), ns)
    }
    fn alarm_on(&self, io: Checked<'_, B>, low: u32) -> Result<(), Error> {
        io.write_word(NV_PTIMER_ALARM_0, low)?;
        io.on(self.0).write(NV_PTIMER_INTR_EN_0, NV_PTIMER_INTR_EN_0::ALARM::ENABLED)
    }
    fn alarm_off(&self, io: Checked<'_, B>) -> Result<(), Error> {
        io.on(self.0).write(NV_PTIMER_INTR_EN_0, NV_PTIMER_INTR_EN_0::ALARM::DISABLED)
    }
    fn alarm_ack(&self, io: Checked<'_, B>) -> Result<(), Error> {
        io.on(self.0).write(NV_PTIMER_INTR_0, NV_PTIMER_INTR_0::ALARM::PENDING)
    }
    fn alarm_source(&self) -> Source {
        Source::PMC_PTIMER
    }
}

/// Turing to Ada: the high word first, the low word commits; only with the privilege mask's leave.
pub(super) fn set_time<B: Bus>(io: Checked<'_, B, PreHopper>, ns: u64) -> Result<(), Error> {
    let mask = io.read(NV_PTIMER_TIME_PRIV_LEVEL_MASK)?;
    if !mask.is_set(NV_PTIMER_TIME_PRIV_LEVEL_MASK::WRITE_PROTECTION_LEVEL0) {
        return Err(Error::Protected { register: "NV_PTIMER_TIME_0" });
    }
    io.write_word(NV_PTIMER_TIME_1_SET, (ns >> 32) as u32)?;
    io.write_word(NV_PTIMER_TIME_0_SET, ns as u32)
}
