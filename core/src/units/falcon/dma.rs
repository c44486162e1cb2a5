//! DMA between a falcon's memories and system memory, by physical bus address.

use super::block::Block;
use super::poll::poll;
use super::{FalconError, check, sizes};
use crate::bus::Bus;
use crate::error::Error;
use crate::hal::{Host, Nanos};
use crate::regs::falcon::{
    NV_PFALCON_FALCON_DMACTL, NV_PFALCON_FALCON_DMATRFBASE, NV_PFALCON_FALCON_DMATRFBASE1,
    NV_PFALCON_FALCON_DMATRFCMD, NV_PFALCON_FALCON_DMATRFFBOFFS, NV_PFALCON_FALCON_DMATRFMOFFS,
    NV_PFALCON_FBIF_CTL, NV_PFALCON_FBIF_TRANSCFG,
};

use NV_PFALCON_FALCON_DMATRFCMD as CMD;

/// How long one transfer, of 256 bytes at the most, may take.
const LIMIT: Nanos = Nanos::from_secs(2);
/// The largest transfer in bytes, the smallest, and the unit of BASE and of instruction memory.
const LARGEST: u32 = 256;
const SMALLEST: u32 = 4;
/// Bits of a bus address: BASE and BASE1.
const ADDRESS_BITS: u32 = 49;
/// The contexts in use, in turns: a command that got lost shows by what reads back. NVIDIA's header has the command's
/// fields readable; nova-core uses context 0 alone.
const CONTEXTS: u32 = 2;

/// What to copy, from or to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Byte offset in the DMA memory.
    pub memory: usize,
    /// Byte offset in the falcon's memory.
    pub falcon: u32,
    /// Bytes.
    pub len: u32,
}

/// What instruction memory notes of its blocks of 256 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Code {
    /// Tag of the first block: its address in the program / 256. The next blocks count up.
    pub tag: u16,
    /// Whether the blocks are secure.
    pub secure: bool,
}

/// Which way, and which of the falcon's memories.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Direction {
    /// System memory to instruction memory.
    LoadImem(Code),
    /// System memory to data memory.
    LoadDmem,
    /// Data memory to system memory.
    StoreDmem,
}

/// Why it failed, and whether the falcon may still be at it.
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) pending: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, pending: false }
    }
}

/// Copies `span` with system memory's part at bus address `address`.
pub(super) fn run<H: Host>(
    falcon: Block<'_, H::Bus>,
    host: &H,
    address: u64,
    span: Span,
    direction: Direction,
) -> Result<(), Failed> {
    let base = plan(falcon, address, span, direction)?;
    permit(falcon)?;
    wait_idle(falcon, host, None)?;
    falcon.write_back(NV_PFALCON_FALCON_DMATRFBASE, (base >> 8) as u32)?;
    falcon.write_back(NV_PFALCON_FALCON_DMATRFBASE1, (base >> 40) as u32)?;
    let (mut done, mut turn) = (0, 0);
    while done < span.len {
        let at = address.wrapping_add(u64::from(done));
        let offset = span.falcon.wrapping_add(done);
        let len = piece(at, offset, span.len - done);
        falcon.write_back(NV_PFALCON_FALCON_DMATRFMOFFS, offset)?;
        falcon.write_back(NV_PFALCON_FALCON_DMATRFFBOFFS, at.wrapping_sub(base) as u32)?;
        // From here on the falcon may be at it, until it was seen to be done.
        transfer(falcon, host, command(direction, len, turn))
            .map_err(|error| Failed { error, pending: true })?;
        (done, turn) = (done.wrapping_add(len), (turn + 1) % CONTEXTS);
    }
    Ok(())
}

