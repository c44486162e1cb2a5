//! A falcon's memories through its ports, word by word.
//!
//! The address counts up by itself, so at the end it tells whether every access has arrived.

use super::block::Block;
use super::dma::Code;
use super::{check, sizes};
use crate::bus::{Bus, Element, Modifiable, Readable, Register, Writable};
use crate::chip::{Any, On};
use crate::error::Error;
use crate::regs::falcon::{
    NV_PFALCON_FALCON_DMEMC, NV_PFALCON_FALCON_DMEMD, NV_PFALCON_FALCON_IMEMC, NV_PFALCON_FALCON_IMEMD,
    NV_PFALCON_FALCON_IMEMT,
};
use crate::units::pri::PriKind;

/// Bytes of a word.
const WORD: u32 = 4;
/// Blocks of instruction memory have this many bytes, and words.
const BLOCK: u32 = 256;
const BLOCK_WORDS: usize = (BLOCK / WORD) as usize;
/// The address bits that every chip's ports have.
const ADDRESS: u32 = 0xfffc;
/// Tries before a word that reads differently each time is given up.
const TRIES: u32 = 4;
/// Both memories' control registers have these at the same bits.
const COUNT_WRITES: u32 = NV_PFALCON_FALCON_DMEMC::AINCW::TRUE.value;
const COUNT_READS: u32 = NV_PFALCON_FALCON_DMEMC::AINCR::TRUE.value;

/// Port 0 of one of the memories, as nova-core uses it.
struct Port<'a, B: ?Sized, C: Register, D: Register> {
    falcon: Block<'a, B>,
    control: Element<C>,
    data: Element<D>,
}

pub(super) fn read_dmem<B: Bus>(falcon: Block<'_, B>, offset: u32, into: &mut [u32]) -> Result<(), Error> {
    check(falcon.engine, offset, size_of_val(into), sizes(falcon)?.dmem, WORD)?;
    dmem(falcon)?.read(offset, into)
}

pub(super) fn write_dmem<B: Bus>(falcon: Block<'_, B>, offset: u32, words: &[u32]) -> Result<(), Error> {
    check(falcon.engine, offset, size_of_val(words), sizes(falcon)?.dmem, WORD)?;
    if words.is_empty() {
        return Ok(());
    }
    let port = dmem(falcon)?;
    port.start(offset | COUNT_WRITES)?;
    port.write(words)?;
    port.arrived(offset, words.len())
}

pub(super) fn read_imem<B: Bus>(falcon: Block<'_, B>, offset: u32, into: &mut [u32]) -> Result<(), Error> {
    check(falcon.engine, offset, size_of_val(into), sizes(falcon)?.imem, WORD)?;
    imem(falcon)?.read(offset, into)
}

/// The blocks get tags that count up from the code's.
pub(super) fn write_imem<B: Bus>(
    falcon: Block<'_, B>,
    offset: u32,
    words: &[u32],
    code: Code,
) -> Result<(), Error> {
    check(falcon.engine, offset, size_of_val(words), sizes(falcon)?.imem, WORD)?;
    check(falcon.engine, offset, 0, u32::MAX, BLOCK)?;
    if words.is_empty() {
        return Ok(());
    }
    let port = imem(falcon)?;
    let secure = if code.secure { NV_PFALCON_FALCON_IMEMC::SECURE::TRUE.value } else { 0 };
    port.start(offset | COUNT_WRITES | secure)?;
    let tag = NV_PFALCON_FALCON_IMEMT.at(falcon.engine.falcon(), 0)?;
    for (number, block) in (u32::from(code.tag)..).zip(words.chunks(BLOCK_WORDS)) {
        falcon.io.write_word(tag, number)?;
        port.write(block)?;
    }
    port.arrived(offset, words.len())
}

type Dmem<'a, B> = Port<'a, B, NV_PFALCON_FALCON_DMEMC::Register, NV_PFALCON_FALCON_DMEMD::Register>;
type Imem<'a, B> = Port<'a, B, NV_PFALCON_FALCON_IMEMC::Register, NV_PFALCON_FALCON_IMEMD::Register>;

fn dmem<B: Bus>(falcon: Block<'_, B>) -> Result<Dmem<'_, B>, Error> {
    let unit = falcon.engine.falcon();
    let (control, data) = (NV_PFALCON_FALCON_DMEMC.at(unit, 0)?, NV_PFALCON_FALCON_DMEMD.at(unit, 0)?);
    Ok(Port { falcon, control, data })
}

fn imem<B: Bus>(falcon: Block<'_, B>) -> Result<Imem<'_, B>, Error> {
    let unit = falcon.engine.falcon();
    let (control, data) = (NV_PFALCON_FALCON_IMEMC.at(unit, 0)?, NV_PFALCON_FALCON_IMEMD.at(unit, 0)?);
    Ok(Port { falcon, control, data })
}

impl<B: Bus, C, D> Port<'_, B, C, D>
where
    C: Register<Word = u32, Access: Modifiable> + On<Any>,
    D: Register<Word = u32, Access: Readable + Writable> + On<Any>,
{
    fn start(&self, control: u32) -> Result<(), Error> {
        self.falcon.io.write_back(self.control, control)
    }

    fn write(&self, words: &[u32]) -> Result<(), Error> {
        words.iter().try_for_each(|word| self.falcon.io.write_word(self.data, *word))
    }

    fn read(&self, offset: u32, into: &mut [u32]) -> Result<(), Error> {
        let len = into.len();
        if len == 0 {
            // The end of the memory may be past what the port can address.
            return Ok(());
        }
        self.start(offset | COUNT_READS)?;
        for (at, word) in (offset..).step_by(WORD as usize).zip(&mut *into) {
            *word = self.falcon.io.read_unchecked(self.data)?.get();
            if is_suspicious(*word) {
                *word = self.read_again(at, *word)?;
            }
        }
        self.arrived(offset, len)
    }

    /// Any word may be data. One that looks like an error counts only if the device is there and reads it twice running.
    fn read_again(&self, at: u32, first: u32) -> Result<u32, Error> {
        let mut last = first;
        for _ in 0..TRIES {
            self.start(at | COUNT_READS)?;
            let word = self.falcon.io.read_unchecked(self.data)?.get();
            self.falcon.io.alive()?;
            if word == last || !is_suspicious(word) {
                return Ok(word);
            }
            last = word;
        }
        Err(Error::Mismatch { register: D::NAME, wrote: first, read: last })
    }

    /// Whether the address has counted as many accesses as there were.
    fn arrived(&self, offset: u32, words: usize) -> Result<(), Error> {
        let expected = offset.wrapping_add((words as u32).wrapping_mul(WORD));
        let control = self.falcon.io.read(self.control)?.get();
        if (control ^ expected) & ADDRESS == 0 {
            return Ok(());
        }
        Err(Error::Mismatch { register: C::NAME, wrote: expected, read: control })
    }
}

/// Whether a word looks like a dead device or a bus error.
const fn is_suspicious(word: u32) -> bool {
    word == u32::MAX || PriKind::of(word).is_some()
}
