//! What the identification registers and PCI say of a simulated chip.

use nova_core::chip::{Chipset, Family};

use super::SimConfig;

/// How a GPU shows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Which chip.
    pub chipset: Chipset,
    /// BOOT_0.
    pub boot_0: u32,
    /// BOOT_1.
    pub boot_1: u32,
    /// BOOT_42.
    pub boot_42: u32,
    /// Whether BOOT_0 is made up by rule because no observed value is public.
    pub boot_0_derived: bool,
    /// Whether BOOT_42 is made up by rule because no observed value is public.
    pub boot_42_derived: bool,
    /// PCI device id; 0 where no board with the chip is known.
    pub device_id: u16,
    /// PCI class code, 24 bits.
    pub class: u32,
    /// PCI revision id; 0xA1 in every log.
    pub revision: u8,
    /// Size of BAR0 in bytes. Registers are in the first 16 MiB.
    pub bar0_size: u32,
}

/// PCI vendor id of NVIDIA.
pub const VENDOR_ID: u16 = 0x10de;
/// Stepping A1, the only one in the public logs.
const A1: u32 = 0xa1;
/// What GA10x made by Samsung reads in bits 31:29 of BOOT_0.
const FOUNDRY_GA10X: u32 = 5 << 29;
const CLASS_VGA: u32 = 0x030000;

impl Identity {
    /// The identity of a chip of `config`.
    pub const fn of(config: &SimConfig) -> Self {
        let row = config.chipset.row();
        let (boot_0, boot_0_derived) = match row.boot_0 {
            Some(seen) => (seen, false),
            None => (derived_boot_0(config.chipset), true),
        };
        let (boot_42, boot_42_derived) = match row.boot_42 {
            Some(seen) => (seen, false),
            // The one rule that fits both pairs that were seen (GA106, GB202): inferred.
            None => ((boot_0 & 0x1ff0_0000) | (boot_0 & 0xff) << 12, true),
        };
        let (board_id, class) = match row.board {
            Some(board) => (board.device, board.class),
            None => (0, CLASS_VGA),
        };
        let device_id = match config.device_id {
            Some(id) => id,
            None => board_id,
        };
        Self {
            chipset: config.chipset,
            boot_0,
            boot_1: config.function.boot_1(),
            boot_42,
            boot_0_derived,
            boot_42_derived,
            device_id,
            class,
            revision: A1 as u8,
            bar0_size: row.bar0_size,
        }
    }

    /// The first words of PCI configuration space: id, command and status, class and revision.
    pub const fn config_words(&self) -> [u32; 3] {
        let id = (self.device_id as u32) << 16 | VENDOR_ID as u32;
        // Memory and bus mastering on; a capability list.
        let command = 0x0010_0006;
        [id, command, self.class << 8 | self.revision as u32]
    }
}

const fn derived_boot_0(chipset: Chipset) -> u32 {
    let foundry = if matches!(chipset.family(), Family::Ga102) { FOUNDRY_GA10X } else { 0 };
    foundry | chipset.id() << 20 | A1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(chipset: Chipset) -> Identity {
        Identity::of(&SimConfig::new(chipset))
    }

    #[test]
    fn observed_values_are_used_as_they_are() {
        let ga106 = identity(Chipset::GA106);
        assert_eq!((ga106.boot_0, ga106.boot_42), (0xB760_00A1, 0x176A_1000));
        assert!(!ga106.boot_0_derived && !ga106.boot_42_derived);
    }

    #[test]
    fn derived_values_follow_the_rules_and_say_so() {
        let ga103 = identity(Chipset::GA103);
        assert_eq!((ga103.boot_0, ga103.boot_42), (0xB730_00A1, 0x173A_1000));
        assert!(ga103.boot_0_derived && ga103.boot_42_derived);
        assert_eq!(identity(Chipset::AD103).boot_0, 0x1930_00A1);
        assert!(identity(Chipset::TU102).boot_42_derived);
    }

    #[test]
    fn every_chip_decodes_to_itself() {
        for chipset in Chipset::ALL {
            let identity = identity(*chipset);
            assert_eq!(identity.boot_0 >> 20 & 0x1ff, chipset.id(), "{chipset}");
            assert_eq!(identity.boot_42 >> 20, chipset.id(), "{chipset}");
        }
    }
}
