//! FSP, Hopper and GB10x.

use super::{BootHal, tolerate};
use crate::bus::Bus;
use crate::chip::HopperGb100;
use crate::error::Error;
use crate::hal::Nanos;
use crate::regs::therm::NV_THERM_I2CS_SCRATCH;
use crate::units::pri::Checked;

pub(super) struct Fsp(pub(super) HopperGb100);

impl<B: Bus> BootHal<B> for Fsp {
    const INTERVAL: Nanos = Nanos::from_millis(10);
    const LIMIT: Nanos = Nanos::from_secs(5);
    const WHAT: &'static str = "GPU firmware (FSP) boot";

    fn done(&self, io: Checked<'_, B>) -> Result<bool, Error> {
        let status = tolerate(io.on(self.0).read(NV_THERM_I2CS_SCRATCH))?;
        Ok(status.is_some_and(|s| s.matches_all(NV_THERM_I2CS_SCRATCH::FSP_BOOT_COMPLETE_STATUS::SUCCESS)))
    }
}
