//! Messages from numbers, some of them damaged.

use nova_backends::vfio_user::{Command, DmaAccess, HEADER_SIZE, RegionAccess, RegionData, Request};
use nova_sim_glue::Rng;

/// Longer than any message that is made here.
pub(crate) const LONGEST: usize = 8192;
/// Memory that the client has for a server that asks.
pub(crate) const MEMORY: std::ops::Range<u64> = 0x1_0000..0x2_0000;

/// What decides about a message.
pub(crate) fn decisions(rng: &mut Rng) -> [u8; 256] {
    let mut bytes = [0; 256];
    for word in bytes.chunks_exact_mut(8) {
        word.copy_from_slice(&rng.next().to_le_bytes());
    }
    bytes
}

pub(crate) fn command(rng: &mut Rng) -> Command {
    // Half of all traffic is of these, as in life.
    const FREQUENT: [Command; 2] = [Command::RegionRead, Command::RegionWrite];
    match rng.below(2) {
        0 => FREQUENT[rng.below(2) as usize],
        _ => Command::ALL[rng.below(Command::ALL.len() as u64) as usize],
    }
}

/// The same request where it mostly meets something that is there, and moves little.
pub(crate) fn near<'a>(request: Request<'a>, rng: &mut Rng) -> Request<'a> {
    if rng.below(64) == 0 {
        return request;
    }
    // BAR0, BAR1, BAR3, configuration space, the ROM, and one that is not there; an offset that is mostly inside.
    let (region, size) =
        [(0, 1 << 24), (0, 1 << 24), (1, 1 << 28), (3, 1 << 25), (7, 4096), (6, 1 << 19), (9, 64)]
            [rng.below(7) as usize];
    let offset = |offset: u64| offset % size;
    match request {
        Request::RegionRead(access) => Request::RegionRead(RegionAccess {
            offset: offset(access.offset),
            region,
            count: access.count % 64,
        }),
        Request::RegionWrite(write) => {
            Request::RegionWrite(RegionData { offset: offset(write.offset), region, ..write })
        }
        Request::DmaRead(access) => Request::DmaRead(DmaAccess {
            address: MEMORY.start + access.address % 0x1_0000,
            count: access.count % 256,
        }),
        Request::DmaWrite { address, data } => {
            Request::DmaWrite { address: MEMORY.start + address % 0x1_0000, data }
        }
        other => other,
    }
}

/// Changes some bytes of one message in eight; those of the header, which ends most connections, of one in two thousand.
pub(crate) fn damage(message: &mut [u8], rng: &mut Rng) -> bool {
    let from = match rng.below(2048) {
        0 => 0,
        1..256 if message.len() > HEADER_SIZE => HEADER_SIZE,
        _ => return false,
    };
    for _ in 0..=rng.below(3) {
        let at = from + rng.below((message.len() - from) as u64) as usize;
        message[at] ^= rng.next() as u8 | 1;
    }
    true
}

/// The same, but the message stays as long as it says: whoever waits for the rest of one waits until its deadline.
pub(crate) fn damage_in_step(message: &mut [u8], rng: &mut Rng) {
    const SIZE: std::ops::Range<usize> = 4..8;
    let size: [u8; 4] = std::array::from_fn(|byte| message[SIZE.start + byte]);
    damage(message, rng);
    message[SIZE].copy_from_slice(&size);
}
