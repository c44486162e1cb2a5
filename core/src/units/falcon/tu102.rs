//! Turing and GA100: DMACTL tells about scrubbing, and there is no core to select.

use super::FalconHal;
use super::block::Block;
use crate::bus::Bus;
use crate::error::Error;
use crate::hal::Nanos;
use crate::regs::falcon::NV_PFALCON_FALCON_DMACTL;

pub(super) struct Hal;

impl<B: Bus> FalconHal<B> for Hal {
    fn scrub_limit(&self) -> Nanos {
        Nanos::from_millis(10)
    }
    fn address_bits(&self) -> u32 {
        47
    }
    fn scrubbed(&self, falcon: Block<'_, B>) -> Result<bool, Error> {
        use NV_PFALCON_FALCON_DMACTL as DMACTL;
        let state = falcon.read(DMACTL)?;
        Ok(state.matches_all(DMACTL::DMEM_SCRUBBING::DONE + DMACTL::IMEM_SCRUBBING::DONE))
    }
}
