//! The interrupt tree: leaves of 32 vectors, two leaves to a subtree, subtrees to the top.
//!
//! Vector `v` is bit `v % 32` of leaf `v / 32`; leaf `n` belongs to bit `n / 2` of the top. Turing to Ada
//! have 8 leaves, Hopper and Blackwell 16. The physical function sees its own tree at 0xB81000; the `NV_CTRL`
//! names are the same tree among those of all functions.

use crate::bus::registers;

registers! {
    /// Vector by which the physical function is told of a virtual function's interrupt: 130.
    /// Source: OGD tu104 and ga100 dev_ctrl. [H]
    NV_CTRL_VIRTUAL_INTR_VECTORID: u32 @ 0xb66874, ro, pure, all {
        /// The vector.
        VALUE 11:0 { CONSTANT = 130 },
    }

    /// Vector that a ring of the CPU's doorbell raises: 129. Source: OGD tu104 and ga100 dev_ctrl. [H]
    NV_CTRL_CPU_DOORBELL_VECTORID: u32 @ 0xb6687c, ro, pure, all {
        /// The vector.
        VALUE 11:0 { CONSTANT = 129 },
    }

    /// Vector from which the stalling interrupts of engines count: 192.
    /// Source: OGD tu104 and ga100 dev_ctrl, OGKM dev_ctrl.h. [H]
    NV_CTRL_LEGACY_ENGINE_STALL_INTR_BASE_VECTORID: u32 @ 0xb66880, ro, pure, all {
        /// The vector.
        VECTOR 11:0 { INIT = 192 },
    }

    /// Vector from which the non-stalling interrupts of engines count: 0.
    /// Source: OGD tu104 and ga100 dev_ctrl, OGKM dev_ctrl.h. [H]
    NV_CTRL_LEGACY_ENGINE_NONSTALL_INTR_BASE_VECTORID: u32 @ 0xb66884, ro, pure, all {
        /// The vector.
        VECTOR 11:0 { INIT = 0 },
    }

    /// Raises a vector of function i by software. Source: OGD tu104 and ga100 dev_ctrl. [H]
    NV_CTRL_CPU_INTR_LEAF_TRIGGER[64; 4]: u32 @ 0xb66c00, wo, effects, all {
        /// The vector.
        VECTOR 11:0,
    }

    /// Top of function i's tree; element 0 is the physical function's, the same as at 0xB81600.
    /// Source: OGD tu104 and ga100 dev_ctrl. [H]
    NV_CTRL_CPU_INTR_TOP[64; 4]: u32 @ 0xb73400, ro, pure, all {
        /// One bit per subtree.
        VALUE 31:0,
    }

    /// Enables subtrees of function i. Source: OGD tu104 and ga100 dev_ctrl. [H]
    NV_CTRL_CPU_INTR_TOP_EN_SET[64; 4]: u32 @ 0xb73800, w1s, pure, all {
        /// One bit per subtree.
        VALUE 31:0,
    }

    /// Disables subtrees of function i. Source: OGD tu104 and ga100 dev_ctrl. [H]
    NV_CTRL_CPU_INTR_TOP_EN_CLEAR[64; 4]: u32 @ 0xb73c00, w1c, pure, all {
        /// One bit per subtree.
        VALUE 31:0,
    }

    /// Leaves of all functions, 16 to each: leaf n of function i is element 16 i + n. A one written clears
    /// the bit. Source: OGD tu104 and ga100 dev_ctrl. [H]
    NV_CTRL_CPU_INTR_LEAF[1024; 4]: u32 @ 0xb74000, w1c, pure, all {
        /// One bit per vector.
        VALUE 31:0,
    }

    /// Enables vectors; elements as in `NV_CTRL_CPU_INTR_LEAF`. Source: OGD tu104 and ga100 dev_ctrl. [H]
    NV_CTRL_CPU_INTR_LEAF_EN_SET[1024; 4]: u32 @ 0xb78000, w1s, pure, all {
        /// One bit per vector.
        VALUE 31:0,
    }

    /// Disables vectors; elements as in `NV_CTRL_CPU_INTR_LEAF`. Source: OGD tu104 and ga100 dev_ctrl. [H]
    NV_CTRL_CPU_INTR_LEAF_EN_CLEAR[1024; 4]: u32 @ 0xb7c000, w1c, pure, all {
        /// One bit per vector.
        VALUE 31:0,
    }

    /// Pending vectors, latched; shown whether enabled or not. A one written clears the bit.
    /// 8 elements before Hopper, 16 from it on. Source: OGKM tu102, ga100, gb100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF[16; 4]: u32 @ 0xb81000, w1c, pure, all {
        /// One bit per vector.
        VALUE 31:0,
    }

    /// Enables vectors: a one written sets the bit; a read gives what is enabled. Resets to 0.
    /// 8 elements before Hopper, 16 from it on. Source: OGKM tu102, ga100, gb100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_SET[16; 4]: u32 @ 0xb81200, w1s, pure, all {
        /// One bit per vector.
        VALUE 31:0,
    }

    /// Disables vectors: a one written clears the enable; a read gives what is enabled.
    /// 8 elements before Hopper, 16 from it on. Source: OGKM tu102, ga100, gb100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_CLEAR[16; 4]: u32 @ 0xb81400, w1c, pure, all {
        /// One bit per vector.
        VALUE 31:0,
    }

    /// Subtrees with something pending: bit n stands for leaves 2n and 2n+1. NVIDIA writes it, and the
    /// enables below, as an array of one. That it counts enabled vectors only is inferred. Source: OGKM
    /// tu102, ga100, gb100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP: u32 @ 0xb81600, ro, pure, all {
        /// One bit per subtree.
        VALUE 31:0,
    }

    /// Enables subtrees: a one written sets the bit; a read gives what is enabled. Resets to 0.
    /// Source: OGKM tu102, ga100, gb100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_SET: u32 @ 0xb81608, w1s, pure, all {
        /// One bit per subtree.
        VALUE 31:0,
    }

    /// Disables subtrees: a one written clears the enable; a read gives what is enabled.
    /// Source: OGKM tu102, ga100, gb100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_CLEAR: u32 @ 0xb81610, w1c, pure, all {
        /// One bit per subtree.
        VALUE 31:0,
    }

    /// Raises a vector by software. Source: OGKM tu102, ga100, gb100 dev_vm.h. [H]
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER: u32 @ 0xb81640, wo, effects, all {
        /// The vector.
        VECTOR 11:0,
    }

    /// Counts interrupts, by our notes on OGKM's dev_vm.h; a second look did not find it. What it counts, and
    /// whether a read resets it, is not known. Source: OGKM dev_vm.h. [D]
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_COUNT: u32 @ 0xb81644, ro, effects, all {
        /// The count.
        VALUE 31:0,
    }
}
