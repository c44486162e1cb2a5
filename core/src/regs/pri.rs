//! The register network (privileged register interface) itself, and the strap pins.
//!
//! Range 0x120000 to 0x12FFFF for the ring, 0x101000 for the straps.

use crate::bus::registers;

registers! {
    /// Strap pins as sampled at reset. nouveau takes the crystal's frequency from bits 22 and 6.
    /// Source: nouveau device/base.c; the name is NVIDIA's of older chips. [D]
    NV_PEXTDEV_BOOT_0: u32 @ 0x101000, ro, pure, all {
        /// First bit of the crystal's frequency.
        STRAP_CRYSTAL_0 6:6,
        /// Second bit of the crystal's frequency.
        STRAP_CRYSTAL_1 22:22,
    }

    /// Commands to the ring's master: gpu-admin-tools writes 4 to enumerate and start it, before Blackwell.
    /// Source: gpu-admin-tools, nouveau privring/gf100.c. [D]
    NV_PPRIV_MASTER_RING_COMMAND: u32 @ 0x12004c, rw, pure, pre_blackwell {
        /// The command; reads 0 when it is done, by nvgpu's headers.
        CMD 5:0 { NO_CMD = 0, ACK_INTERRUPT = 2, ENUMERATE_AND_START_RING = 4 },
    }

    /// How the system's ring station decodes; gpu-admin-tools writes 2, before Blackwell.
    /// Source: gpu-admin-tools, nouveau privring/gf100.c. [D]
    NV_PPRIV_SYS_PRIV_DECODE_CONFIG: u32 @ 0x122204, rw, pure, pre_blackwell {
        /// What to do with an access when the ring is not started; the value is called by nvgpu's name.
        RING 2:0 { DROP_ON_RING_NOT_STARTED = 1 },
    }
}
