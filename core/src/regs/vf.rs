//! The virtual-function registers: what a guest sees in its own BAR0, and the physical function sees from
//! 0xB80000.
//!
//! A virtual function's offset plus 0xB80000 is the offset here. The interrupt tree of the same block is in
//! [`super::intr`]. `NV_USERMODE` is the older window on the part meant for user mode.

use crate::bus::registers;

registers! {
    /// Which user-mode class the window behaves as. Source: OGD tu104 dev_usermode. [H]
    NV_USERMODE_CFG0: u32 @ 0x810000, ro, pure, turing {
        /// Class number. The TU104 manual still gives Volta's.
        USERMODE_CLASS_ID 15:0 { VOLTA_USERMODE_A = 0xC461 },
    }

    /// Nanoseconds, low word, in the user-mode window of Volta and Turing; the same count as
    /// `NV_PTIMER_TIME_0`. Source: OGKM volta/gv100 dev_usermode.h, OGD tu104 dev_usermode. [H]
    NV_USERMODE_TIME_0: u32 @ 0x810080, ro, pure, turing {
        /// Nanoseconds / 32.
        NSEC 31:5,
    }

    /// Nanoseconds, high word, in the user-mode window of Volta and Turing. Unit: 2^32 ns.
    /// Source: OGKM volta/gv100 dev_usermode.h, OGD tu104 dev_usermode. [H]
    NV_USERMODE_TIME_1: u32 @ 0x810084, ro, pure, turing {
        /// Units of 2^32 ns.
        NSEC 28:0,
    }

    /// Tells a channel that it has work: its handle, which only RM knows how to make, is written here.
    /// Source: OGD tu104 dev_usermode. [H]
    NV_USERMODE_NOTIFY_CHANNEL_PENDING: u32 @ 0x810090, wo, effects, turing {
        /// The handle.
        HANDLE 31:0,
    }

    /// Where BAR1's page tables are: instance block and aperture. Source: nouveau bar/tu102.c. [D]
    NV_VIRTUAL_FUNCTION_PRIV_FUNC_BAR1_BLOCK: u32 @ 0xb80f40, rw, pure, pre_hopper {
        /// Address of the instance block / 4 KiB.
        PTR 27:0,
        /// Memory the instance block is in.
        TARGET 29:28 { VID_MEM = 0, SYS_MEM_COHERENT = 2, SYS_MEM_NONCOHERENT = 3 },
        /// Whether BAR1 is translated.
        MODE 31:31 { PHYSICAL = 0, VIRTUAL = 1 },
    }

    /// Where BAR2's page tables are: instance block and aperture. Source: nouveau bar/tu102.c. [D]
    NV_VIRTUAL_FUNCTION_PRIV_FUNC_BAR2_BLOCK: u32 @ 0xb80f48, rw, pure, pre_hopper {
        /// Address of the instance block / 4 KiB.
        PTR 27:0,
        /// Memory the instance block is in.
        TARGET 29:28 { VID_MEM = 0, SYS_MEM_COHERENT = 2, SYS_MEM_NONCOHERENT = 3 },
        /// Whether BAR2 is translated.
        MODE 31:31 { PHYSICAL = 0, VIRTUAL = 1 },
    }

    /// Whether a new BAR1 or BAR2 block is still being taken up. Source: nouveau bar/tu102.c. [D]
    NV_VIRTUAL_FUNCTION_PRIV_FUNC_BIND_STATUS: u32 @ 0xb80f50, ro, pure, pre_hopper {
        /// BAR1's bind has not begun.
        BAR1_PENDING 0:0 { EMPTY = 0, BUSY = 1 },
        /// BAR1's bind is under way.
        BAR1_OUTSTANDING 1:1 { FALSE = 0, TRUE = 1 },
        /// BAR2's bind has not begun.
        BAR2_PENDING 2:2 { EMPTY = 0, BUSY = 1 },
        /// BAR2's bind is under way.
        BAR2_OUTSTANDING 3:3 { FALSE = 0, TRUE = 1 },
    }

    /// Where BAR1's page tables are, low half, with the state of the bind.
    /// Source: OGKM hopper/gh100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_FUNC_BAR1_BLOCK_LOW_ADDR: u32 @ 0xb80f60, rw, pure, hopper_up {
        /// The bind has not begun; read only.
        BAR1_PENDING 0:0 { EMPTY = 0, BUSY = 1 },
        /// The bind is under way; read only.
        BAR1_OUTSTANDING 1:1 { FALSE = 0, TRUE = 1 },
        /// Whether BAR1 is translated.
        MODE 9:9 { PHYSICAL = 0, VIRTUAL = 1 },
        /// Memory the instance block is in.
        TARGET 11:10 { VID_MEM = 0, SYS_MEM_COHERENT = 2, SYS_MEM_NONCOHERENT = 3 },
        /// Address of the instance block / 4 KiB, low part.
        PTR 31:12,
    }

    /// Where BAR1's page tables are: address bits from 32 up. Source: OGKM hopper/gh100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_FUNC_BAR1_BLOCK_HIGH_ADDR: u32 @ 0xb80f64, rw, pure, hopper_up {
        /// Upper address.
        PTR 31:0,
    }

    /// Where BAR2's page tables are, low half, with the state of the bind.
    /// Source: OGKM hopper/gh100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_FUNC_BAR2_BLOCK_LOW_ADDR: u32 @ 0xb80f70, rw, pure, hopper_up {
        /// The bind has not begun; read only.
        BAR2_PENDING 0:0 { EMPTY = 0, BUSY = 1 },
        /// The bind is under way; read only.
        BAR2_OUTSTANDING 1:1 { FALSE = 0, TRUE = 1 },
        /// Whether BAR2 is translated.
        MODE 9:9 { PHYSICAL = 0, VIRTUAL = 1 },
        /// Memory the instance block is in.
        TARGET 11:10 { VID_MEM = 0, SYS_MEM_COHERENT = 2, SYS_MEM_NONCOHERENT = 3 },
        /// Address of the instance block / 4 KiB, low part.
        PTR 31:12,
    }

    /// Where BAR2's page tables are: address bits from 32 up. Source: OGKM hopper/gh100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_FUNC_BAR2_BLOCK_HIGH_ADDR: u32 @ 0xb80f74, rw, pure, hopper_up {
        /// Upper address.
        PTR 31:0,
    }

    /// The function's countdown timer, in ns at a step of 1024 ns. Hopper and later have two: this is the
    /// first. Source: OGKM turing/tu102 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_TIMER: u32 @ 0xb82300, rw, pure, all {
        /// Remaining time / 1024 ns.
        USEC 31:10,
    }

    /// The second countdown timer of Hopper and later, element 1 of NVIDIA's array, in ns at a step of 1024
    /// ns. Source: OGKM hopper/gh100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_TIMER_1: u32 @ 0xb82304, rw, pure, hopper_up {
        /// Remaining time / 1024 ns.
        USEC 31:10,
    }

    /// Which user-mode class the window behaves as. Source: OGKM ga100 and gb100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_CFG0: u32 @ 0xbb0000, ro, pure, all {
        /// Class number. GB100 reports Hopper's.
        USERMODE_CLASS_ID 15:0 { AMPERE_USERMODE_A = 0xC561, HOPPER_USERMODE_A = 0xC661 },
    }

    /// Nanoseconds, low word; the same count as `NV_PTIMER_TIME_0` and the place NVIDIA's driver reads it
    /// from since Turing. Source: OGKM tu102, ga100, gb100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_TIME_0: u32 @ 0xbb0080, ro, pure, all {
        /// Nanoseconds / 32. The bits below read zero, on a chip that answers.
        NSEC 31:5,
    }

    /// Nanoseconds, high word. Source: OGKM tu102, ga100, gb100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_TIME_1: u32 @ 0xbb0084, ro, pure, all {
        /// Units of 2^32 ns. The bits above read zero, on a chip that answers.
        NSEC 28:0,
    }

    /// Tells a channel that it has work: the work-submit token is written here. Source: OGKM dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_DOORBELL: u32 @ 0xbb0090, wo, effects, all {
        /// The token.
        HANDLE 31:0,
    }
}
