//! THERM, the thermal unit. A driver core cares for one of its scratch words: FSP tells there that it has
//! booted.
//!
//! Range 0x020000 to 0x020FFF; GB20x moved the unit to 0xAD0000.

use crate::bus::registers;

registers! {
    /// State of FSP's boot: the whole word reads 0xFF when it is done.
    /// Source: nova-core regs.rs, OGKM hopper/gh100 dev_therm.h. [H]
    NV_THERM_I2CS_SCRATCH: u32 @ 0x0200bc, ro, pure, gh100_gb10x {
        /// Compare all of it, so that all-ones does not pass.
        FSP_BOOT_COMPLETE_STATUS 31:0 { SUCCESS = 0xFF },
    }

    /// State of FSP's boot where GB20x has it. The suffix is ours; NVIDIA's name is the same as on GH100.
    /// Source: nova-core regs.rs, gpu-admin-tools. [H]
    NV_THERM_I2CS_SCRATCH_GB202: u32 @ 0xad00bc, ro, pure, gb20x {
        /// Compare all of it, so that all-ones does not pass.
        FSP_BOOT_COMPLETE_STATUS 31:0 { SUCCESS = 0xFF },
    }
}
