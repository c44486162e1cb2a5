//! XVE, the PCI Express unit, and the mirror of PCI configuration space in BAR0.
//!
//! The mirror is 4 KiB long: at 0x088000 on Turing to Ada, at 0x092000 on Hopper and later.

use crate::bus::registers;

registers! {
    /// PCI vendor and device id, through the configuration mirror. Source: OGD tu104 dev_nv_xve3g_fn0. [H]
    NV_XVE_ID: u32 @ 0x088000, ro, pure, pre_hopper {
        /// Vendor id.
        VENDOR 15:0 { NVIDIA = 0x10DE },
        /// Device id.
        DEVICE_CHIP 31:16,
    }

    /// ROM control, configuration offset 0x50: nouveau clears the shadow bit before it reads PROM and
    /// restores it after. Source: nouveau bios/shadowrom.c. [D]
    NV_XVE_ROM_CTRL: u32 @ 0x088050, rw, pure, pre_hopper {
        /// PROM shows the copy in memory, not the ROM.
        ROM_SHADOW 0:0 { DISABLED = 0, ENABLED = 1 },
    }

    /// Writing 0 re-arms the message-signalled interrupt: without it no further message is sent. The value
    /// read means nothing to a driver. Source: nouveau pci/gp100.c, OGKM kbifCheckAndRearmMSI. [H]
    NV_XVE_CYA_2: u32 @ 0x088704, rw, pure, pre_hopper {
        /// Write 0.
        VALUE 31:0,
    }

    /// PCI vendor and device id, through the configuration mirror of Hopper and later.
    /// Source: OGKM hopper/gh100 dev_xtl_ep_pri.h (base) and dev_xtl_ep_pcfg_gpu.h. [H]
    NV_EP_PCFG_GPU_ID: u32 @ 0x092000, ro, pure, hopper_up {
        /// Vendor id.
        VENDOR 15:0 { NVIDIA = 0x10DE },
        /// Device id.
        DEVICE 31:16,
    }
}