/// Checks everything, and gives what BASE and BASE1 shall say.
fn plan<B: Bus>(falcon: Block<'_, B>, address: u64, span: Span, direction: Direction) -> Result<u64, Error> {
    let sizes = sizes(falcon)?;
    let (size, unit, tag) = match direction {
        Direction::LoadImem(code) => (sizes.imem, LARGEST, code.tag),
        Direction::LoadDmem | Direction::StoreDmem => (sizes.dmem, SMALLEST, 0),
    };
    check(falcon.engine, span.falcon, span.len as usize, size, unit)?;
    let why = if address % u64::from(unit) != 0 {
        FalconError::Unaligned { value: address, to: unit }
    } else {
        let end = address.checked_add(u64::from(span.len)).filter(|end| *end >> ADDRESS_BITS == 0);
        // The offset from the base is the tag in bytes.
        let base = address.checked_sub(u64::from(tag) * u64::from(LARGEST));
        match (end, base) {
            (Some(_), Some(base)) => return Ok(base & !u64::from(LARGEST - 1)),
            _ => FalconError::Unreachable { address },
        }
    };
    Err(why.of(falcon.engine))
}

/// Lets the contexts access system memory by physical address, without anything bound.
fn permit<B: Bus>(falcon: Block<'_, B>) -> Result<(), Error> {
    use NV_PFALCON_FBIF_TRANSCFG as TRANSCFG;
    falcon.settle(falcon.place(NV_PFALCON_FBIF_CTL)?, NV_PFALCON_FBIF_CTL::ALLOW_PHYS_NO_CTX::ALLOW)?;
    falcon.settle(falcon.place(NV_PFALCON_FALCON_DMACTL)?, NV_PFALCON_FALCON_DMACTL::REQUIRE_CTX::FALSE)?;
    let physical = TRANSCFG::TARGET::COHERENT_SYSMEM + TRANSCFG::MEM_TYPE::PHYSICAL;
    (0..CONTEXTS)
        .try_for_each(|context| falcon.settle(TRANSCFG.at(falcon.engine.falcon(), context)?, physical))
}

/// The largest transfer from here: a power of two, both ends aligned to it.
fn piece(address: u64, offset: u32, left: u32) -> u32 {
    let aligned = (address | u64::from(offset) | u64::from(LARGEST)).trailing_zeros();
    (1 << aligned).min(1 << left.max(1).ilog2())
}

/// A command for `len` bytes, a power of two from 4 to 256, in context `turn`.
fn command(direction: Direction, len: u32, turn: u32) -> u32 {
    let size = len.max(SMALLEST).ilog2() - SMALLEST.ilog2();
    let way = match direction {
        Direction::LoadImem(Code { secure, .. }) => CMD::IMEM::TRUE.value | CMD::SEC.val(secure.into()).value,
        Direction::LoadDmem => 0,
        Direction::StoreDmem => CMD::WRITE::TRUE.value,
    };
    way | CMD::SIZE.val(size).value | CMD::CTXDMA.val(turn).value
}

fn transfer<H: Host>(falcon: Block<'_, H::Bus>, host: &H, command: u32) -> Result<(), Error> {
    falcon.io.write_word(falcon.place(CMD)?, command)?;
    wait_idle(falcon, host, Some(command))
}

/// Waits until nothing is under way, and sees that the last command was `command`. What looks idle is looked at
/// twice: memory is given back on it.
fn wait_idle<H: Host>(falcon: Block<'_, H::Bus>, host: &H, command: Option<u32>) -> Result<(), Error> {
    let state = CMD::IDLE::TRUE.value | CMD::FULL::TRUE.value;
    poll(falcon.io, host, "the falcon's DMA transfer", LIMIT, || {
        let (first, second) = (falcon.read(CMD)?, falcon.read(CMD)?);
        if !(first.is_set(CMD::IDLE) && second.is_set(CMD::IDLE)) {
            return Ok(false);
        }
        let read = second.get() & !state;
        match command {
            Some(wrote) if read != wrote => {
                Err(Error::Mismatch { register: "NV_PFALCON_FALCON_DMATRFCMD", wrote, read })
            }
            _ => Ok(true),
        }
    })
}
