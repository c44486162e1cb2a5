//! E0080: an offset is inside the 16 MiB window; a constant one is checked by the compiler.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Offset, WINDOW_SIZE};

#[cfg(trybuild)]
const BYTES: u32 = WINDOW_SIZE;
#[cfg(not(trybuild))]
const BYTES: u32 = WINDOW_SIZE - 4;

const LAST: Offset<u32> = match Offset::new(BYTES) {
    Ok(offset) => offset,
    Err(_) => panic!("outside"),
};

fn main() {}
