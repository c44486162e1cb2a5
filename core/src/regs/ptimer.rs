//! PTIMER, the timer: a 64-bit count of nanoseconds, an alarm, a countdown, and the record of
//! failed register accesses.
//!
//! Range 0x009000 to 0x009FFF. The count steps by 32 ns, so its low five bits always read zero.
//! Blackwell's own driver finds the block through the device info table, while nouveau uses these
//! offsets there too; the second view in [`super::vf`] is documented on every family.

use crate::bus::registers;

registers! {
    /// How long the host waits for a register access before it gives up. Unit unknown. The fields
    /// come from the nvgpu headers; that desktop Turing and later have the same is likely, not proven.
    /// Source: nvgpu hw_timer headers. [D]
    NV_PTIMER_PRI_TIMEOUT: u32 @ 0x009080, rw, pure, all {
        /// The time allowed.
        PERIOD 23:0,
        /// Whether there is a limit at all.
        EN 31:31 { DISABLED = 0, ENABLED = 1 },
    }

    /// Address of the first failed register access; keeps it until 0 is written here.
    /// With FECS_TGT set, address and direction may be wrong. Source: OGD tu104 and ga100 dev_timer. [H]
    NV_PTIMER_PRI_TIMEOUT_SAVE_0: u32 @ 0x009084, rw, pure, turing_ga100 {
        /// Whether an error has been recorded.
        TO 0:0 { NONE = 0, ERROR = 1 },
        /// Whether the failed access was a write.
        WRITE 1:1 { FALSE = 0, TRUE = 1 },
        /// Word address of the failed access; in place, so the masked register is the byte offset.
        ADDR 23:2,
        /// The access had gone to the FECS hub.
        FECS_TGT 31:31 { FALSE = 0, TRUE = 1 },
    }

    /// Data of the failed write, 0 if it was a read. Source: OGD tu104 and ga100 dev_timer. [H]
    NV_PTIMER_PRI_TIMEOUT_SAVE_1: u32 @ 0x009088, rw, pure, turing_ga100 {
        /// The word that was to be written.
        DATA 31:0,
    }

    /// Error pattern that FECS gave for the failed access, as in a failed read's data (0xBADFxxxx).
    /// Source: OGD tu104 and ga100 dev_timer. [H]
    NV_PTIMER_PRI_TIMEOUT_FECS_ERRCODE: u32 @ 0x00908c, rw, pure, turing_ga100 {
        /// The pattern.
        DATA 31:0,
    }

    /// Which client made the failed access. Source: OGD tu104 dev_timer, nvgpu hw_timer headers. [H]
    NV_PTIMER_PRI_TIMEOUT_SAVE_3: u32 @ 0x009090, ro, pure, turing {
        /// Client number.
        SUBID 3:0,
    }

    /// Pending timer interrupts, shown whether enabled or not [E]; write a one to clear. Documented up to
    /// Turing only: from GA100 on the alarm is acknowledged in its leaf, and whether this still latches there
    /// is not known. Source: OGD tu104 dev_timer, OGKM gk104, gm200, tu102 dev_timer.h. [H]
    NV_PTIMER_INTR_0: u32 @ 0x009100, w1c, pure, turing {
        /// The alarm has fired.
        ALARM 0:0 { NOT_PENDING = 0, PENDING = 1 },
        /// The countdown has ended.
        TIMER 1:1 { NOT_PENDING = 0, PENDING = 1 },
    }

    /// Which timer interrupts reach the interrupt line; resets to 0.
    /// Source: OGD tu104 dev_timer, OGKM gk104, gm200, tu102 dev_timer.h. [H]
    NV_PTIMER_INTR_EN_0: u32 @ 0x009140, rw, pure, turing {
        /// Alarm.
        ALARM 0:0 { DISABLED = 0, ENABLED = 1 },
        /// Countdown.
        TIMER 1:1 { DISABLED = 0, ENABLED = 1 },
    }

    /// Alarm interrupt enable; resets to 0. It stands where older chips have `NV_PTIMER_INTR_EN_0`, with the
    /// alarm bit only. Source: OGKM and OGD ga100 dev_timer. [H]
    NV_PTIMER_ALARM_INTR: u32 @ 0x009140, rw, pure, ga100_up {
        /// Whether the alarm interrupts.
        MASK 0:0 { DISABLED = 0, ENABLED = 1 },
    }

    /// Numerator of the old clock ratio. NV04 to Kepler; gone before Turing.
    /// Source: envytools, nouveau timer/nv04.c. [E]
    NV_PTIMER_NUMERATOR: u32 @ 0x009200, rw, pure, historic {
        /// The number.
        VALUE 15:0,
    }

    /// Denominator of the old clock ratio. NV04 to Kepler; gone before Turing.
    /// Source: envytools, nouveau timer/nv04.c. [E]
    NV_PTIMER_DENOMINATOR: u32 @ 0x009210, rw, pure, historic {
        /// The number.
        VALUE 15:0,
    }

    /// Pre-divider of the NV41 generation's timer clock; gone before Turing. The name is ours.
    /// Source: envytools, nouveau timer/nv41.c. [E]
    NV_PTIMER_CLOCK_SOURCE: u32 @ 0x009220, rw, pure, historic {
        /// The pre-divider setting.
        VALUE 31:0,
    }

    /// Fraction of the step per reference tick: 7/27 ns resets in for the 108 MHz reference.
    /// Source: OGKM maxwell/gm107 dev_timer.h. [H] That this is the accumulator's step is inferred.
    NV_PTIMER_TIMER_CFG0: u32 @ 0x009300, rw, pure, all {
        /// Denominator; resets to 0x1B.
        DEN 4:0 { REF_108MHZ = 0x1B },
        /// Numerator; resets to 7.
        NUM 18:16 { REF_108MHZ = 7 },
    }

    /// Whole nanoseconds per reference tick. Source: OGKM maxwell/gm107 dev_timer.h. [H]
    NV_PTIMER_TIMER_CFG1: u32 @ 0x009304, rw, pure, all {
        /// The number; resets to 9.
        INTEGER 5:0 { REF_108MHZ = 9 },
    }

    /// Nanoseconds since 1970 by NVIDIA's convention, low word; wraps every 4.29 s. The halves are not
    /// latched together: read high, low, high. Source: OGKM gk104, gm107, gv100, gh100 dev_timer.h. [H]
    NV_PTIMER_TIME_0: u32 @ 0x009400, ro, pure, all {
        /// Nanoseconds / 32. The bits below read zero, on a chip that answers.
        NSEC 31:5,
    }

    /// Nanoseconds, high word. Source: OGKM gk104, gm107, gv100, gh100 dev_timer.h. [H]
    NV_PTIMER_TIME_1: u32 @ 0x009410, ro, pure, all {
        /// Units of 2^32 ns. The bits above read zero, on a chip that answers.
        NSEC 28:0,
    }

    /// Write side of `NV_PTIMER_TIME_0`, which Hopper and later no longer have. Writing it commits both
    /// halves, so it comes last. Blocked unless `NV_PTIMER_TIME_PRIV_LEVEL_MASK` allows it. Unit: ns. Alias
    /// of `NV_PTIMER_TIME_0`. Source: OGKM gv100 dev_timer.h, timer_gv100.c. [H]
    NV_PTIMER_TIME_0_SET: u32 @ 0x009400, wo, effects, pre_hopper {
        /// Nanoseconds / 32.
        NSEC 31:5,
    }

    /// Write side of `NV_PTIMER_TIME_1`, which Hopper and later no longer have. Write it before the low word.
    /// Unit: 2^32 ns. Alias of `NV_PTIMER_TIME_1`. Source: OGKM gv100 dev_timer.h, timer_gv100.c. [H]
    NV_PTIMER_TIME_1_SET: u32 @ 0x009410, wo, effects, pre_hopper {
        /// Units of 2^32 ns.
        NSEC 28:0,
    }

    /// When the alarm fires, in ns: on the step at which the low word of the time equals this. There is no
    /// high word, so a time already passed fires 4.29 s late. Resets to 0. Source: OGD tu104 and ga100
    /// dev_timer, OGKM gk104. [H] That it compares for equality is from envytools. [E] Not documented after
    /// GA100, but kept to by nouveau.
    NV_PTIMER_ALARM_0: u32 @ 0x009420, rw, pure, all {
        /// Nanoseconds / 32.
        NSEC 31:5,
    }

    /// The host's countdown timer, of which `NV_PTIMER_INTR_0` bit 1 tells the end. The unit is not
    /// documented; the same countdown as `NV_VIRTUAL_FUNCTION_PRIV_TIMER`, probably. Source: OGKM
    /// maxwell/gm200 dev_timer.h. [H] Documented from GM200 to Turing.
    NV_PTIMER_TIMER_0: u32 @ 0x009428, rw, pure, turing {
        /// Remaining time.
        VALUE 31:0,
    }

    /// Who may write the time. Source: OGKM gv100 and gh100 dev_timer.h. [H]
    NV_PTIMER_TIME_PRIV_LEVEL_MASK: u32 @ 0x009430, rw, pure, all {
        /// Whether the CPU (level 0) may write TIME_0 and TIME_1.
        WRITE_PROTECTION_LEVEL0 4:4 { DISABLE = 0, ENABLE = 1 },
    }

    /// Interrupt vector of the countdown: 148. Source: OGD tu104 and ga100 dev_timer. [H]
    /// The manuals give no access code for it.
    NV_PTIMER_TIMER_INTR_VECTOR: u32 @ 0x009440, ro, pure, all {
        /// The vector.
        ID 7:0 { VALUE = 148 },
    }

    /// Tick rate that the graphics engine receives for its time stamps.
    /// Source: OGD tu104 dev_timer, OGKM gm107 dev_timer.h. [H] OGKM writes it on Turing to Ada only.
    NV_PTIMER_GR_TICK_FREQ: u32 @ 0x009480, rw, pure, all {
        /// Step of the rate.
        SELECT 2:0 { MAX = 0, DEFAULT = 5, MIN = 7 },
    }

    /// Clock gating of the timer itself. Source: OGD ga100 dev_timer. [H]
    NV_PTIMER_PRI_TMR_CG1: u32 @ 0x009600, rw, pure, ga100 {
        /// Gates the monitor.
        MONITOR_CG_EN 0:0 { DISABLED = 0, ENABLED = 1 },
        /// Second-level clock gating.
        SLCG 1:1 { ENABLED = 0, DISABLED = 1 },
    }

    /// Countdown of each virtual function, in ns. Source: OGKM turing/tu102 dev_timer.h. [H]
    /// The header does not say how many there are: 16 is a guess.
    NV_PTIMER_VF_TIMER[16; 4]: u32 @ 0x009800, rw, pure, turing {
        /// Remaining nanoseconds.
        NSEC 31:0,
    }
}
