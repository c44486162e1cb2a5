//! PTOP, the table of devices: which engines there are, with their bases, reset ids and fault ids.
//!
//! Range 0x022400 to 0x0227FF, from Ampere on longer. Under RM's firmware nouveau does not read it.

use crate::bus::registers;

registers! {
    /// Shape of the device table. Source: OGKM ga100 and gb100 dev_top.h. [H]
    NV_PTOP_DEVICE_INFO_CFG: u32 @ 0x0224fc, ro, pure, ga100_up {
        /// Layout of the rows: 2 on GB100.
        VERSION 3:0,
        /// Devices there may be.
        MAX_DEVICES 15:4,
        /// Rows a device may have.
        MAX_ROWS_PER_DEVICE 19:16,
        /// Rows there are.
        NUM_ROWS 31:20,
    }

    /// The device table of Turing. What the bits between mean depends on ENTRY.
    /// Source: OGD tu104 dev_top. [H]
    NV_PTOP_DEVICE_INFO[64; 4]: u32 @ 0x022700, ro, pure, turing {
        /// Kind of row.
        ENTRY 1:0 { NOT_VALID = 0, DATA = 1, ENUM = 2, ENGINE_TYPE = 3 },
        /// By kind of row.
        VALUE 30:2,
        /// The next row belongs to the same device.
        CHAIN 31:31 { DISABLE = 0, ENABLE = 1 },
    }

    /// The device table of Ampere and later; a device has up to three rows, zero rows are skipped. The
    /// element count is GB100's: `NV_PTOP_DEVICE_INFO_CFG` tells how many there are.
    /// Source: OGKM ga100 and gb100 dev_top.h. [H]
    NV_PTOP_DEVICE_INFO2[353; 4]: u32 @ 0x022800, ro, pure, ga100_up {
        /// By position in the device.
        ROW_VALUE 30:0,
        /// The next row belongs to the same device.
        ROW_CHAIN 31:31 { LAST = 0, MORE = 1 },
    }
}
