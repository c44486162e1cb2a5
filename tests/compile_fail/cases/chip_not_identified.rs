//! E0451: a proof of the family comes from a chip, and identification is what gives one.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io};
use nova_core::chip::{Chip, Chipset};

fn family<B: Bus>(io: Io<'_, B>) {
    #[cfg(trybuild)]
    let chip = Chip { chipset: Chipset::TU102, boot0: 0x162000a1, boot42: 0 };
    #[cfg(not(trybuild))]
    let chip = Chip::identify(io).unwrap();
    let _ = chip.proof();
}

fn main() {}
