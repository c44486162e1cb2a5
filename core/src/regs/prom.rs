//! PROM, the window on the VBIOS ROM, and the header its content may begin with.
//!
//! Range 0x300000 to 0x3FFFFF. Aligned 32-bit reads only, bytes in little-endian order.

use crate::bus::registers;

registers! {
    /// The ROM, word by word. nova-core reads at most this 1 MiB.
    /// Source: nova-core vbios.rs, nouveau bios/shadowrom.c. [H]
    NV_PROM_DATA[262144; 4]: u32 @ 0x300000, ro, pure, all {
        /// Four bytes of the ROM.
        VALUE 31:0,
    }

    /// First word of the Init-From-ROM header, if the ROM begins with one. Alias of `NV_PROM_DATA`: on most
    /// chips the window already begins after the header.
    /// Source: OGKM dev_bus_addendum.h, nova-core vbios.rs. [H]
    NV_PBUS_IFR_FMT_FIXED0: u32 @ 0x300000, ro, pure, all {
        /// "NVGI", or there is no header.
        SIGNATURE 31:0 { VALUE = 0x4947564E },
    }

    /// Second word of the Init-From-ROM header. Alias of `NV_PROM_DATA`.
    /// Source: OGKM dev_bus_addendum.h, nova-core vbios.rs. [H]
    NV_PBUS_IFR_FMT_FIXED1: u32 @ 0x300004, ro, pure, all {
        /// Version, 1 to 3.
        VERSIONSW 15:8,
        /// Size of the fixed part in bytes.
        FIXED_DATA_SIZE 30:16,
    }

    /// Third word of the Init-From-ROM header. Alias of `NV_PROM_DATA`.
    /// Source: OGKM dev_bus_addendum.h, nova-core vbios.rs. [H]
    NV_PBUS_IFR_FMT_FIXED2: u32 @ 0x300008, ro, pure, all {
        /// Size of the whole header in bytes.
        TOTAL_DATA_SIZE 19:0,
    }
}
