//! PTIMER.

use crate::bus::registers;

registers! {
    /// Nanoseconds, low word.
    NV_PTIMER_TIME_0: u32 @ 0x009400, ro, pure, all {
        /// Nanoseconds; bits 4:0 always read zero.
        NSEC 31:5,
    }
    /// Interrupt enable.
    NV_PTIMER_INTR_EN_0: u32 @ 0x009140, rw, pure, turing {
        /// Alarm.
        ALARM 0:0 { DISABLED = 0, ENABLED = 1 },
    }
}
