//! E0080: an offset is a multiple of the width of the access.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::Offset;

#[cfg(trybuild)]
const BYTES: u32 = 0x9402;
#[cfg(not(trybuild))]
const BYTES: u32 = 0x9400;

const TIME: Offset<u32> = match Offset::new(BYTES) {
    Ok(offset) => offset,
    Err(_) => panic!("not aligned"),
};

fn main() {}
