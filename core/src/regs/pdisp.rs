//! PDISP, the display. A driver core only asks where the VGA workspace is.

use crate::bus::registers;

registers! {
    /// Where in video memory the VGA workspace is; read it only if the display is not fused off.
    /// Source: nova-core regs.rs, OGKM kern_disp_0400.c. [H]
    NV_PDISP_VGA_WORKSPACE_BASE: u32 @ 0x625f04, ro, pure, all {
        /// Which memory; nouveau takes 1 for video memory. [D]
        TARGET 1:0 { VID_MEM = 1 },
        /// Whether the address is valid.
        STATUS 3:3 { INVALID = 0, VALID = 1 },
        /// Address / 64 KiB.
        ADDR 31:8,
    }
}
