//! A falcon's DMA engine: commands in a queue, each carried out when its time has come.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::super::timer::NEVER;
use super::memory::{BLOCK, Memories};
use crate::memory::{DeviceFault, SystemMemory};

/// Bits of DMATRFCMD.
const FULL: u32 = 1 << 0;
const IDLE: u32 = 1 << 1;
const SECURITY: u32 = 3 << 2;
const IMEM: u32 = 1 << 4;
const WRITE: u32 = 1 << 5;
/// What reads back as written: SEC, IMEM, WRITE, SIZE, CTXDMA, SET_DMTAG.
const FIELDS: u32 = SECURITY | IMEM | WRITE | 7 << 8 | 7 << 12 | 1 << 16;
/// The largest SIZE that has a meaning: 4 << 6 bytes.
const LARGEST: u32 = 6;
const LARGEST_BYTES: usize = 4 << LARGEST;
/// Commands that wait. No source says how many there is room for.
const DEPTH: usize = 4;

/// System memory, or nothing: a GPU that nobody has connected, or that is off the bus.
#[derive(Clone, Default)]
pub(in crate::gpu) struct Link {
    memory: Option<Arc<dyn SystemMemory>>,
    cut: bool,
}

impl Link {
    pub(in crate::gpu) fn connect(&mut self, memory: Option<Arc<dyn SystemMemory>>) {
        self.memory = memory;
    }

    /// Off the bus, or on it again.
    pub(in crate::gpu) const fn cut(&mut self, cut: bool) {
        self.cut = cut;
    }

    fn reach(&self, address: u64, len: usize) -> Result<&dyn SystemMemory, DeviceFault> {
        let memory = self.memory.as_deref().filter(|_| !self.cut);
        memory.ok_or(DeviceFault { address, len })
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected = self.memory.is_some();
        f.debug_struct("Link").field("connected", &connected).field("cut", &self.cut).finish()
    }
}

/// What the DMA engines of a GPU have done since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::gpu) struct DmaCounts {
    pub(in crate::gpu) reads: u64,
    pub(in crate::gpu) writes: u64,
    pub(in crate::gpu) faults: u64,
    pub(in crate::gpu) refused: u64,
}

/// What the registers say when a command is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) command: u32,
    /// BASE1:BASE, in bytes.
    pub(super) base: u64,
    pub(super) moffs: u32,
    pub(super) fboffs: u32,
    /// Whether the context lets physical addresses of system memory through.
    pub(super) permitted: bool,
}

/// A command on its way.
#[derive(Debug, Clone, Copy)]
struct Transfer {
    due: u64,
    /// Nothing when it must not move anything.
    action: Option<Action>,
}

#[derive(Debug, Clone, Copy)]
struct Action {
    address: u64,
    offset: u32,
    len: u32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Code { tag: u16, secure: bool },
    Load,
    Store,
}

/// The engine of one falcon.
#[derive(Debug)]
pub(super) struct Dma {
    queue: VecDeque<Transfer>,
    /// Fields of the last command.
    last: u32,
    takes: u64,
}

impl Dma {
    pub(super) const fn new(takes: u64) -> Self {
        Self { queue: VecDeque::new(), last: 0, takes }
    }

    /// Everything under way is dropped: a reset. That nothing of it happens any more is inferred.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.takes);
    }

    /// DMATRFCMD.
    pub(super) fn status(&self) -> u32 {
        let full = if self.queue.len() >= DEPTH { FULL } else { 0 };
        let idle = if self.queue.is_empty() { IDLE } else { 0 };
        self.last | full | idle
    }

    /// Commands under way.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Host time at which the next command is done.
    pub(super) fn due(&self) -> u64 {
        self.queue.front().map_or(NEVER, |transfer| transfer.due)
    }

    /// A command is written. One that must not or cannot be carried out moves nothing and is over after the usual
    /// time; so is one of a context without permission. What hardware does there is not known: inferred from its having
    /// no register that reports a failed transfer. A command written to a full queue is lost.
    pub(super) fn command(
        &mut self,
        request: &Request,
        memories: &Memories,
        now: u64,
        counts: &mut DmaCounts,
    ) {
        if self.queue.len() >= DEPTH {
            counts.refused += 1;
            return;
        }
        self.last = request.command & FIELDS;
        let action = Action::of(request, memories);
        counts.refused += u64::from(action.is_none());
        let start = self.queue.back().map_or(now, |transfer| transfer.due);
        self.queue.push_back(Transfer { due: start.saturating_add(self.takes), action });
    }

    /// Carries out what is due by `now`.
    pub(super) fn advance(&mut self, now: u64, link: &Link, memories: &mut Memories, counts: &mut DmaCounts) {
        while let Some(transfer) = self.queue.front().copied().filter(|transfer| transfer.due <= now) {
            self.queue.pop_front();
            if let Some(action) = transfer.action {
                action.carry_out(link, memories, counts);
            }
        }
    }
}

impl Action {
    /// `None` for a command that moves nothing: no permission, no such size, a store of instruction memory (which
    /// no driver does), or a place outside the falcon's memory.
    fn of(request: &Request, memories: &Memories) -> Option<Self> {
        let Request { command, base, moffs, fboffs, permitted } = *request;
        let size = command >> 8 & 7;
        if !permitted || size > LARGEST {
            return None;
        }
        let imem = command & IMEM != 0;
        let (bank, kind, len) = match (imem, command & WRITE != 0) {
            // Instruction memory comes in blocks: envytools. The offset in the source is the block's tag: nova-core.
            (true, false) => {
                let kind = Kind::Code { tag: (fboffs / BLOCK) as u16, secure: command & SECURITY != 0 };
                (&memories.imem, kind, BLOCK)
            }
            (true, true) => return None,
            (false, false) => (&memories.dmem, Kind::Load, 4 << size),
            (false, true) => (&memories.dmem, Kind::Store, 4 << size),
        };
        // Both ends are aligned to the size; that low bits are ignored, not refused, is inferred.
        let offset = moffs & !(len - 1);
        let address = base.wrapping_add(u64::from(fboffs)) & !u64::from(len - 1);
        bank.holds(offset, len).then_some(Self { address, offset, len, kind })
    }

    /// A read that meets no memory gives ones, as any read over PCI Express that is not answered does; a write is lost.
    /// That the falcon then goes on as if nothing had happened is inferred.
    fn carry_out(self, link: &Link, memories: &mut Memories, counts: &mut DmaCounts) {
        let mut bytes = [0; LARGEST_BYTES];
        let bytes = &mut bytes[..self.len as usize];
        let reached = link.reach(self.address, bytes.len());
        if matches!(self.kind, Kind::Store) {
            memories.dmem.read(self.offset, bytes);
            match reached.and_then(|memory| memory.write(self.address, bytes)) {
                Ok(()) => counts.writes += 1,
                Err(DeviceFault { .. }) => counts.faults += 1,
            }
            return;
        }
        if reached.and_then(|memory| memory.read(self.address, bytes)).is_ok() {
            counts.reads += 1;
        } else {
            counts.faults += 1;
            bytes.fill(0xff);
        }
        match self.kind {
            Kind::Code { tag, secure } => memories.load_code(self.offset, bytes, tag, secure),
            Kind::Load | Kind::Store => memories.dmem.write(self.offset, bytes),
        }
    }
}
