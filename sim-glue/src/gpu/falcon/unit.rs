//! One falcon: its registers, and what they do to each other.

use nova_backends::model::Cells;
use nova_core::bus::{Offset, Register};
use nova_core::chip::Family;
use nova_core::chip::family::sets;
use nova_core::regs::{falcon as regs, riscv};

use super::super::SimConfig;
use super::super::timer::NEVER;
use super::SECOND_PAGE;
use super::dma::{Dma, DmaCounts, Link, Request};
use super::memory::{BLOCK, Bank, Memories, Part};

/// Size of each memory. Made up: the sizes of real chips are in no public log.
const MEMORY: u32 = 64 << 10;
/// Address bits of a port and of MOFFS.
const NARROW: u32 = 0xffff;
const WIDE: u32 = 0xff_ffff;
/// How long a core runs that was started without a program anybody knows, in ns: made up.
const RUN_NS: u64 = 10_000;
/// How long BCR_CTRL takes to become valid, in ns: made up.
const SELECT_NS: u64 = 1_000;

/// IRQSTAT: the core has halted.
const IRQ_HALT: u32 = 1 << 4;
/// DMACTL.
const REQUIRE_CTX: u32 = 1;
const SCRUBBING: u32 = 3 << 1;
/// CPUCTL.
const START: u32 = 1 << 1;
const HALTED: u32 = 1 << 4;
/// HWCFG2.
const HAS_RISCV: u32 = 1 << 10;
const MEM_SCRUBBING: u32 = 1 << 12;
const RESET_READY: u32 = 1 << 31;
/// ENGINE: RESET, and on Hopper and later RESET_STATUS DEASSERTED.
const RESET: u32 = 1;
const DEASSERTED: u32 = 2 << 8;
/// BCR_CTRL.
const VALID: u32 = 1;
const CORE_RISCV: u32 = 1 << 4;
/// FBIF_CTL.
const ALLOW_PHYS_NO_CTX: u32 = 1 << 7;
/// FBIF_TRANSCFG: coherent or not, system memory is system memory; physical. Video memory and translation are not
/// simulated.
const SYSTEM_MEMORY: [u32; 2] = [1 | 1 << 2, 2 | 1 << 2];

/// Scratch registers and the setup of transfers, which a reset clears: that it clears the scratch registers as well is
/// inferred from nova-core writing RM after each.
const CLEARED: [u32; 11] = [
    place(regs::NV_PFALCON_FALCON_MAILBOX0),
    place(regs::NV_PFALCON_FALCON_MAILBOX1),
    place(regs::NV_PFALCON_FALCON_OS),
    place(regs::NV_PFALCON_FALCON_RM),
    place(regs::NV_PFALCON_FALCON_DEBUGINFO),
    place(regs::NV_PFALCON_FALCON_BOOTVEC),
    BASE,
    MOFFS,
    FBOFFS,
    BASE1,
    FBIF_CTL,
];
const IRQSCLR: u32 = place(regs::NV_PFALCON_FALCON_IRQSCLR);
const IRQSTAT: u32 = place(regs::NV_PFALCON_FALCON_IRQSTAT);
const IRQMSET: u32 = place(regs::NV_PFALCON_FALCON_IRQMSET);
const IRQMCLR: u32 = place(regs::NV_PFALCON_FALCON_IRQMCLR);
const IRQMASK: u32 = place(regs::NV_PFALCON_FALCON_IRQMASK);
const HWCFG: u32 = place(regs::NV_PFALCON_FALCON_HWCFG);
const HWCFG2: u32 = place(regs::NV_PFALCON_FALCON_HWCFG2);
const CPUCTL: u32 = place(regs::NV_PFALCON_FALCON_CPUCTL);
const DMACTL: u32 = place(regs::NV_PFALCON_FALCON_DMACTL);
const BASE: u32 = place(regs::NV_PFALCON_FALCON_DMATRFBASE);
const BASE1: u32 = place(regs::NV_PFALCON_FALCON_DMATRFBASE1);
const MOFFS: u32 = place(regs::NV_PFALCON_FALCON_DMATRFMOFFS);
const FBOFFS: u32 = place(regs::NV_PFALCON_FALCON_DMATRFFBOFFS);
pub(super) const COMMAND: u32 = place(regs::NV_PFALCON_FALCON_DMATRFCMD);
const ENGINE: u32 = place(regs::NV_PFALCON_FALCON_ENGINE);
const TRANSCFG: u32 = place(regs::NV_PFALCON_FBIF_TRANSCFG);
const FBIF_CTL: u32 = place(regs::NV_PFALCON_FBIF_CTL);
const BCR_CTRL: u32 = SECOND_PAGE + place(riscv::NV_PRISCV_RISCV_BCR_CTRL);

