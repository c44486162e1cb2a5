//! The falcons of GSP and SEC2: memories, ports, DMA, reset. No processor.
//!
//! There is nothing that runs programs: a core that is started runs for a while and halts, with the mailboxes as they
//! were. Which interrupts reach the tree is not simulated: HALT shows in IRQSTAT and nowhere else. The other falcons are
//! storage.
//!
//! What core's register files have no source for is said at its place. A write of
//! less than a word counts as one of a whole word whose other bits are zero.

mod dma;
mod memory;
mod unit;

use nova_backends::model::Cells;
use nova_core::bus::Offset;
use nova_core::regs::falcon as regs;

pub(super) use dma::{DmaCounts, Link};
use unit::{COMMAND, Falcon};

use super::SimConfig;
use super::timer::NEVER;

/// Where the falcons are that are simulated.
pub(super) const BASES: [u32; 2] = [regs::GSP.base(), regs::SEC2.base()];
/// Bytes of registers from a base on: both pages.
const SPAN: u32 = 0x2000;
/// From the first page to the second.
pub(super) const SECOND_PAGE: u32 = 0x1000;

/// The falcons of one GPU.
#[derive(Debug)]
pub(super) struct Falcons {
    all: [Falcon; 2],
    pub(super) link: Link,
    pub(super) counts: DmaCounts,
}

impl Falcons {
    pub(super) fn new(config: &SimConfig) -> Self {
        let all = BASES.map(|base| Falcon::new(config, base));
        Self { all, link: Link::default(), counts: DmaCounts::default() }
    }

    /// Power was cycled.
    pub(super) fn reset(&mut self) {
        for falcon in &mut self.all {
            falcon.power_on();
        }
    }

    /// Host time of the next thing that happens by itself.
    pub(super) fn due(&self) -> u64 {
        self.all.iter().map(Falcon::due).min().unwrap_or(NEVER)
    }

    /// Host time at which memory is accessed next.
    pub(super) fn dma_due(&self) -> u64 {
        self.all.iter().map(Falcon::dma_due).min().unwrap_or(NEVER)
    }

    pub(super) fn advance(&mut self, now: u64) {
        for falcon in &mut self.all {
            falcon.advance(now, &self.link, &mut self.counts);
        }
    }

    /// Reads the register at `at`, which is one of those with behaviour.
    pub(super) fn read(&mut self, at: Offset<u32>, now: u64) -> u32 {
        let Some((falcon, register)) = find(&mut self.all, at) else { return 0 };
        falcon.read(register, now)
    }

    /// Writes it; false when it is read-only.
    pub(super) fn write(&mut self, cells: &mut Cells<'_>, at: Offset<u32>, value: u32, now: u64) -> bool {
        let Some((falcon, register)) = find(&mut self.all, at) else { return false };
        if register == COMMAND {
            falcon.command(cells, value, now, &mut self.counts);
            return true;
        }
        falcon.write(cells, register, value, now)
    }

    /// The bytes at `offset` of a falcon's data memory, behind everybody's back.
    pub(super) fn peek_dmem(&self, base: u32, offset: u32, into: &mut [u8]) {
        if let Some(falcon) = self.all.iter().find(|falcon| falcon.base == base) {
            falcon.peek_dmem(offset, into);
        }
    }
}

fn find(all: &mut [Falcon; 2], at: Offset<u32>) -> Option<(&mut Falcon, u32)> {
    all.iter_mut().find_map(|falcon| {
        let register = at.bytes().checked_sub(falcon.base).filter(|register| *register < SPAN)?;
        Some((falcon, register))
    })
}
