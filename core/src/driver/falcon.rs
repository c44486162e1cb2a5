//! A falcon of the GPU that a token is of.

use super::Gpu;
use crate::error::Error;
use crate::hal::Host;
use crate::lifecycle::{Token, stage};
use crate::units::falcon::{Code, Direction, DmaFailed, Engine, Falcon, Sizes, Span};

/// A falcon of the GPU that a token is of, from [`Gpu::falcon`]. Ends with the token's call.
///
/// One at a time: while one call is at a falcon, others get
/// [`FalconError::InUse`](crate::units::falcon::FalconError::InUse). After a transfer that was not seen to end, all but
/// [`reset`](Self::reset) get [`FalconError::TransferPending`](crate::units::falcon::FalconError::TransferPending).
///
/// Every call may fail with [`Error::Gone`], [`Error::Pri`] (GSP of Hopper and later, while FSP has it) and
/// [`Error::Bus`]. Calls that wait do so on the
/// host's time, and fail with [`Error::Timeout`].
pub struct GpuFalcon<'a, H: Host, S> {
    cx: &'a Token<'a, Gpu<H>, S>,
    engine: Engine,
}

impl<H: Host> Gpu<H> {
    /// A falcon, with the registers of the token's device. They are slow, so it is for contexts that may sleep.
    pub fn falcon<'a, S>(cx: &'a Token<'_, Self, S>, engine: Engine) -> GpuFalcon<'a, H, S>
    where
        S: stage::Live + stage::Sleeping,
    {
        GpuFalcon { cx, engine }
    }
}

impl<'a, H: Host, S: stage::Live + stage::Sleeping> GpuFalcon<'a, H, S> {
    fn unit(&self) -> &'a Falcon<H> {
        let gpu = self.cx.data();
        match self.engine {
            Engine::Gsp => &gpu.gsp,
            Engine::Sec2 => &gpu.sec2,
        }
    }

    /// Which falcon it is.
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// Sizes of its memories.
    ///
    /// # Errors
    ///
    /// When an access failed.
    pub fn sizes(&self) -> Result<Sizes, Error> {
        self.unit().sizes(Gpu::io(self.cx))
    }

    /// Allocates DMA memory that the falcon reaches.
    ///
    /// # Errors
    ///
    /// [`Error::Host`] when there is none.
    pub fn memory(&self, len: usize) -> Result<H::Dma, Error> {
        Ok(self.cx.host().dma(len, self.unit().address_bits())?)
    }

    /// Resets it: whatever it does ends, its memories are zero, its core is halted. The memory of a transfer that was
    /// not seen to end is freed.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] when its memories were not scrubbed in 10 ms (Turing, GA100) or 20 ms, or its core not
    /// selected in 10 ms; [`Error::Mismatch`] when a register did not take what was written. Memory that is kept stays so.
    pub fn reset(&self) -> Result<(), Error> {
        self.unit().reset(Gpu::io(self.cx), self.cx.host())
    }

    /// Copies words out of data memory, from byte `offset` on.
    ///
    /// # Errors
    ///
    /// [`Error::Falcon`] when the range is not inside the memory or `offset` is no multiple of 4;
    /// [`Error::Mismatch`] when accesses got lost.
    pub fn read_dmem(&self, offset: u32, into: &mut [u32]) -> Result<(), Error> {
        self.unit().read_dmem(Gpu::io(self.cx), offset, into)
    }

    /// Copies words into data memory, from byte `offset` on.
    ///
    /// # Errors
    ///
    /// As [`read_dmem`](Self::read_dmem).
    pub fn write_dmem(&self, offset: u32, words: &[u32]) -> Result<(), Error> {
        self.unit().write_dmem(Gpu::io(self.cx), offset, words)
    }

    /// Copies words out of instruction memory, from byte `offset` on. Secure blocks cannot be read.
    ///
    /// # Errors
    ///
    /// As [`read_dmem`](Self::read_dmem).
    pub fn read_imem(&self, offset: u32, into: &mut [u32]) -> Result<(), Error> {
        self.unit().read_imem(Gpu::io(self.cx), offset, into)
    }

    /// Copies words into instruction memory, from byte `offset` on, which is a multiple of 256.
    ///
    /// # Errors
    ///
    /// As [`read_dmem`](Self::read_dmem).
    pub fn write_imem(&self, offset: u32, words: &[u32], code: Code) -> Result<(), Error> {
        self.unit().write_imem(Gpu::io(self.cx), offset, words, code)
    }

    /// Has the falcon copy from `memory` into its data memory. Offsets, length and bus address are multiples of 4.
    ///
    /// Success says that the falcon was seen to be done, with every command taken. A falcon does not report a bus
    /// address that nobody answers at; it loads ones then.
    ///
    /// # Errors
    ///
    /// [`Error::Dma`] or [`Error::Falcon`] for a range that is not inside the memories, is not aligned, or is out of
    /// reach; [`Error::Mismatch`] when a register did not take what was written. [`DmaFailed::memory`] is the memory when the
    /// device is done with it.
    pub fn load_dmem(&self, memory: H::Dma, span: Span) -> Result<H::Dma, DmaFailed<H::Dma>> {
        self.transfer(memory, span, Direction::LoadDmem)
    }

    /// Has the falcon copy from `memory` into its instruction memory. Offset in the falcon, length and bus address are
    /// multiples of 256.
    ///
    /// # Errors
    ///
    /// As [`load_dmem`](Self::load_dmem).
    pub fn load_imem(&self, memory: H::Dma, span: Span, code: Code) -> Result<H::Dma, DmaFailed<H::Dma>> {
        self.transfer(memory, span, Direction::LoadImem(code))
    }

    /// Has the falcon copy from its data memory into `memory`. Offsets, length and bus address are multiples of 4.
    ///
    /// What was written to an address that nobody answers at is lost, and the falcon does not report it.
    ///
    /// # Errors
    ///
    /// As [`load_dmem`](Self::load_dmem).
    pub fn store_dmem(&self, memory: H::Dma, span: Span) -> Result<H::Dma, DmaFailed<H::Dma>> {
        self.transfer(memory, span, Direction::StoreDmem)
    }

    fn transfer(
        &self,
        memory: H::Dma,
        span: Span,
        direction: Direction,
    ) -> Result<H::Dma, DmaFailed<H::Dma>> {
        self.unit().transfer(Gpu::io(self.cx), self.cx.host(), memory, span, direction)
    }
}
