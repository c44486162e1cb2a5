//! Falcons, the microcontrollers of GSP and SEC2: reset, their memories through ports, and DMA between these and
//! system memory.
//!
//! A bound GPU's are reached by [`Gpu::falcon`](crate::driver::Gpu::falcon). Sequences are those of nova-core 7.3
//! (falcon.rs, falcon/hal), plus the checks that make a lost write or a dead device an error: nova-core's polls for
//! RESET_READY and IDLE are satisfied by all ones.
//!
//! Whoever starts a transfer gives its memory away and gets it back when the falcon was seen to be done with it. A
//! transfer that is not seen to end leaves the memory here: [`DmaFailed`] tells.

mod block;
mod dma;
mod error;
mod ga102;
mod poll;
mod port;
mod tu102;

pub(crate) use dma::Direction;
pub use dma::{Code, Span};
pub use error::{DmaFailed, FalconError};

use core::mem;

use embedded_hal::delay::DelayNs as _;

use crate::bus::{Bus, Instance};
use crate::chip::{Chip, FamilyProof};
use crate::error::Error;
use crate::hal::{DmaMemory, DmaRangeError, Host, Lock, Nanos};
use crate::regs::falcon::{self, NV_PFALCON_FALCON_ENGINE, NV_PFALCON_FALCON_HWCFG, NV_PFALCON_FALCON_RM};
use crate::regs::riscv;
use crate::units::pri::Checked;
use block::Block;
use poll::poll;

/// How long a reset is held, in microseconds.
const RESET_HOLD_US: u32 = 10;
/// How long a falcon may take to be ready for a reset. nova-core goes on after it, and so do we.
const READY_LIMIT: Nanos = Nanos::from_micros(150);
/// How long the choice of the core may take.
const SELECT_LIMIT: Nanos = Nanos::from_millis(10);

/// Which falcon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Engine {
    /// The GPU system processor. On Hopper and later its registers belong to FSP until that has booted.
    Gsp,
    /// The security engine.
    Sec2,
}

impl Engine {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Gsp, Self::Sec2];

    /// NVIDIA's name.
    pub const fn name(self) -> &'static str {
        self.falcon().name()
    }

    const fn falcon(self) -> Instance<falcon::Falcon> {
        match self {
            Self::Gsp => falcon::GSP,
            Self::Sec2 => falcon::SEC2,
        }
    }

    const fn falcon2(self) -> Instance<riscv::Falcon2> {
        match self {
            Self::Gsp => riscv::GSP,
            Self::Sec2 => riscv::SEC2,
        }
    }
}

/// Sizes of a falcon's memories, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sizes {
    /// Instruction memory.
    pub imem: u32,
    /// Data memory.
    pub dmem: u32,
}

/// What differs between the architectures.
trait FalconHal<B: Bus>: Sync {
    /// How long the memories may take to be scrubbed.
    fn scrub_limit(&self) -> Nanos;
    /// Bits of a bus address that the falcon's DMA, and the chip, have.
    fn address_bits(&self) -> u32;
    /// Whether the memories have been scrubbed.
    fn scrubbed(&self, falcon: Block<'_, B>) -> Result<bool, Error>;
    /// Whether a reset may begin.
    fn reset_ready(&self, _falcon: Block<'_, B>) -> Result<bool, Error> {
        Ok(true)
    }
    /// Has the falcon run, not the RISC-V core beside it.
    fn select_falcon(&self, _falcon: Block<'_, B>) -> Result<(), Error> {
        Ok(())
    }
    /// Whether it does.
    fn falcon_selected(&self, _falcon: Block<'_, B>) -> Result<bool, Error> {
        Ok(true)
    }
}

/// One falcon of one GPU.
pub(crate) struct Falcon<H: Host> {
    hal: &'static dyn FalconHal<H::Bus>,
    engine: Engine,
    boot0: u32,
    user: H::Lock<User<H::Dma>>,
}

/// Who has the falcon.
enum User<M> {
    Nobody,
    Somebody,
    /// A transfer that was not seen to end, with its memory.
    Transfer(M),
}

impl<H: Host> Falcon<H> {
    pub(crate) fn new(chip: &Chip, engine: Engine) -> Self {
        let hal: &'static dyn FalconHal<H::Bus> = match chip.proof() {
            FamilyProof::Tu102(_) | FamilyProof::Ga100(_) => &tu102::Hal,
            FamilyProof::Ga102(p) => ga102::ada(p),
            FamilyProof::Gh100(p) => ga102::hopper(p.into()),
            FamilyProof::Gb100(p) => ga102::hopper(p.into()),
            FamilyProof::Gb202(p) => ga102::hopper(p.into()),
        };
        Self { hal, engine, boot0: chip.boot0(), user: H::Lock::new(User::Nobody) }
    }

