//! GFW, Turing to Ada.

use super::BootHal;
use crate::bus::Bus;
use crate::chip::PreHopper;
use crate::error::Error;
use crate::hal::Nanos;
use crate::regs::pgc6::{
    NV_PGC6_AON_SECURE_SCRATCH_GROUP_05, NV_PGC6_AON_SECURE_SCRATCH_GROUP_05_PRIV_LEVEL_MASK,
};
use crate::units::pri::Checked;

pub(super) struct Gfw(pub(super) PreHopper);

impl<B: Bus> BootHal<B> for Gfw {
    const INTERVAL: Nanos = Nanos::from_millis(1);
    const LIMIT: Nanos = Nanos::from_secs(4);
    const WHAT: &'static str = "GPU firmware (GFW) boot";

    fn done(&self, io: Checked<'_, B>) -> Result<bool, Error> {
        use NV_PGC6_AON_SECURE_SCRATCH_GROUP_05 as PROGRESS;
        use NV_PGC6_AON_SECURE_SCRATCH_GROUP_05_PRIV_LEVEL_MASK as MASK;
        let io = io.on(self.0);
        // The progress is not to be read before the mask allows it.
        if !io.read(MASK)?.is_set(MASK::READ_PROTECTION_LEVEL0) {
            return Ok(false);
        }
        Ok(io.read(PROGRESS)?.matches_all(PROGRESS::GFW_BOOT_PROGRESS::COMPLETED))
    }
}
