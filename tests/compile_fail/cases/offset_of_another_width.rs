//! E0308: an offset checked for bytes is not one for words.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io, Offset};

#[cfg(trybuild)]
type Word = u8;
#[cfg(not(trybuild))]
type Word = u32;

fn read<B: Bus>(io: Io<'_, B>, at: Offset<Word>) {
    let _ = io.read_untyped(at);
}

fn main() {}
