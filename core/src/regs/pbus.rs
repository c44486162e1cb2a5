//! PBUS, the host bus unit of Turing to Ada: failed register accesses, scratch words, the window
//! into memory. Hopper moved the unit to [`super::xal`] and kept the scratch words.
//!
//! Range 0x001000 to 0x001FFF.

use crate::bus::registers;

registers! {
    /// Pending bus interrupts; write a one to clear. Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_INTR_0: u32 @ 0x001100, w1c, pure, turing_ga100 {
        /// Register access to a unit held in reset. Not in the GA100 manual.
        PRI_SQUASH 1:1 { NOT_PENDING = 0, PENDING = 1 },
        /// The register hub answered with an error; the code is in `NV_PTIMER_PRI_TIMEOUT_FECS_ERRCODE`.
        PRI_FECSERR 2:2 { NOT_PENDING = 0, PENDING = 1 },
        /// Nobody answered at the address.
        PRI_TIMEOUT 3:3 { NOT_PENDING = 0, PENDING = 1 },
        /// Framebuffer request timed out.
        FB_REQ_TIMEOUT 4:4 { NOT_PENDING = 0, PENDING = 1 },
        /// Framebuffer acknowledge timed out.
        FB_ACK_TIMEOUT 5:5 { NOT_PENDING = 0, PENDING = 1 },
        /// Framebuffer acknowledge nobody waited for.
        FB_ACK_EXTRA 6:6 { NOT_PENDING = 0, PENDING = 1 },
        /// Framebuffer read data timed out.
        FB_RDATA_TIMEOUT 7:7 { NOT_PENDING = 0, PENDING = 1 },
        /// Framebuffer read data nobody waited for.
        FB_RDATA_EXTRA 8:8 { NOT_PENDING = 0, PENDING = 1 },
        /// Raised by software.
        SW 26:26 { NOT_PENDING = 0, PENDING = 1 },
        /// A posted write and a read waited for each other.
        POSTED_DEADLOCK_TIMEOUT 27:27 { NOT_PENDING = 0, PENDING = 1 },
        /// An access took too long.
        ACCESS_TIMEOUT 31:31 { NOT_PENDING = 0, PENDING = 1 },
    }

    /// Which bits of `NV_PBUS_INTR_0` reach the stalling line. Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_INTR_EN_0: u32 @ 0x001140, rw, pure, turing_ga100 {
        /// Register access to a unit held in reset.
        PRI_SQUASH 1:1 { DISABLED = 0, ENABLED = 1 },
        /// The register hub answered with an error.
        PRI_FECSERR 2:2 { DISABLED = 0, ENABLED = 1 },
        /// Nobody answered at the address.
        PRI_TIMEOUT 3:3 { DISABLED = 0, ENABLED = 1 },
        /// Framebuffer request timed out.
        FB_REQ_TIMEOUT 4:4 { DISABLED = 0, ENABLED = 1 },
        /// Framebuffer acknowledge timed out.
        FB_ACK_TIMEOUT 5:5 { DISABLED = 0, ENABLED = 1 },
        /// Framebuffer acknowledge nobody waited for.
        FB_ACK_EXTRA 6:6 { DISABLED = 0, ENABLED = 1 },
        /// Framebuffer read data timed out.
        FB_RDATA_TIMEOUT 7:7 { DISABLED = 0, ENABLED = 1 },
        /// Framebuffer read data nobody waited for.
        FB_RDATA_EXTRA 8:8 { DISABLED = 0, ENABLED = 1 },
        /// Raised by software.
        SW 26:26 { DISABLED = 0, ENABLED = 1 },
        /// A posted write and a read waited for each other.
        POSTED_DEADLOCK_TIMEOUT 27:27 { DISABLED = 0, ENABLED = 1 },
        /// An access took too long.
        ACCESS_TIMEOUT 31:31 { DISABLED = 0, ENABLED = 1 },
    }

    /// Which bits of `NV_PBUS_INTR_0` reach the non-stalling line; bits as in `NV_PBUS_INTR_EN_0`.
    /// Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_INTR_EN_1: u32 @ 0x001144, rw, pure, turing_ga100 {
        /// Enabled bits.
        VALUE 31:0,
    }

    /// Raises the SW bit of `NV_PBUS_INTR_0`. Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_SW_INTR_0: u32 @ 0x001150, wo, effects, turing_ga100 {
        /// Write 1 to raise.
        SET 0:0 { PENDING = 1 },
    }

    /// Scratch for the parties of a software interrupt; resets to 0. Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_SW_INTR_1: u32 @ 0x001154, rw, pure, turing_ga100 {
        /// Free use.
        SCRATCH 31:0,
    }

    /// Scratch for the parties of a software interrupt; resets to 0. Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_SW_INTR_2: u32 @ 0x001158, rw, pure, turing_ga100 {
        /// Free use.
        SCRATCH 31:0,
    }

    /// Scratch for the parties of a software interrupt; resets to 0. Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_SW_INTR_3: u32 @ 0x00115c, rw, pure, turing_ga100 {
        /// Free use.
        SCRATCH 31:0,
    }

    /// Scratch for the parties of a software interrupt; resets to 0. Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_SW_INTR_4: u32 @ 0x001160, rw, pure, turing_ga100 {
        /// Free use.
        SCRATCH 31:0,
    }

    /// Scratch words that firmware leaves results in; reset to 0. Word 0x0E bits 31:16 are FWSEC's FRTS error
    /// and word 0x15 bits 15:0 the error of FWSEC-SB: see `NV_PBUS_SW_SCRATCH_0E` and
    /// `NV_PBUS_SW_SCRATCH_15`. Source: OGD tu104 and ga100 dev_bus, nova-core regs.rs. [H]
    NV_PBUS_SW_SCRATCH[64; 4]: u32 @ 0x001400, rw, pure, all {
        /// The word.
        FIELD 31:0,
    }

    /// Scratch word 0x0E as FWSEC's FRTS command uses it. Alias of `NV_PBUS_SW_SCRATCH`.
    /// Source: nova-core regs.rs, nouveau. [H]
    NV_PBUS_SW_SCRATCH_0E: u32 @ 0x001438, rw, pure, pre_hopper {
        /// Error code of the FRTS command; 0 is success.
        FRTS_ERR_CODE 31:16,
    }

    /// Scratch word 0x15 as FWSEC-SB uses it. Alias of `NV_PBUS_SW_SCRATCH`. Source: nouveau. [D]
    NV_PBUS_SW_SCRATCH_15: u32 @ 0x001454, rw, pure, pre_hopper {
        /// Error code of the SB command; 0 is success.
        FWSEC_SB_ERR_CODE 15:0,
    }

    /// Where in memory the 1 MiB window at PRAMIN looks. Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_BAR0_WINDOW: u32 @ 0x001700, rw, pure, pre_hopper {
        /// Address / 64 KiB.
        BASE 23:0,
        /// Which memory.
        TARGET 25:24 { VID_MEM = 0, SYS_MEM_COHERENT = 2, SYS_MEM_NONCOHERENT = 3 },
    }

    /// Where BAR1's page tables are, the older way: still in the TU104 and GA100 manuals, but GA100's has no
    /// storage behind it and drivers use `NV_VIRTUAL_FUNCTION_PRIV_FUNC_BAR1_BLOCK`.
    /// Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_BAR1_BLOCK: u32 @ 0x001704, rw, pure, turing_ga100 {
        /// Address of the instance block / 4 KiB.
        PTR 27:0,
        /// Memory the instance block is in.
        TARGET 29:28 { VID_MEM = 0, SYS_MEM_COHERENT = 2, SYS_MEM_NONCOHERENT = 3 },
        /// Whether BAR1 is translated.
        MODE 31:31 { PHYSICAL = 0, VIRTUAL = 1 },
    }

    /// Whether a new BAR1 or BAR2 block is still being taken up, the older way: see `NV_PBUS_BAR1_BLOCK`.
    /// Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_BIND_STATUS: u32 @ 0x001710, ro, pure, turing_ga100 {
        /// BAR1's bind has not begun.
        BAR1_PENDING 0:0 { EMPTY = 0, BUSY = 1 },
        /// BAR1's bind is under way.
        BAR1_OUTSTANDING 1:1 { FALSE = 0, TRUE = 1 },
        /// BAR2's bind has not begun.
        BAR2_PENDING 2:2 { EMPTY = 0, BUSY = 1 },
        /// BAR2's bind is under way.
        BAR2_OUTSTANDING 3:3 { FALSE = 0, TRUE = 1 },
    }

    /// Where BAR2's page tables are, the older way: see `NV_PBUS_BAR1_BLOCK`.
    /// Source: OGD tu104 and ga100 dev_bus. [H]
    NV_PBUS_BAR2_BLOCK: u32 @ 0x001714, rw, pure, turing_ga100 {
        /// Address of the instance block / 4 KiB.
        PTR 27:0,
        /// Memory the instance block is in.
        TARGET 29:28 { VID_MEM = 0, SYS_MEM_COHERENT = 2, SYS_MEM_NONCOHERENT = 3 },
        /// Whether BAR2 is translated.
        MODE 31:31 { PHYSICAL = 0, VIRTUAL = 1 },
    }

    /// The scratch words of the second die of GB100. The suffix is ours.
    /// Source: OGKM blackwell/gb100 dev_bus_zb.h. [H]
    NV_PBUS_SW_SCRATCH_DIE1[64; 4]: u32 @ 0x031400, rw, pure, gb10x {
        /// The word.
        FIELD 31:0,
    }
}