/// Distance of a register from its falcon's base.
const fn place<R: Register>(_register: R) -> u32 {
    R::OFFSET
}

/// One falcon.
#[derive(Debug)]
pub(super) struct Falcon {
    pub(super) base: u32,
    family: Family,
    scrub_ns: u64,
    memories: Memories,
    dma: Dma,
    require_ctx: bool,
    in_reset: bool,
    /// Host time from which the memories are scrubbed.
    scrubbed_at: u64,
    /// Host time at which the core halts; `None` when it has.
    halts_at: Option<u64>,
    irq_stat: u32,
    irq_mask: u32,
    core: u32,
    /// Host time from which the choice of the core is valid.
    core_valid_at: u64,
}

impl Falcon {
    pub(super) fn new(config: &SimConfig, base: u32) -> Self {
        let family = config.chipset.family();
        let mask = if family == Family::Tu102 { NARROW } else { WIDE };
        let mut new = Self {
            base,
            family,
            scrub_ns: config.scrub_ns,
            memories: Memories::new(MEMORY, MEMORY, mask & !3),
            dma: Dma::new(config.dma_ns),
            require_ctx: false,
            in_reset: false,
            scrubbed_at: 0,
            halts_at: None,
            irq_stat: 0,
            irq_mask: 0,
            core: 0,
            core_valid_at: 0,
        };
        new.power_on();
        new
    }

    /// Scrubbed by the firmware that boots the chip: inferred.
    pub(super) fn power_on(&mut self) {
        self.clear();
        self.in_reset = false;
        self.scrubbed_at = 0;
    }

    /// What a reset leaves of the state. That DMA then needs a context is inferred from nova-core clearing it.
    fn clear(&mut self) {
        self.memories.scrub();
        self.dma.reset();
        self.require_ctx = true;
        self.halts_at = None;
        self.irq_stat = 0;
        self.irq_mask = 0;
        // Which core a reset selects is inferred: GSP's firmware runs on the RISC-V core.
        let riscv = self.base == regs::GSP.base() && sets::ga102_up.contains(self.family);
        self.core = if riscv { CORE_RISCV } else { 0 };
        self.core_valid_at = 0;
    }

    pub(super) fn due(&self) -> u64 {
        self.dma.due().min(self.halts_at.unwrap_or(NEVER))
    }

    /// Host time at which memory is accessed next.
    pub(super) fn dma_due(&self) -> u64 {
        self.dma.due()
    }

    /// Lets everything happen up to `now`.
    pub(super) fn advance(&mut self, now: u64, link: &Link, counts: &mut DmaCounts) {
        self.dma.advance(now, link, &mut self.memories, counts);
        if self.halts_at.is_some_and(|at| at <= now) {
            self.halts_at = None;
            self.irq_stat |= IRQ_HALT;
        }
    }

    pub(super) fn peek_dmem(&self, offset: u32, into: &mut [u8]) {
        self.memories.dmem.read(offset, into);
    }

    /// In reset or being scrubbed: memories and DMA do not work, which is inferred.
    const fn is_busy(&self, now: u64) -> bool {
        self.in_reset || now < self.scrubbed_at
    }

    pub(super) fn read(&mut self, register: u32, now: u64) -> u32 {
        if let Some((imem, port, part)) = port(register) {
            return match (self.is_busy(now) && part != Part::Control, imem) {
                (true, _) => 0,
                (false, true) => self.memories.read_imem(port, part),
                (false, false) => self.memories.read_dmem(port, part),
            };
        }
        match register {
            IRQSTAT => self.irq_stat,
            IRQMASK => self.irq_mask,
            HWCFG => self.hwcfg(),
            HWCFG2 => self.hwcfg2(now),
            CPUCTL if self.halts_at.is_none() => HALTED,
            DMACTL => self.dmactl(now),
            COMMAND => self.dma.status(),
            ENGINE if self.in_reset => RESET,
            ENGINE if sets::hopper_up.contains(self.family) => DEASSERTED,
            BCR_CTRL if now < self.core_valid_at => self.core,
            BCR_CTRL => self.core | VALID,
            _ => 0,
        }
    }

