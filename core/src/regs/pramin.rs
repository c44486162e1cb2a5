//! PRAMIN, a 1 MiB window on memory.
//!
//! Range 0x700000 to 0x7FFFFF. Where it looks is set by `NV_PBUS_BAR0_WINDOW` up to Ada and by
//! `NV_XAL_EP_BAR0_WINDOW` from Hopper on.

use crate::bus::registers;

registers! {
    /// Memory, word by word. Marked as not pure: what a read reaches depends on the window, and a window on
    /// memory that is not there raises bus errors. Source: nouveau, OGKM dev_bus.h. [H]
    NV_PRAMIN_DATA032[262144; 4]: u32 @ 0x700000, rw, effects, all {
        /// The word.
        VALUE 31:0,
    }
}
