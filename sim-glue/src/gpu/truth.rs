//! What is really the case in a simulated GPU, for tests: nothing here is an access.

use nova_backends::model::Cells;
use nova_core::bus::{Instance, Offset, Register};
use nova_core::chip::Family;
use nova_core::regs::falcon::Falcon;
use nova_core::regs::pfb;

use super::SimGpu;

/// What went over the bus so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Reads that reached the registers.
    pub reads: u64,
    /// Writes that reached the registers.
    pub writes: u64,
    /// Reads that nothing decodes.
    pub undecoded_reads: u64,
    /// Writes that nothing decodes.
    pub undecoded_writes: u64,
    /// Writes to read-only or protected registers, dropped.
    pub refused_writes: u64,
    /// Accesses that did not reach the registers: the GPU was gone, off or behind its firewall, in its security fault
    /// state, or the range was locked or blocked.
    pub lost: u64,
    /// Interrupt messages sent.
    pub messages: u64,
    /// DMA transfers that read system memory.
    pub dma_reads: u64,
    /// DMA transfers that wrote system memory.
    pub dma_writes: u64,
    /// DMA transfers that met no memory: not mapped, isolated, or the GPU was off the bus. Reads gave ones, writes were
    /// lost.
    pub dma_faults: u64,
    /// DMA commands that were not carried out: no permission, no such place in the falcon, or it was busy.
    pub dma_refused: u64,
}

impl Stats {
    /// All accesses a driver made.
    pub const fn accesses(&self) -> u64 {
        self.reads + self.writes + self.lost
    }
}

/// The state of the timer's alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// ALARM_0.
    pub value: u32,
    /// INTR_0 bit 0; always false where nothing latches.
    pub pending: bool,
    /// INTR_EN_0 bit 0, or ALARM_INTR.
    pub enabled: bool,
    /// Host time of the next equality, in ns; `None` while the time stands still.
    pub due: Option<u64>,
}

/// The state of the interrupt lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// Something is pending that is enabled all the way.
    pub signalled: bool,
    /// Something would be signalled if it became pending.
    pub enabled: bool,
    /// Turing to Ada: the message is armed. Hopper and later: the tree was quiet.
    pub armed: bool,
}

impl Lines {
    /// Nothing pending and nothing enabled: how a driver should leave it.
    pub const fn are_quiet(&self) -> bool {
        !self.signalled && !self.enabled
    }
}

impl SimGpu {
    /// The 64-bit time at host time `now`, in ns.
    pub fn time(&self, now: u64) -> u64 {
        self.model.device().timer.count(now)
    }

    /// The alarm, as of the last access or advance.
    pub fn alarm(&self) -> Alarm {
        let behaviour = self.model.device();
        let due = behaviour.timer.alarm_at();
        Alarm {
            value: behaviour.timer.alarm(),
            pending: behaviour.is_alarm_pending(),
            enabled: behaviour.is_alarm_enabled(),
            due: (due != super::timer::NEVER).then_some(due),
        }
    }

    /// The interrupt lines.
    pub fn lines(&self) -> Lines {
        let interrupts = &self.model.device().interrupts;
        Lines {
            signalled: interrupts.is_signalled(),
            enabled: interrupts.is_enabled(),
            armed: interrupts.is_armed(),
        }
    }

    /// Pending bits of leaf `index`.
    pub fn leaf(&self, index: usize) -> u32 {
        self.model.device().interrupts.leaf(index)
    }

    /// What went over the bus.
    pub fn stats(&self) -> Stats {
        let counters = self.model.counters();
        let dma = self.model.device().falcons.counts;
        Stats {
            reads: counters.reads,
            writes: counters.writes,
            undecoded_reads: counters.hole_reads,
            undecoded_writes: counters.hole_writes,
            refused_writes: counters.refused_writes + self.model.device().protected_writes,
            lost: self.lost,
            messages: self.messages,
            dma_reads: dma.reads,
            dma_writes: dma.writes,
            dma_faults: dma.faults,
            dma_refused: dma.refused,
        }
    }

    /// What a falcon's data memory holds from `offset` on; zero past its end, and where no falcon is simulated.
    pub fn falcon_dmem(&self, falcon: Instance<Falcon>, offset: u32, into: &mut [u8]) {
        self.model.device().falcons.peek_dmem(falcon.base(), offset, into);
    }

    /// Address of the system-memory flush page, 0 when none is set. On GB10x the first of the two pairs.
    pub fn flush_page(&mut self) -> u64 {
        let family = self.family();
        let mut cells = self.model.cells();
        match family {
            Family::Tu102 => u64::from(word(&mut cells, pfb::NV_PFB_NISO_FLUSH_SYSMEM_ADDR)) << 8,
            Family::Ga100 | Family::Ga102 | Family::Ad102 => {
                u64::from(word(&mut cells, pfb::NV_PFB_NISO_FLUSH_SYSMEM_ADDR)) << 8
                    | u64::from(word(&mut cells, pfb::NV_PFB_NISO_FLUSH_SYSMEM_ADDR_HI)) << 40
            }
            Family::Gh100 => pair(
                &mut cells,
                pfb::NV_PFB_FBHUB_PCIE_FLUSH_SYSMEM_ADDR_HI,
                pfb::NV_PFB_FBHUB_PCIE_FLUSH_SYSMEM_ADDR_LO,
            ),
            Family::Gb100 => pair(
                &mut cells,
                pfb::NV_PFB_HSHUB0_PCIE_FLUSH_SYSMEM_ADDR_HI,
                pfb::NV_PFB_HSHUB0_PCIE_FLUSH_SYSMEM_ADDR_LO,
            ),
            Family::Gb202 => pair(
                &mut cells,
                pfb::NV_PFB_FBHUB0_PCIE_FLUSH_SYSMEM_ADDR_HI,
                pfb::NV_PFB_FBHUB0_PCIE_FLUSH_SYSMEM_ADDR_LO,
            ),
        }
    }

    /// What register `offset` holds, for a plain register; `None` where there is none.
    pub fn peek(&mut self, offset: Offset<u32>) -> Option<u32> {
        let mut cells = self.model.cells();
        cells.contains(offset).then(|| cells.get_at(offset))
    }

    /// Puts `value` into a plain register, read-only ones included; false where there is none.
    pub fn poke(&mut self, offset: Offset<u32>, value: u32) -> bool {
        let mut cells = self.model.cells();
        let there = cells.contains(offset);
        if there {
            cells.set_at(offset, value);
        }
        there
    }
}

fn word<R: Register<Word = u32>>(cells: &mut Cells<'_>, _register: R) -> u32 {
    Offset::new(R::OFFSET).map_or(0, |at| cells.get_at(at))
}

fn pair<H: Register<Word = u32>, L: Register<Word = u32>>(cells: &mut Cells<'_>, high: H, low: L) -> u64 {
    // The hardware drops bits 7:0 of the low word.
    u64::from(word(cells, high)) << 32 | u64::from(word(cells, low) & !0xff)
}
