//! PGC6, the island that stays powered in deep sleep: boot progress, memory size, the secure timer.
//!
//! Range 0x118000 to 0x118FFF.

use crate::bus::registers;

registers! {
    /// Scratch in which firmware tells how far a boot or resume has come.
    /// Source: nova-core regs.rs and gsp/sequencer.rs, nouveau. [H]
    NV_PGC6_BSI_SECURE_SCRATCH_14: u32 @ 0x1180f8, ro, pure, all {
        /// The boot firmware has handed over; the GSP sequencer waits for it on resume.
        BOOT_STAGE_3_HANDOFF 26:26 { VALUE_INIT = 0, VALUE_DONE = 1 },
    }

    /// Scratch that tells whether memory has been scrubbed. Source: nouveau, OGKM. [H]
    NV_PGC6_BSI_SECURE_SCRATCH_15: u32 @ 0x1180fc, ro, pure, all {
        /// Progress of the scrubber.
        SCRUBBER_HANDOFF 31:29 { DONE = 3 },
    }

    /// Who may read scratch group 5, a priv level mask. Look here before trusting GFW's progress; all-ones
    /// passes as well. Source: nova-core regs.rs, OGKM turing/tu102 dev_gc6_island.h. [H]
    NV_PGC6_AON_SECURE_SCRATCH_GROUP_05_PRIV_LEVEL_MASK: u32 @ 0x118128, ro, pure, pre_hopper {
        /// Whether the CPU (level 0) may read the group.
        READ_PROTECTION_LEVEL0 0:0 { DISABLE = 0, ENABLE = 1 },
    }

    /// Scratch group 3, word 0: size of the WPR that the VBIOS shall set up for FRTS. Source: OGKM tu102,
    /// ga102 and gh100 dev_gc6_island_addendum.h. [H] Assumed for the chips between and after.
    NV_PGC6_AON_SECURE_SCRATCH_GROUP_03: u32 @ 0x118214, rw, pure, all {
        /// Size in units of 4 KiB.
        WPR_SIZE 15:0 { SIZE_1MB_IN_4K = 0x100 },
    }

    /// Scratch group 5, word 0: progress of GFW, the firmware that boots the GPU. Complete at 0xFF in the low
    /// byte; gpu-admin-tools waits for the whole word to be 0x3FF. Source: nova-core regs.rs, OGKM
    /// dev_gc6_island_addendum.h. [H]
    NV_PGC6_AON_SECURE_SCRATCH_GROUP_05: u32 @ 0x118234, ro, pure, pre_hopper {
        /// How far it is.
        GFW_BOOT_PROGRESS 7:0 { NOT_STARTED = 0, COMPLETED = 0xFF },
    }

    /// Scratch group 42: usable size of video memory, in MiB.
    /// Source: OGKM ga102 dev_gc6_island.h, nova-core regs.rs. [H]
    NV_PGC6_AON_SECURE_SCRATCH_GROUP_42: u32 @ 0x1183a4, ro, pure, ga102_up {
        /// MiB.
        VALUE 31:0,
    }

    /// Usable size of video memory, in MiB, by the name that firmware gives the scratch word.
    /// Alias of `NV_PGC6_AON_SECURE_SCRATCH_GROUP_42`. Source: OGKM ga102 dev_gc6_island_addendum.h. [H]
    NV_USABLE_FB_SIZE_IN_MB: u32 @ 0x1183a4, ro, pure, ga102_up {
        /// MiB.
        VALUE 31:0,
    }

    /// Offset of system time to the secure timer, low word, in ns. Writing it with UPDATE takes up both
    /// halves, so it comes last. Source: OGKM hopper/gh100 dev_gc6_island.h, timer_gh100.c. [H] The sequence
    /// is read in one driver only.
    NV_PGC6_SCI_SYS_TIMER_OFFSET_0: u32 @ 0x118df4, rw, pure, hopper_up {
        /// Write 1 to take up the offset; reads 0 when that is done.
        UPDATE 0:0 { DONE = 0, TRIGGER = 1 },
        /// Nanoseconds / 32.
        NSEC 31:5,
    }

    /// Offset of system time to the secure timer, high word. Write it first. Unit: 2^32 ns.
    /// Source: OGKM hopper/gh100 dev_gc6_island.h, timer_gh100.c. [H]
    NV_PGC6_SCI_SYS_TIMER_OFFSET_1: u32 @ 0x118df8, rw, pure, hopper_up {
        /// Units of 2^32 ns.
        NSEC 28:0,
    }

    /// Secure timer, low word, in ns. Read high, low, high. The header allows writing it, to whom is not
    /// known: drivers only read it. Source: OGKM hopper/gh100 dev_gc6_island.h, timer_gh100.c. [H]
    NV_PGC6_SCI_SEC_TIMER_TIME_0: u32 @ 0x118f54, ro, pure, hopper_up {
        /// Nanoseconds / 32.
        NSEC 31:5,
    }

    /// Secure timer, high word. Unit: 2^32 ns. Source: OGKM hopper/gh100 dev_gc6_island.h, timer_gh100.c. [H]
    NV_PGC6_SCI_SEC_TIMER_TIME_1: u32 @ 0x118f58, ro, pure, hopper_up {
        /// Units of 2^32 ns.
        NSEC 28:0,
    }
}
