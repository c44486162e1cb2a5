//! Does a bus do what [`Bus`] promises?
//!
//! It has to be the bus of a GPU, or of anything else that has storage where GPUs have their scratch words
//! (`NV_PBUS_SW_SCRATCH`). What was there is overwritten.

use nova_core::bus::{Bus, Io, Offset, WINDOW_SIZE, Word};
use nova_core::regs::pbus::NV_PBUS_SW_SCRATCH as SCRATCH;

use super::Broken;

/// The offset of the first scratch word.
pub const STORAGE: u32 = 0x1400;
/// How many scratch words there are.
pub const WORDS: u32 = 64;

type Found = Result<(), &'static str>;

/// Runs the whole suite. `ends` are the words at the window's ends that are storage, if they are.
///
/// # Errors
///
/// What is wrong first.
pub fn run(bus: &impl Bus, ends: &[u32]) -> Result<(), Broken> {
    let found = [
        ("words read back", words_read_back(bus)),
        ("lanes are little-endian", lanes_are_little_endian(bus)),
        ("narrow writes leave their neighbours alone", narrow_writes(bus)),
        ("typed access is raw access", typed_access(bus)),
        ("the window ends where it should", window_ends(bus, ends)),
    ];
    let broken = |(case, found): (&'static str, Found)| found.map_err(|why| Broken { case, why });
    found.into_iter().try_for_each(broken)
}

/// Runs what can be seen of a bus through which nothing can be written. Whatever `stored` reads at each offset of the
/// scratch words has been put there by another way, so the bus has to be the bus of a GPU that somebody else can write.
///
/// # Errors
///
/// What is wrong first.
pub fn run_read_only(bus: &impl Bus, stored: impl Fn(u32) -> u32) -> Result<(), Broken> {
    let found = [
        ("words read as they were stored", words_are(bus, &stored)),
        ("every width reads the same word", lanes_of(bus)),
        ("typed reads are raw reads", typed_reads(bus)),
        ("nothing can be written", nothing_is_written(bus)),
        ("the window ends where it should", window_ends(bus, &[])),
    ];
    let broken = |(case, found): (&'static str, Found)| found.map_err(|why| Broken { case, why });
    found.into_iter().try_for_each(broken)
}

fn scratch() -> impl Iterator<Item = u32> {
    (0..WORDS).map(|index| STORAGE + 4 * index)
}

fn words_are(bus: &impl Bus, stored: impl Fn(u32) -> u32) -> Found {
    scratch().try_for_each(|offset| holds(bus, offset, stored(offset), "a word reads as another value"))
}

fn lanes_of(bus: &impl Bus) -> Found {
    scratch().try_for_each(|offset| {
        let word = read::<u32>(bus, offset)?;
        for (lane, byte) in (0..4).zip(word.to_le_bytes()) {
            holds(bus, offset + lane, byte, "a byte is in another lane")?;
        }
        holds(bus, offset, word as u16, "the low half is another one")?;
        holds(bus, offset + 2, (word >> 16) as u16, "the high half is another one")
    })
}

fn typed_reads(bus: &impl Bus) -> Found {
    let io = Io::new(bus);
    for index in [0, 1, WORDS - 1] {
        let place = SCRATCH.at(index).map_err(|_| "there is no such scratch word")?;
        let word = read::<u32>(bus, STORAGE + 4 * index)?;
        let typed = io.read(place).map_err(|_| FAILED)?.get();
        let untyped = io.read_untyped(at(STORAGE + 4 * index)?).map_err(|_| FAILED)?;
        if (typed, untyped) != (word, word) {
            return Err("a typed read is not the raw one");
        }
    }
    Ok(())
}

fn nothing_is_written(bus: &impl Bus) -> Found {
    const WHY: &str = "a write was taken";
    let before = read::<u32>(bus, STORAGE)?;
    let taken = [
        write(bus, STORAGE, !before),
        write(bus, STORAGE, !before as u16),
        write(bus, STORAGE, !before as u8),
    ];
    if taken.iter().any(Result::is_ok) {
        return Err(WHY);
    }
    holds(bus, STORAGE, before, WHY)
}

const FAILED: &str = "an access failed";

fn at<W: Word>(offset: u32) -> Result<Offset<W>, &'static str> {
    Offset::new(offset).map_err(|_| "there is no such offset")
}

fn read<W: Word>(bus: &impl Bus, offset: u32) -> Result<W, &'static str> {
    W::read(bus, at(offset)?).map_err(|_| FAILED)
}