    /// Bits of a bus address that its DMA, and the chip, have.
    pub(crate) fn address_bits(&self) -> u32 {
        self.hal.address_bits()
    }

    /// Sizes of its memories.
    pub(crate) fn sizes(&self, io: Checked<'_, H::Bus>) -> Result<Sizes, Error> {
        sizes(self.block(io))
    }

    /// Resets it: everything under way ends, its memories are zero, the falcon core is selected and halted. The memory
    /// of a transfer that was not seen to end is freed.
    pub(crate) fn reset(&self, io: Checked<'_, H::Bus>, host: &H) -> Result<(), Error> {
        let mut claim = self.claim(true)?;
        self.reset_claimed(self.block(io), host)?;
        // That a reset ends a transfer for good is inferred; what it had posted is ahead of the reads just made.
        drop(claim.memory.take());
        Ok(())
    }

    fn reset_claimed(&self, falcon: Block<'_, H::Bus>, host: &H) -> Result<(), Error> {
        use NV_PFALCON_FALCON_ENGINE as ENGINE;
        let ready = || self.hal.reset_ready(falcon);
        match poll(falcon.io, host, "the falcon to be ready for a reset", READY_LIMIT, ready) {
            Ok(()) | Err(Error::Timeout { .. }) => (),
            Err(error) => return Err(error),
        }
        let engine = falcon.place(ENGINE)?;
        falcon.settle(engine, ENGINE::RESET::ASSERT)?;
        host.delay().delay_us(RESET_HOLD_US);
        falcon.settle(engine, ENGINE::RESET::DEASSERT)?;
        self.wait_scrubbed(falcon, host)?;
        self.hal.select_falcon(falcon)?;
        let selected = || self.hal.falcon_selected(falcon);
        poll(falcon.io, host, "the falcon's core to be selected", SELECT_LIMIT, selected)?;
        // Twice, as nova-core does.
        self.wait_scrubbed(falcon, host)?;
        falcon.write_back(NV_PFALCON_FALCON_RM, self.boot0)
    }

    fn wait_scrubbed(&self, falcon: Block<'_, H::Bus>, host: &H) -> Result<(), Error> {
        let scrubbed = || self.hal.scrubbed(falcon);
        poll(falcon.io, host, "the falcon's memories to be scrubbed", self.hal.scrub_limit(), scrubbed)
    }

    /// Copies words out of data memory.
    pub(crate) fn read_dmem(
        &self,
        io: Checked<'_, H::Bus>,
        offset: u32,
        into: &mut [u32],
    ) -> Result<(), Error> {
        let _claim = self.claim(false)?;
        port::read_dmem(self.block(io), offset, into)
    }

    /// Copies words into data memory.
    pub(crate) fn write_dmem(
        &self,
        io: Checked<'_, H::Bus>,
        offset: u32,
        words: &[u32],
    ) -> Result<(), Error> {
        let _claim = self.claim(false)?;
        port::write_dmem(self.block(io), offset, words)
    }

    /// Copies words out of instruction memory.
    pub(crate) fn read_imem(
        &self,
        io: Checked<'_, H::Bus>,
        offset: u32,
        into: &mut [u32],
    ) -> Result<(), Error> {
        let _claim = self.claim(false)?;
        port::read_imem(self.block(io), offset, into)
    }

