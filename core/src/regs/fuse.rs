//! FUSE: what has been burnt into the chip.
//!
//! At 0x021000 on Turing, at 0x820000 from Ampere on.

use crate::bus::registers;

registers! {
    /// Whether the display engine is fused off. Source: nova-core regs.rs, nouveau. [H]
    NV_FUSE_STATUS_OPT_DISPLAY: u32 @ 0x021c04, ro, pure, turing {
        /// The fuse.
        DATA 0:0 { ENABLE = 0, DISABLE = 1 },
    }

    /// Whether the display engine is fused off. The suffix is ours; NVIDIA's name is the same as on Turing.
    /// Source: nova-core regs.rs, nouveau. [H]
    NV_FUSE_STATUS_OPT_DISPLAY_GA100: u32 @ 0x820c04, ro, pure, ga100_up {
        /// The fuse.
        DATA 0:0 { ENABLE = 0, DISABLE = 1 },
    }

    /// Oldest microcode allowed on NVDEC, by microcode id - 1: the version is the position of the highest bit
    /// set, plus 1. Source: nova-core regs.rs, OGKM kernel_gsp_ga100.c. [H]
    NV_FUSE_OPT_FPF_NVDEC_UCODE1_VERSION[16; 4]: u32 @ 0x824100, ro, pure, ga102_up {
        /// Burnt bits.
        DATA 15:0,
    }

    /// Oldest microcode allowed on SEC2, by microcode id - 1: the version is the position of the highest bit
    /// set, plus 1. Source: nova-core regs.rs, OGKM kernel_gsp_ga100.c. [H]
    NV_FUSE_OPT_FPF_SEC2_UCODE1_VERSION[16; 4]: u32 @ 0x824140, ro, pure, ga102_up {
        /// Burnt bits.
        DATA 15:0,
    }

    /// Oldest microcode allowed on GSP, by microcode id - 1: the version is the position of the highest bit
    /// set, plus 1. Source: nova-core regs.rs, OGKM kernel_gsp_ga100.c. [H]
    NV_FUSE_OPT_FPF_GSP_UCODE1_VERSION[16; 4]: u32 @ 0x8241c0, ro, pure, ga102_up {
        /// Burnt bits.
        DATA 15:0,
    }
}
