//! XAL, the host bus endpoint that took over from PBUS on Hopper.
//!
//! Range 0x10F000 to 0x10FFFF.

use crate::bus::registers;

registers! {
    /// Pending bus interrupts; write a one to clear. The list of bits is not complete.
    /// Source: OGKM hopper/gh100 pri_nv_xal_ep.h. [H]
    NV_XAL_EP_INTR_0: u32 @ 0x10f100, w1c, pure, hopper_up {
        /// The register hub answered with an error.
        PRI_FECSERR 1:1 { NOT_PENDING = 0, PENDING = 1 },
        /// A register request timed out.
        PRI_REQ_TIMEOUT 2:2 { NOT_PENDING = 0, PENDING = 1 },
        /// A register response timed out.
        PRI_RSP_TIMEOUT 3:3 { NOT_PENDING = 0, PENDING = 1 },
        /// Framebuffer acknowledge timed out.
        FB_ACK_TIMEOUT 5:5 { NOT_PENDING = 0, PENDING = 1 },
    }

    /// Where in memory the 1 MiB window at PRAMIN looks. Source: OGKM hopper/gh100 pri_nv_xal_ep.h. [H]
    NV_XAL_EP_BAR0_WINDOW: u32 @ 0x10fd40, rw, pure, hopper_up {
        /// Address / 64 KiB.
        BASE 21:0,
    }
}
