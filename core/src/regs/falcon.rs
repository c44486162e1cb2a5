//! Falcon, the microcontroller: one register block per engine that has one.
//!
//! The registers stand relative to an instance: `GSP.of(NV_PFALCON_FALCON_MAILBOX0)`, or for an array
//! `NV_PFALCON_FALCON_IMEMD.at(GSP, 0)`. The second page of an instance is in [`super::riscv`].

use crate::bus::{Instance, registers};
use crate::chip::FamilySet;
use crate::chip::family::sets;

/// The unit that the registers of this file are relative to.
#[derive(Debug)]
pub enum Falcon {}

/// The GSP falcon, which runs the resource manager's firmware.
pub const GSP: Instance<Falcon> = Instance::new("GSP", 0x110000);
/// The SEC2 falcon, which runs the Booter.
pub const SEC2: Instance<Falcon> = Instance::new("SEC2", 0x840000);
/// The FSP falcon of Hopper and later, the root of trust.
pub const FSP: Instance<Falcon> = Instance::new("FSP", 0x8f2000);
/// The power management unit's falcon.
pub const PMU: Instance<Falcon> = Instance::new("PMU", 0x10a000);
/// The first video decoder's falcon on Turing; nouveau runs the memory scrubber on it.
pub const NVDEC0_TU102: Instance<Falcon> = Instance::new("NVDEC0_TU102", 0x830000);
/// The first video decoder's falcon on Ampere.
pub const NVDEC0_GA100: Instance<Falcon> = Instance::new("NVDEC0_GA100", 0x848000);

impl Falcon {
    pub(crate) const INSTANCES: &'static [(&'static str, u32)] = &[
        (GSP.name(), GSP.base()),
        (SEC2.name(), SEC2.base()),
        (FSP.name(), FSP.base()),
        (PMU.name(), PMU.base()),
        (NVDEC0_TU102.name(), NVDEC0_TU102.base()),
        (NVDEC0_GA100.name(), NVDEC0_GA100.base()),
    ];
}

/// On which families the falcon called `instance` stands at its base, as far as is known.
pub(super) fn families(instance: &str) -> FamilySet {
    match instance {
        "FSP" => sets::hopper_up,
        "NVDEC0_TU102" => sets::turing,
        "NVDEC0_GA100" => sets::ampere_ada,
        _ => sets::all,
    }
}

