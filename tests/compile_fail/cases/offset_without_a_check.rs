//! E0308: a number is not an offset.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io, Offset};

fn read<B: Bus>(io: Io<'_, B>) {
    #[cfg(trybuild)]
    let _ = io.read_untyped(0x9400);
    #[cfg(not(trybuild))]
    let _ = io.read_untyped(Offset::new(0x9400).unwrap());
}

fn main() {}
