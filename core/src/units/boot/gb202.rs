//! FSP, GB20x: the same word at another place.

use super::{BootHal, tolerate};
use crate::bus::Bus;
use crate::chip::Gb202;
use crate::error::Error;
use crate::hal::Nanos;
use crate::regs::therm::NV_THERM_I2CS_SCRATCH_GB202;
use crate::units::pri::Checked;

pub(super) struct Fsp(pub(super) Gb202);

impl<B: Bus> BootHal<B> for Fsp {
    const INTERVAL: Nanos = Nanos::from_millis(10);
    const LIMIT: Nanos = Nanos::from_secs(5);
    const WHAT: &'static str = "GPU firmware (FSP) boot";

    fn done(&self, io: Checked<'_, B>) -> Result<bool, Error> {
        use NV_THERM_I2CS_SCRATCH_GB202 as STATUS;
        let status = tolerate(io.on(self.0).read(STATUS))?;
        Ok(status.is_some_and(|s| s.matches_all(STATUS::FSP_BOOT_COMPLETE_STATUS::SUCCESS)))
    }
}
