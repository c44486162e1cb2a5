//! Ampere and Ada: the alarm is a leaf of the interrupt tree, latched there.

use super::{TimerHal, tu102};
use crate::bus::Bus;
use crate::chip::{Ampere, Ga100Up};
use crate::error::Error;
use crate::regs::ptimer::{NV_PTIMER_ALARM_0, NV_PTIMER_ALARM_INTR};
use crate::units::intr::Source;
use crate::units::pri::Checked;

/// For a chip that is proven to be one of these.
pub(super) fn hal<B: Bus>(_chip: Ampere) -> &'static dyn TimerHal<B> {
    static HAL: Hal = Hal(Ampere::new());
    &HAL
}

pub(super) struct Hal(Ampere);

impl<B: Bus> TimerHal<B> for Hal {
    fn set_time(&self, io: Checked<'_, B>, ns: u64) -> Result<(), Error> {
        tu102::set_time(io.on(self.0.into()), ns)
    }
    fn alarm_on(&self, io: Checked<'_, B>, low: u32) -> Result<(), Error> {
        alarm_on(io.on(self.0.into()), low)
    }
    fn alarm_off(&self, io: Checked<'_, B>) -> Result<(), Error> {
        alarm_off(io.on(self.0.into()))
    }
    fn alarm_ack(&self, _io: Checked<'_, B>) -> Result<(), Error> {
        // The leaf was cleared before we were called, and GA100's manual has no INTR_0 any more.
        // Whether the old latch still exists is not known; nouveau reads it, NVIDIA's driver does not.
        Ok(())
    }
    fn alarm_source(&self) -> Source {
        Source::ALARM
    }
}

pub(super) fn alarm_on<B: Bus>(io: Checked<'_, B, Ga100Up>, low: u32) -> Result<(), Error> {
    io.write_word(NV_PTIMER_ALARM_0, low)?;
    io.write(NV_PTIMER_ALARM_INTR, NV_PTIMER_ALARM_INTR::MASK::ENABLED)
}

pub(super) fn alarm_off<B: Bus>(io: Checked<'_, B, Ga100Up>) -> Result<(), Error> {
    io.write(NV_PTIMER_ALARM_INTR, NV_PTIMER_ALARM_INTR::MASK::DISABLED)
}
