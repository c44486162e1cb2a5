//! PFB, the framebuffer: size of video memory, protected regions, the system-memory flush page.
//!
//! Range 0x100000 to 0x100FFF, with the MMU's memory locks at 0x1FA000. From GB10x on the flush page is
//! set in HSHUB0 (0x870000), and on GB20x in FBHUB0 (0x8A0000).

use crate::bus::registers;

registers! {
    /// Address of the flush page, bits 39:8: a page of host memory that the GPU uses for its barriers towards
    /// host memory. Must be set before a falcon is reset. On Turing this is all of the address.
    /// Source: OGKM ampere/ga100 dev_fb.h, nova-core fb/regs.rs. [H]
    NV_PFB_NISO_FLUSH_SYSMEM_ADDR: u32 @ 0x100c10, rw, pure, pre_hopper {
        /// Address / 256.
        ADR_39_08 31:0,
    }

    /// Address of the flush page from bit 40 on. Write it before the low part.
    /// Source: OGKM ampere/ga100 dev_fb.h, nova-core fb/regs.rs. [H]
    NV_PFB_NISO_FLUSH_SYSMEM_ADDR_HI: u32 @ 0x100c40, rw, pure, ampere_ada {
        /// Address >> 40.
        ADR_63_40 23:0,
    }

    /// Size of video memory: magnitude << (scale + 20) bytes, and 15/16 of that with ECC.
    /// Source: OGKM dev_fb.h, nova-core fb/regs.rs. [H]
    NV_PFB_PRI_MMU_LOCAL_MEMORY_RANGE: u32 @ 0x100ce0, ro, pure, turing_ga100 {
        /// Power of two, in MiB.
        LOWER_SCALE 3:0,
        /// Multiple of it.
        LOWER_MAG 9:4,
        /// A sixteenth of memory holds check bits.
        ECC_MODE 30:30 { DISABLED = 0, ENABLED = 1 },
    }

    /// Low word of the flush page's address on GH100; bits 7:0 are dropped, and the write takes up both
    /// words. Source: OGKM hopper/gh100 dev_fb.h, nova-core fb/regs.rs. [H]
    NV_PFB_FBHUB_PCIE_FLUSH_SYSMEM_ADDR_LO: u32 @ 0x100a34, rw, pure, gh100 {
        /// Address bits 31:0.
        ADR 31:0,
    }

    /// High word of the flush page's address on GH100. Write it before the low word.
    /// Source: OGKM hopper/gh100 dev_fb.h, nova-core fb/regs.rs. [H]
    NV_PFB_FBHUB_PCIE_FLUSH_SYSMEM_ADDR_HI: u32 @ 0x100a38, rw, pure, gh100 {
        /// Address >> 32.
        ADR 19:0,
    }

    /// Who may access the memory lock range, a priv level mask.
    /// Source: OGKM ampere/ga100 dev_fb.h, nouveau. [H]
    NV_PFB_PRI_MMU_LOCK_CFG_PRIV_LEVEL_MASK: u32 @ 0x1fa7c8, ro, pure, ga100 {
        /// Whether the CPU (level 0) may read the range.
        READ_PROTECTION_LEVEL0 0:0 { DISABLE = 0, ENABLE = 1 },
    }

    /// State of the scrub of the protected region VPR. NVIDIA's name was not read. Source: nouveau. [D]
    NV_PFB_PRI_MMU_VPR_SCRUB_STATUS: u32 @ 0x1fa80c, ro, pure, all {
        /// Tested by nouveau before it runs the scrubber.
        STATUS 4:4,
    }

    /// Lowest address of the write-protected region WPR2, set up by FWSEC.
    /// Source: OGKM dev_fb.h, nova-core fb/regs.rs. [H]
    NV_PFB_PRI_MMU_WPR2_ADDR_LO: u32 @ 0x1fa824, ro, pure, all {
        /// Address / 4 KiB.
        VAL 31:4,
    }

    /// End of WPR2: the first address after it, as nova-core has it; 0 while the region is not set.
    /// Source: OGKM dev_fb.h, nova-core fb/regs.rs. [H]
    NV_PFB_PRI_MMU_WPR2_ADDR_HI: u32 @ 0x1fa828, ro, pure, all {
        /// Address / 4 KiB.
        VAL 31:4,
    }

    /// Low end of the range that the VBIOS keeps for the row remapper at the top of memory; WPR has to stay
    /// below it. nova-core does not look at it, nouveau does.
    /// Source: OGKM ampere/ga100 dev_fb.h, nouveau gsp/tu102.c. [H]
    NV_PFB_PRI_MMU_LOCK_ADDR_LO: u32 @ 0x1fa82c, ro, pure, ga100 {
        /// Address / 4 KiB.
        VAL 31:4,
    }

    /// High end of the range that the VBIOS keeps for the row remapper.
    /// Source: OGKM ampere/ga100 dev_fb.h, nouveau. [H]
    NV_PFB_PRI_MMU_LOCK_ADDR_HI: u32 @ 0x1fa830, ro, pure, ga100 {
        /// Address / 4 KiB.
        VAL 31:4,
    }

    /// Low word of the flush page's address in the second, EG, pair of GB10x: set both pairs to the same
    /// page. Source: nova-core fb/regs.rs. [D]
    NV_PFB_HSHUB0_EG_PCIE_FLUSH_SYSMEM_ADDR_LO: u32 @ 0x8706c0, rw, pure, gb10x {
        /// Address bits 31:0; bits 7:0 are dropped.
        ADR 31:0,
    }

    /// High word of the flush page's address in the EG pair of GB10x. Write it before the low word.
    /// Source: nova-core fb/regs.rs. [D]
    NV_PFB_HSHUB0_EG_PCIE_FLUSH_SYSMEM_ADDR_HI: u32 @ 0x8706c4, rw, pure, gb10x {
        /// Address >> 32.
        ADR 19:0,
    }

    /// Low word of the flush page's address on GB10x. Source: nova-core fb/regs.rs. [D]
    NV_PFB_HSHUB0_PCIE_FLUSH_SYSMEM_ADDR_LO: u32 @ 0x870e50, rw, pure, gb10x {
        /// Address bits 31:0; bits 7:0 are dropped.
        ADR 31:0,
    }

    /// High word of the flush page's address on GB10x. Write it before the low word.
    /// Source: nova-core fb/regs.rs. [D]
    NV_PFB_HSHUB0_PCIE_FLUSH_SYSMEM_ADDR_HI: u32 @ 0x870e54, rw, pure, gb10x {
        /// Address >> 32.
        ADR 19:0,
    }

    /// Low word of the flush page's address on GB20x. Source: nova-core fb/regs.rs. [D]
    NV_PFB_FBHUB0_PCIE_FLUSH_SYSMEM_ADDR_LO: u32 @ 0x8a1d58, rw, pure, gb20x {
        /// Address bits 31:0; bits 7:0 are dropped.
        ADR 31:0,
    }

    /// High word of the flush page's address on GB20x. Write it before the low word.
    /// Source: nova-core fb/regs.rs. [D]
    NV_PFB_FBHUB0_PCIE_FLUSH_SYSMEM_ADDR_HI: u32 @ 0x8a1d5c, rw, pure, gb20x {
        /// Address >> 32.
        ADR 19:0,
    }
}
