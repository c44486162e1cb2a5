//! GA102 and later: HWCFG2 tells about scrubbing, and a RISC-V core may have been selected instead of the falcon.

use super::FalconHal;
use super::block::Block;
use crate::bus::Bus;
use crate::chip::{Ga102, HopperUp, On, Proof};
use crate::error::Error;
use crate::hal::Nanos;
use crate::regs::falcon::NV_PFALCON_FALCON_HWCFG2;
use crate::regs::riscv::NV_PRISCV_RISCV_BCR_CTRL;

/// For a chip that is proven to be one of these.
pub(super) fn ada<B: Bus>(_chip: Ga102) -> &'static dyn FalconHal<B> {
    static HAL: Hal<Ga102> = Hal { chip: Ga102::new(), address_bits: 47 };
    &HAL
}

/// For a chip that is proven to be one of these.
pub(super) fn hopper<B: Bus>(_chip: HopperUp) -> &'static dyn FalconHal<B> {
    // The chip has 52; the falcon's BASE1 ends at bit 48.
    static HAL: Hal<HopperUp> = Hal { chip: HopperUp::new(), address_bits: 49 };
    &HAL
}

struct Hal<P> {
    chip: P,
    address_bits: u32,
}

impl<B: Bus, P: Proof> FalconHal<B> for Hal<P>
where
    NV_PRISCV_RISCV_BCR_CTRL::Register: On<P>,
{
    fn scrub_limit(&self) -> Nanos {
        Nanos::from_millis(20)
    }
    fn address_bits(&self) -> u32 {
        self.address_bits
    }
    fn scrubbed(&self, falcon: Block<'_, B>) -> Result<bool, Error> {
        let state = falcon.read(NV_PFALCON_FALCON_HWCFG2)?;
        // Zero is what a unit reads that is still locked.
        Ok(state.get() != 0 && state.matches_all(NV_PFALCON_FALCON_HWCFG2::MEM_SCRUBBING::DONE))
    }
    fn reset_ready(&self, falcon: Block<'_, B>) -> Result<bool, Error> {
        Ok(falcon.read(NV_PFALCON_FALCON_HWCFG2)?.is_set(NV_PFALCON_FALCON_HWCFG2::RESET_READY))
    }
    fn select_falcon(&self, falcon: Block<'_, B>) -> Result<(), Error> {
        use NV_PRISCV_RISCV_BCR_CTRL as BCR_CTRL;
        let (io, place) = (falcon.io.on(self.chip), falcon.engine.falcon2().of(BCR_CTRL)?);
        if io.read(place)?.matches_all(BCR_CTRL::CORE_SELECT::RISCV) {
            io.write(place, BCR_CTRL::CORE_SELECT::FALCON)?;
        }
        Ok(())
    }
    fn falcon_selected(&self, falcon: Block<'_, B>) -> Result<bool, Error> {
        use NV_PRISCV_RISCV_BCR_CTRL as BCR_CTRL;
        let state = falcon.io.on(self.chip).read(falcon.engine.falcon2().of(BCR_CTRL)?)?;
        Ok(state.matches_all(BCR_CTRL::CORE_SELECT::FALCON + BCR_CTRL::VALID::TRUE))
    }
}