registers! {
    /// Clears the falcon's interrupts: a one written clears.
    /// Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_IRQSCLR: u32 @ Falcon + 0x004, wo, effects, all {
        /// The core has halted.
        HALT 4:4,
        /// First software interrupt: GSP has a message.
        SWGEN0 6:6,
        /// Second software interrupt.
        SWGEN1 7:7,
    }

    /// Pending interrupts of the falcon. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_IRQSTAT: u32 @ Falcon + 0x008, ro, pure, all {
        /// The core has halted.
        HALT 4:4 { FALSE = 0, TRUE = 1 },
        /// First software interrupt: GSP has a message.
        SWGEN0 6:6 { FALSE = 0, TRUE = 1 },
        /// Second software interrupt.
        SWGEN1 7:7 { FALSE = 0, TRUE = 1 },
    }

    /// Level or edge, per interrupt. Source: envytools falcon docs; not in OGKM's headers. [E]
    NV_PFALCON_FALCON_IRQMODE: u32 @ Falcon + 0x00c, rw, pure, all {
        /// One bit per interrupt.
        VALUE 31:0,
    }

    /// Enables interrupts: a one written sets the mask bit. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_IRQMSET: u32 @ Falcon + 0x010, wo, effects, all {
        /// One bit per interrupt.
        VALUE 31:0,
    }

    /// Disables interrupts: a one written clears the mask bit.
    /// Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_IRQMCLR: u32 @ Falcon + 0x014, wo, effects, all {
        /// One bit per interrupt.
        VALUE 31:0,
    }

    /// Enabled interrupts. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_IRQMASK: u32 @ Falcon + 0x018, ro, pure, all {
        /// One bit per interrupt.
        VALUE 31:0,
    }

    /// Where each interrupt goes: to the falcon itself or to the host.
    /// Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_IRQDEST: u32 @ Falcon + 0x01c, rw, pure, all {
        /// Bits per interrupt.
        VALUE 31:0,
    }

    /// First mailbox: arguments in, result out. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_MAILBOX0: u32 @ Falcon + 0x040, rw, pure, all {
        /// The word.
        VALUE 31:0,
    }

    /// Second mailbox. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_MAILBOX1: u32 @ Falcon + 0x044, rw, pure, all {
        /// The word.
        VALUE 31:0,
    }

    /// Scratch: the driver leaves the version of GSP's bootloader here.
    /// Source: OGKM dev_falcon_v4.h, nova-core. [H]
    NV_PFALCON_FALCON_OS: u32 @ Falcon + 0x080, rw, pure, all {
        /// The word.
        VALUE 31:0,
    }

    /// Scratch: the driver leaves BOOT_0 here after a reset. Source: OGKM dev_falcon_v4.h, nova-core. [H]
    NV_PFALCON_FALCON_RM: u32 @ Falcon + 0x084, rw, pure, all {
        /// The word.
        VALUE 31:0,
    }

    /// Scratch that firmware leaves a debug word in. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_DEBUGINFO: u32 @ Falcon + 0x094, rw, pure, all {
        /// The word.
        VALUE 31:0,
    }

    /// What the falcon has and what state its hardware is in. A PRI error pattern 0xBADF41xx, or 0, here
    /// means that the unit is still locked.
    /// Source: OGKM ga102 dev_falcon_v4.h; bits 13 and 31 from nova-core regs.rs. [H]
    NV_PFALCON_FALCON_HWCFG2: u32 @ Falcon + 0x0f4, ro, pure, all {
        /// There is a RISC-V core beside the falcon.
        RISCV 10:10 { DISABLE = 0, ENABLE = 1 },
        /// The memories are being scrubbed after a reset. GA102 and later.
        MEM_SCRUBBING 12:12 { DONE = 0, PENDING = 1 },
        /// The boot ROM keeps others out.
        RISCV_BR_PRIV_LOCKDOWN 13:13 { UNLOCKED = 0, LOCKED = 1 },
        /// Ready for a reset. GA102 and later.
        RESET_READY 31:31 { FALSE = 0, TRUE = 1 },
    }

    /// Starts the core, tells when it has halted. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_CPUCTL: u32 @ Falcon + 0x100, rw, pure, all {
        /// Write 1 to start.
        STARTCPU 1:1 { FALSE = 0, TRUE = 1 },
        /// The core has halted; read only.
        HALTED 4:4 { FALSE = 0, TRUE = 1 },
        /// Start through `NV_PFALCON_FALCON_CPUCTL_ALIAS` instead.
        ALIAS_EN 6:6 { FALSE = 0, TRUE = 1 },
    }

    /// Where the core starts, in its instruction memory. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_BOOTVEC: u32 @ Falcon + 0x104, rw, pure, all {
        /// Byte address.
        VEC 31:0,
    }

    /// Sizes of the memories. Source: OGKM tu102 and ga102 dev_falcon_v4.h; the data memory's from nouveau alone. [H]
    NV_PFALCON_FALCON_HWCFG: u32 @ Falcon + 0x108, ro, pure, all {
        /// Instruction memory, in units of 256 bytes.
        IMEM_SIZE 8:0,
        /// Data memory, in units of 256 bytes.
        DMEM_SIZE 17:9,
    }

    /// DMA and scrub control. Source: OGKM tu102 dev_falcon_v4.h; bits 7:3 from nova-core regs.rs. [H]
    NV_PFALCON_FALCON_DMACTL: u32 @ Falcon + 0x10c, rw, pure, all {
        /// Refuse DMA without a bound context.
        REQUIRE_CTX 0:0 { FALSE = 0, TRUE = 1 },
        /// Data memory is being scrubbed; read only.
        DMEM_SCRUBBING 1:1 { DONE = 0, PENDING = 1 },
        /// Instruction memory is being scrubbed; read only.
        IMEM_SCRUBBING 2:2 { DONE = 0, PENDING = 1 },
        /// Queued transfers.
        DMAQ_NUM 6:3,
        /// Secure state.
        SECURE_STAT 7:7,
    }

    /// Source of a transfer, address bits 39:8. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_DMATRFBASE: u32 @ Falcon + 0x110, rw, pure, all {
        /// Address / 256.
        BASE 31:0,
    }

    /// Destination of a transfer in the falcon's memory. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_DMATRFMOFFS: u32 @ Falcon + 0x114, rw, pure, all {
        /// Byte offset; only 16 bits wide on Turing.
        OFFS 23:0,
    }

    /// Starts a transfer and tells its state. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_DMATRFCMD: u32 @ Falcon + 0x118, rw, pure, all {
        /// The queue takes no more; read only.
        FULL 0:0 { FALSE = 0, TRUE = 1 },
        /// Nothing under way; read only. All-ones passes for idle.
        IDLE 1:1 { FALSE = 0, TRUE = 1 },
        /// Security of the instruction memory loaded.
        SEC 3:2,
        /// Which memory.
        IMEM 4:4 { FALSE = 0, TRUE = 1 },
        /// Direction: out of the falcon.
        WRITE 5:5 { FALSE = 0, TRUE = 1 },
        /// Length: 4 << SIZE bytes. That of 0 to 5 is from envytools; NVIDIA names 256 only.
        SIZE 10:8 { SIZE_256B = 6 },
        /// DMA context.
        CTXDMA 14:12,
        /// Sets the tag of data memory.
        SET_DMTAG 16:16 { FALSE = 0, TRUE = 1 },
    }

    /// Offset of a transfer from the source's base. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_DMATRFFBOFFS: u32 @ Falcon + 0x11c, rw, pure, all {
        /// Byte offset.
        OFFS 31:0,
    }

    /// Source of a transfer, address bits from 40 on. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_DMATRFBASE1: u32 @ Falcon + 0x128, rw, pure, all {
        /// Address >> 40.
        BASE 8:0,
    }

    /// Core revision and security. Source: nova-core regs.rs, nouveau. [H]
    NV_PFALCON_FALCON_HWCFG1: u32 @ Falcon + 0x12c, ro, pure, all {
        /// Revision, 1 to 7.
        CORE_REV 3:0,
        /// How the core is secured.
        SECURITY_MODEL 5:4 { NONE = 0, LIGHT = 2, HEAVY = 3 },
        /// Second part of the revision.
        CORE_REV_SUBVERSION 7:6,
    }

    /// Starts the core where `NV_PFALCON_FALCON_CPUCTL` says ALIAS_EN. GA102 has it write only, Turing
    /// readable. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_CPUCTL_ALIAS: u32 @ Falcon + 0x130, wo, effects, all {
        /// Write 1 to start.
        STARTCPU 1:1 { FALSE = 0, TRUE = 1 },
    }

    /// Address for the instruction memory's data port.
    /// Source: OGKM tu102 and ga102 dev_falcon_v4.h; AINCR from envytools. [H]
    NV_PFALCON_FALCON_IMEMC[4; 16]: u32 @ Falcon + 0x180, rw, pure, all {
        /// Byte offset in a block.
        OFFS 7:2,
        /// Block of 256 bytes; only up to bit 15 on Turing.
        BLK 23:8,
        /// Count up after each write.
        AINCW 24:24 { FALSE = 0, TRUE = 1 },
        /// Count up after each read.
        AINCR 25:25 { FALSE = 0, TRUE = 1 },
        /// Mark the block as secure.
        SECURE 28:28 { FALSE = 0, TRUE = 1 },
    }

    /// Data port of the instruction memory; the address counts up.
    /// Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_IMEMD[4; 16]: u32 @ Falcon + 0x184, rw, effects, all {
        /// The word.
        DATA 31:0,
    }

    /// Tag of the block being written, its address / 256 in the program.
    /// Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_IMEMT[4; 16]: u32 @ Falcon + 0x188, rw, effects, all {
        /// The tag.
        TAG 15:0,
    }

    /// Address for the data memory's data port.
    /// Source: OGKM tu102 and ga102 dev_falcon_v4.h; AINCR from nouveau. [H]
    NV_PFALCON_FALCON_DMEMC[8; 8]: u32 @ Falcon + 0x1c0, rw, pure, all {
        /// Byte offset in a block.
        OFFS 7:2,
        /// Block of 256 bytes; only up to bit 15 on Turing.
        BLK 23:8,
        /// Count up after each write.
        AINCW 24:24 { FALSE = 0, TRUE = 1 },
        /// Count up after each read.
        AINCR 25:25 { FALSE = 0, TRUE = 1 },
    }

    /// Data port of the data memory; the address counts up. Source: OGKM tu102 and ga102 dev_falcon_v4.h. [H]
    NV_PFALCON_FALCON_DMEMD[8; 8]: u32 @ Falcon + 0x1c4, rw, effects, all {
        /// The word.
        DATA 31:0,
    }

    /// Resets the whole engine. Source: OGKM tu102 and gh100 dev_gsp.h, nova-core regs.rs. [H]
    NV_PFALCON_FALCON_ENGINE: u32 @ Falcon + 0x3c0, rw, pure, all {
        /// Held in reset.
        RESET 0:0 { DEASSERT = 0, ASSERT = 1 },
        /// Progress of the reset; read only, read for Hopper.
        RESET_STATUS 10:8 { ASSERTED = 0, DEASSERTED = 2 },
    }

    /// Raises the interrupt again if something is still pending.
    /// Source: OGKM ga102 dev_falcon_v4.h, nouveau. [H]
    NV_PFALCON_FALCON_INTR_RETRIGGER[2; 4]: u32 @ Falcon + 0x3e8, wo, effects, ga100_up {
        /// Write 1.
        TRIGGER 0:0 { TRUE = 1 },
    }

    /// Where each DMA context reaches. Source: OGKM ga102 dev_fbif_v4.h, nova-core regs.rs. [H]
    NV_PFALCON_FBIF_TRANSCFG[8; 4]: u32 @ Falcon + 0x600, rw, pure, all {
        /// Memory.
        TARGET 1:0 { LOCAL_FB = 0, COHERENT_SYSMEM = 1, NONCOHERENT_SYSMEM = 2 },
        /// Translation.
        MEM_TYPE 2:2 { VIRTUAL = 0, PHYSICAL = 1 },
    }

    /// Control of the falcon's memory interface. Source: OGKM ga102 dev_fbif_v4.h, nova-core regs.rs. [H]
    NV_PFALCON_FBIF_CTL: u32 @ Falcon + 0x624, rw, pure, all {
        /// Allow physical addresses without a context.
        ALLOW_PHYS_NO_CTX 7:7 { DISALLOW = 0, ALLOW = 1 },
    }

    /// Address for the external memory's data port, eight ports; not every falcon has the memory. NVIDIA
    /// prefixes it with the engine: NV_PFSP_EMEMC. Source: OGKM gh100 dev_fsp_pri.h, nova-core regs.rs. [H]
    NV_PFALCON_FALCON_EMEMC[8; 8]: u32 @ Falcon + 0xac0, rw, pure, all {
        /// Byte offset in a block.
        OFFS 7:2,
        /// Block of 256 bytes.
        BLK 15:8,
        /// Count up after each write.
        AINCW 24:24 { FALSE = 0, TRUE = 1 },
        /// Count up after each read.
        AINCR 25:25 { FALSE = 0, TRUE = 1 },
    }

    /// Data port of the external memory; the address counts up.
    /// Source: OGKM gh100 dev_fsp_pri.h, nova-core regs.rs. [H]
    NV_PFALCON_FALCON_EMEMD[8; 8]: u32 @ Falcon + 0xac4, rw, effects, all {
        /// The word.
        DATA 31:0,
    }
}