fn write<W: Word>(bus: &impl Bus, offset: u32, value: W) -> Found {
    W::write(bus, at(offset)?, value).map_err(|_| FAILED)
}

fn holds<W: Word + PartialEq>(bus: &impl Bus, offset: u32, value: W, why: &'static str) -> Found {
    if read::<W>(bus, offset)? == value { Ok(()) } else { Err(why) }
}

fn words_read_back(bus: &impl Bus) -> Found {
    let words = || (0..WORDS).map(|index| (STORAGE + 4 * index, 0x9e37_79b9_u32.wrapping_mul(index + 1)));
    words().try_for_each(|(offset, value)| write(bus, offset, value))?;
    words().try_for_each(|(offset, value)| holds(bus, offset, value, "a word reads as another value"))
}

fn lanes_are_little_endian(bus: &impl Bus) -> Found {
    write(bus, STORAGE, 0x4433_2211_u32)?;
    for (lane, byte) in (0..4).zip([0x11_u8, 0x22, 0x33, 0x44]) {
        holds(bus, STORAGE + lane, byte, "a byte is in another lane")?;
    }
    holds(bus, STORAGE, 0x2211_u16, "the low half is another one")?;
    holds(bus, STORAGE + 2, 0x4433_u16, "the high half is another one")
}

fn narrow_writes(bus: &impl Bus) -> Found {
    const WHY: &str = "a narrow write changed something else, or nothing";
    write(bus, STORAGE, u32::MAX)?;
    write(bus, STORAGE + 4, 0_u32)?;
    write(bus, STORAGE + 1, 0x5a_u8)?;
    holds(bus, STORAGE, 0xffff_5aff_u32, WHY)?;
    write(bus, STORAGE + 2, 0x1234_u16)?;
    holds(bus, STORAGE, 0x1234_5aff_u32, WHY)?;
    write(bus, STORAGE + 3, 0_u8)?;
    holds(bus, STORAGE, 0x0034_5aff_u32, WHY)?;
    holds(bus, STORAGE + 4, 0_u32, WHY)
}

fn typed_access(bus: &impl Bus) -> Found {
    let io = Io::new(bus);
    let same = |same: bool| if same { Ok(()) } else { Err("a typed access is not the raw one") };
    for index in [0, 1, WORDS - 1] {
        let offset = STORAGE + 4 * index;
        let place = SCRATCH.at(index).map_err(|_| "there is no such scratch word")?;
        write(bus, offset, 0x600d_0000 + index)?;
        same(io.read(place).map_err(|_| FAILED)?.get() == 0x600d_0000 + index)?;
        io.write_word(place, 0xcafe_0000 + index).map_err(|_| FAILED)?;
        same(read::<u32>(bus, offset)? == 0xcafe_0000 + index)?;
        io.write(place, nova_core::field!(SCRATCH::FIELD, 0x1000_0001)).map_err(|_| FAILED)?;
        same(io.read_untyped(at(offset)?).map_err(|_| FAILED)? == 0x1000_0001)?;
        io.modify(place, nova_core::field!(SCRATCH::FIELD, 7)).map_err(|_| FAILED)?;
        let word = io.read_untyped(at(offset)?).map_err(|_| FAILED)?;
        io.write_untyped(at(offset)?, word.wrapping_add(1)).map_err(|_| FAILED)?;
        same(read::<u32>(bus, offset)? == 8)?;
    }
    Ok(())
}

fn window_ends(bus: &impl Bus, ends: &[u32]) -> Found {
    // Whatever is there: it answers, and answers the same at every width.
    for offset in [0, WINDOW_SIZE - 4] {
        let word = read::<u32>(bus, offset)?;
        holds(bus, offset + 3, (word >> 24) as u8, "a byte is not that of its word")?;
        holds(bus, offset + 2, (word >> 16) as u16, "a half is not that of its word")?;
    }
    for offset in ends.iter().copied() {
        write(bus, offset, 0x0102_0304_u32 ^ offset)?;
        holds(bus, offset, 0x0102_0304_u32 ^ offset, "the window's end is no storage")?;
        let last = offset.checked_add(3).ok_or("there is no such offset")?;
        write(bus, last, 0xee_u8)?;
        holds(bus, last, 0xee_u8, "the window's end is no storage")?;
    }
    Ok(())
}