    /// Copies words into instruction memory.
    pub(crate) fn write_imem(
        &self,
        io: Checked<'_, H::Bus>,
        offset: u32,
        words: &[u32],
        code: Code,
    ) -> Result<(), Error> {
        let _claim = self.claim(false)?;
        port::write_imem(self.block(io), offset, words, code)
    }

    /// Has the falcon copy between its memory and `memory`, which it has meanwhile.
    pub(crate) fn transfer(
        &self,
        io: Checked<'_, H::Bus>,
        host: &H,
        memory: H::Dma,
        span: Span,
        direction: Direction,
    ) -> Result<H::Dma, DmaFailed<H::Dma>> {
        let given_back = |memory, error| DmaFailed { error, memory: Some(memory) };
        let mut claim = match self.claim(false) {
            Ok(claim) => claim,
            Err(error) => return Err(given_back(memory, error)),
        };
        if let Err(error) = DmaRangeError::check(span.memory, span.len as usize, memory.len()) {
            return Err(given_back(memory, error.into()));
        }
        let address = memory.bus_address().wrapping_add(span.memory as u64);
        claim.memory = Some(memory);
        match dma::run(self.block(io), host, address, span, direction) {
            Ok(()) => claim
                .memory
                .take()
                .ok_or(DmaFailed { error: FalconError::TransferPending.of(self.engine), memory: None }),
            Err(failed) if failed.pending => Err(DmaFailed { error: failed.error, memory: None }),
            Err(failed) => Err(DmaFailed { error: failed.error, memory: claim.memory.take() }),
        }
    }

    fn block<'a>(&self, io: Checked<'a, H::Bus>) -> Block<'a, H::Bus> {
        Block { io, engine: self.engine }
    }

    /// Takes the falcon for oneself; with a transfer that was not seen to end only for a reset.
    fn claim(&self, reset: bool) -> Result<Claim<'_, H>, Error> {
        self.user.with(|user| match user {
            User::Somebody => Err(FalconError::InUse.of(self.engine)),
            User::Transfer(_) if !reset => Err(FalconError::TransferPending.of(self.engine)),
            User::Nobody | User::Transfer(_) => match mem::replace(user, User::Somebody) {
                User::Transfer(memory) => Ok(Claim { falcon: self, memory: Some(memory) }),
                User::Nobody | User::Somebody => Ok(Claim { falcon: self, memory: None }),
            },
        })
    }
}

/// The falcon is one's own. Memory that is still in it at the end is that of a transfer that was not seen to end.
struct Claim<'a, H: Host> {
    falcon: &'a Falcon<H>,
    memory: Option<H::Dma>,
}

impl<H: Host> Drop for Claim<'_, H> {
    fn drop(&mut self) {
        let next = self.memory.take().map_or(User::Nobody, User::Transfer);
        self.falcon.user.with(|user| *user = next);
    }
}

fn sizes<B: Bus>(falcon: Block<'_, B>) -> Result<Sizes, Error> {
    use NV_PFALCON_FALCON_HWCFG as HWCFG;
    /// Unit of the sizes, in bytes.
    const BLOCK: u32 = 256;
    let config = falcon.read(HWCFG)?;
    Ok(Sizes { imem: config.read(HWCFG::IMEM_SIZE) * BLOCK, dmem: config.read(HWCFG::DMEM_SIZE) * BLOCK })
}

/// Checks that `len` bytes at `offset` are inside `size` bytes, and both multiples of `unit`.
fn check(engine: Engine, offset: u32, len: usize, size: u32, unit: u32) -> Result<(), Error> {
    for value in [u64::from(offset), len as u64] {
        // A unit of zero, which no engine has, fits nothing.
        if value.checked_rem(u64::from(unit)) != Some(0) {
            return Err(FalconError::Unaligned { value, to: unit }.of(engine));
        }
    }
    match u64::from(offset).checked_add(len as u64) {
        Some(end) if end <= u64::from(size) => Ok(()),
        _ => Err(FalconError::Outside { offset, len, size }.of(engine)),
    }
}