    fn hwcfg(&self) -> u32 {
        let blocks = |bank: &Bank| bank.size() / BLOCK;
        blocks(&self.memories.imem) | blocks(&self.memories.dmem) << 9
    }

    /// SEC2 has a RISC-V core from GA102 on, GSP on all: inferred from who uses it.
    fn hwcfg2(&self, now: u64) -> u32 {
        let ga102_up = sets::ga102_up.contains(self.family);
        let mut value = if ga102_up || self.base == regs::GSP.base() { HAS_RISCV } else { 0 };
        if ga102_up {
            value |= if self.is_busy(now) { MEM_SCRUBBING } else { RESET_READY };
        }
        value
    }

    /// That later chips show the scrubbing here as well as in HWCFG2 is inferred from NVIDIA's header of GA102.
    fn dmactl(&self, now: u64) -> u32 {
        let scrubbing = if self.is_busy(now) { SCRUBBING } else { 0 };
        let require = if self.require_ctx { REQUIRE_CTX } else { 0 };
        require | scrubbing | (self.dma.waiting() as u32 & 0xf) << 3
    }

    pub(super) fn write(&mut self, cells: &mut Cells<'_>, register: u32, value: u32, now: u64) -> bool {
        if let Some((imem, port, part)) = port(register) {
            match (self.is_busy(now), imem) {
                (true, _) => (),
                (false, true) => self.memories.write_imem(port, part, value),
                (false, false) => self.memories.write_dmem(port, part, value),
            }
            return true;
        }
        match register {
            IRQSCLR => self.irq_stat &= !value,
            IRQMSET => self.irq_mask |= value,
            IRQMCLR => self.irq_mask &= !value,
            DMACTL => self.require_ctx = value & REQUIRE_CTX != 0,
            CPUCTL if value & START != 0 && self.halts_at.is_none() && !self.is_busy(now) => {
                self.halts_at = Some(now.saturating_add(RUN_NS));
            }
            CPUCTL => (),
            ENGINE => self.set_reset(cells, value & RESET != 0, now),
            BCR_CTRL => {
                self.core = value & CORE_RISCV;
                self.core_valid_at = now.saturating_add(SELECT_NS);
            }
            _ => return false,
        }
        true
    }

    fn set_reset(&mut self, cells: &mut Cells<'_>, reset: bool, now: u64) {
        if reset && !self.in_reset {
            self.clear();
            let contexts = (0..8).map(|index| TRANSCFG + index * 4);
            for register in CLEARED.into_iter().chain(contexts) {
                cells.set_at(self.at(register), 0);
            }
        }
        if !reset && self.in_reset {
            self.scrubbed_at = now.saturating_add(self.scrub_ns);
        }
        self.in_reset = reset;
    }

    pub(super) fn command(&mut self, cells: &mut Cells<'_>, command: u32, now: u64, counts: &mut DmaCounts) {
        if self.is_busy(now) {
            counts.refused += 1;
            return;
        }
        let context = cells.get_at(self.at(TRANSCFG + (command >> 12 & 7) * 4));
        let allowed = cells.get_at(self.at(FBIF_CTL)) & ALLOW_PHYS_NO_CTX != 0;
        let request = Request {
            command,
            base: u64::from(cells.get_at(self.at(BASE))) << 8 | u64::from(cells.get_at(self.at(BASE1))) << 40,
            moffs: cells.get_at(self.at(MOFFS)),
            fboffs: cells.get_at(self.at(FBOFFS)),
            permitted: allowed && !self.require_ctx && SYSTEM_MEMORY.contains(&context),
        };
        self.dma.command(&request, &self.memories, now, counts);
    }

    fn at(&self, register: u32) -> Offset<u32> {
        Offset::new(self.base + register).expect("registers of a falcon are inside the window")
    }
}

/// Whether a register is one of a port: of the instruction memory or not, which port, and which part of it.
fn port(register: u32) -> Option<(bool, usize, Part)> {
    const IMEM: u32 = place(regs::NV_PFALCON_FALCON_IMEMC);
    const DMEM: u32 = place(regs::NV_PFALCON_FALCON_DMEMC);
    const END: u32 = DMEM + 8 * 8;
    let (imem, distance, stride) = match register {
        IMEM..DMEM => (true, register - IMEM, 16),
        DMEM..END => (false, register - DMEM, 8),
        _ => return None,
    };
    let part = [Part::Control, Part::Data, Part::Tag].get((distance % stride / 4) as usize)?;
    Some((imem, (distance / stride) as usize, *part))
}
