//! The second register page of a falcon: boot ROM parameters (PFALCON2) and the RISC-V core (PRISCV).
//!
//! Where a register of the same name stands elsewhere on Turing and GA100, the older one has the suffix
//! `_TU102`.

use crate::bus::{Instance, registers};
use crate::chip::FamilySet;
use crate::chip::family::sets;

/// The unit that the registers of this file are relative to.
#[derive(Debug)]
pub enum Falcon2 {}

/// The second page of the GSP falcon.
pub const GSP: Instance<Falcon2> = Instance::new("GSP", 0x111000);
/// The second page of the SEC2 falcon.
pub const SEC2: Instance<Falcon2> = Instance::new("SEC2", 0x841000);
/// The second page of the FSP falcon.
pub const FSP: Instance<Falcon2> = Instance::new("FSP", 0x8f3000);
/// The second page of the first video decoder's falcon on Ampere. Not where the others have it, by the GA102
/// header.
pub const NVDEC0_GA100: Instance<Falcon2> = Instance::new("NVDEC0_GA100", 0x849c00);

impl Falcon2 {
    pub(crate) const INSTANCES: &'static [(&'static str, u32)] = &[
        (GSP.name(), GSP.base()),
        (SEC2.name(), SEC2.base()),
        (FSP.name(), FSP.base()),
        (NVDEC0_GA100.name(), NVDEC0_GA100.base()),
    ];
}

/// On which families the page of the falcon called `instance` stands at its base, as far as is known.
pub(super) fn families(instance: &str) -> FamilySet {
    match instance {
        "FSP" => sets::hopper_up,
        "NVDEC0_GA100" => sets::ampere_ada,
        _ => sets::all,
    }
}

registers! {
    /// Algorithm the boot ROM checks signatures with. Source: OGKM ga102 dev_falcon_second_pri.h. [H]
    NV_PFALCON2_FALCON_MOD_SEL: u32 @ Falcon2 + 0x180, rw, pure, ga102_up {
        /// The algorithm. AES is from nova-core.
        ALGO 7:0 { AES = 0, RSA3K = 1 },
    }

    /// Which microcode the boot ROM shall check. Source: OGKM ga102 dev_falcon_second_pri.h. [H]
    NV_PFALCON2_FALCON_BROM_CURR_UCODE_ID: u32 @ Falcon2 + 0x198, rw, pure, ga102_up {
        /// Its id.
        VAL 7:0,
    }

    /// Engines the microcode is signed for. Source: OGKM ga102 dev_falcon_second_pri.h. [H]
    NV_PFALCON2_FALCON_BROM_ENGIDMASK: u32 @ Falcon2 + 0x19c, rw, pure, ga102_up {
        /// One bit per engine.
        VALUE 31:0,
    }

    /// Where in data memory the signature is. NVIDIA writes it as an array of unknown size; this is element
    /// 0. Source: OGKM ga102 dev_falcon_second_pri.h, nova-core regs.rs. [H]
    NV_PFALCON2_FALCON_BROM_PARAADDR: u32 @ Falcon2 + 0x210, rw, pure, ga102_up {
        /// Byte address.
        VALUE 31:0,
    }

    /// Whether the RISC-V core has taken over. Source: OGKM tu102 dev_riscv_pri.h. [H]
    NV_PRISCV_RISCV_CORE_SWITCH_RISCV_STATUS: u32 @ Falcon2 + 0x240, ro, pure, turing_ga100 {
        /// The core is active.
        ACTIVE_STAT 0:0 { INACTIVE = 0, ACTIVE = 1 },
    }

    /// Control of the RISC-V core on Turing and GA100; its fields were not read. Source: nouveau. [D]
    NV_PRISCV_RISCV_CPUCTL_TU102: u32 @ Falcon2 + 0x268, rw, pure, turing_ga100 {
        /// The word.
        VALUE 31:0,
    }

    /// Interrupts enabled towards the RISC-V core, on Turing and GA100.
    /// Source: OGKM tu102 dev_riscv_pri.h. [H]
    NV_PRISCV_RISCV_IRQMASK_TU102: u32 @ Falcon2 + 0x2b4, ro, pure, turing_ga100 {
        /// Bits as in `NV_PFALCON_FALCON_IRQSTAT`.
        VALUE 31:0,
    }

    /// Where each interrupt goes, on Turing and GA100. Source: OGKM tu102 dev_riscv_pri.h. [H]
    NV_PRISCV_RISCV_IRQDEST_TU102: u32 @ Falcon2 + 0x2b8, rw, pure, turing_ga100 {
        /// Bits as in `NV_PFALCON_FALCON_IRQSTAT`.
        VALUE 31:0,
    }

    /// Control and state of the RISC-V core.
    /// Source: OGKM ga102 dev_riscv_pri.h; HALTED from nova-core regs.rs. [H]
    NV_PRISCV_RISCV_CPUCTL: u32 @ Falcon2 + 0x388, rw, pure, ga102_up {
        /// The core has halted.
        HALTED 4:4 { FALSE = 0, TRUE = 1 },
        /// The core is active. All-ones passes for it.
        ACTIVE_STAT 7:7 { INACTIVE = 0, ACTIVE = 1 },
    }

    /// Interrupts enabled towards the RISC-V core. Source: OGKM ga102 dev_riscv_pri.h, nouveau. [H]
    NV_PRISCV_RISCV_IRQMASK: u32 @ Falcon2 + 0x528, ro, pure, ga102_up {
        /// Bits as in `NV_PFALCON_FALCON_IRQSTAT`.
        VALUE 31:0,
    }

    /// Where each interrupt goes. Source: OGKM ga102 dev_riscv_pri.h. [H]
    NV_PRISCV_RISCV_IRQDEST: u32 @ Falcon2 + 0x52c, rw, pure, ga102_up {
        /// Bits as in `NV_PFALCON_FALCON_IRQSTAT`.
        VALUE 31:0,
    }

    /// Which core runs after a reset, and the boot ROM's fetch. Source: OGKM ga102 dev_riscv_pri.h. [H]
    NV_PRISCV_RISCV_BCR_CTRL: u32 @ Falcon2 + 0x668, rw, pure, ga102_up {
        /// The selection has taken effect; read only.
        VALID 0:0 { FALSE = 0, TRUE = 1 },
        /// The core.
        CORE_SELECT 4:4 { FALCON = 0, RISCV = 1 },
        /// The boot ROM fetches the program.
        BRFETCH 8:8 { FALSE = 0, TRUE = 1 },
    }
}
