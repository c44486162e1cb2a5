//! The expansion ROM: a header and a PCI data structure around nothing, so that who looks for a ROM finds a valid one.
//!
//! Layout from the PCI Firmware Specification 3. The image holds no code: its entry is a far return. The ROM window of
//! BAR0 (PROM) is a different view on real boards; here it shows an erased flash.

use super::bars::ROM_SIZE;
use crate::gpu::{Identity, VENDOR_ID};

const BLOCK: usize = 512;
const PCIR: usize = 0x20;
const PCIR_LEN: u16 = 0x18;
/// What flash reads where nothing was written.
const ERASED: u8 = 0xff;
const FAR_RETURN: u8 = 0xcb;
/// Code type 0: for the processor of a PC.
const PC_AT: u8 = 0;
const LAST_IMAGE: u8 = 0x80;

/// The ROM: an image in its first block, nothing after it.
#[derive(Debug, Clone)]
pub(super) struct Rom(Box<[u8; BLOCK]>);

impl Rom {
    pub(super) fn of(identity: &Identity) -> Self {
        Self(Box::new(image(identity)))
    }

    /// Reads as far as the ROM goes; false when it does not reach.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> bool {
        let inside = offset.checked_add(into.len() as u64).is_some_and(|end| end <= ROM_SIZE);
        if inside {
            for (index, byte) in (offset as usize..).zip(into) {
                *byte = self.0.get(index).copied().unwrap_or(ERASED);
            }
        }
        inside
    }
}

fn image(identity: &Identity) -> [u8; BLOCK] {
    let mut first = [0; BLOCK];
    first[..4].copy_from_slice(&[0x55, 0xaa, 1, FAR_RETURN]);
    first[0x18..0x1a].copy_from_slice(&(PCIR as u16).to_le_bytes());
    let data = &mut first[PCIR..PCIR + usize::from(PCIR_LEN)];
    data[..4].copy_from_slice(b"PCIR");
    data[4..6].copy_from_slice(&VENDOR_ID.to_le_bytes());
    data[6..8].copy_from_slice(&identity.device_id.to_le_bytes());
    data[10..12].copy_from_slice(&PCIR_LEN.to_le_bytes());
    data[13..16].copy_from_slice(&identity.class.to_le_bytes()[..3]);
    data[16..18].copy_from_slice(&1_u16.to_le_bytes());
    data[20] = PC_AT;
    data[21] = LAST_IMAGE;
    // All bytes of the image add up to zero.
    let sum = first.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    first[BLOCK - 1] = sum.wrapping_neg();
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::SimConfig;
    use nova_core::chip::Chipset;

    #[test]
    fn the_image_is_one_that_firmware_accepts() {
        let source = Rom::of(&Identity::of(&SimConfig::new(Chipset::GA102)));
        let mut rom = vec![0; 512 << 10];
        assert!(source.read(0, &mut rom));
        assert!(!source.read(1, &mut rom) && !source.read(u64::MAX, &mut [0]));
        assert_eq!(&rom[..2], [0x55, 0xaa]);
        let size = usize::from(rom[2]) * BLOCK;
        assert_eq!(rom[..size].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)), 0);
        let data = usize::from(u16::from_le_bytes([rom[0x18], rom[0x19]]));
        assert_eq!(&rom[data..data + 8], [b'P', b'C', b'I', b'R', 0xde, 0x10, 0x04, 0x22]);
        assert_eq!(&rom[data + 13..data + 16], [0, 0, 3]);
        assert_eq!(rom[data + 21] & LAST_IMAGE, LAST_IMAGE);
        assert!(rom[size..].iter().all(|byte| *byte == ERASED));
    }
}
