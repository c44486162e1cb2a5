//! The chipsets: one row each.
//!
//! Adding a chip is adding a row; the enum, the look-ups and the tests follow. Chip ids are [H], from Linux
//! 7.3's nova-core and nouveau and from OGKM's nv_ref.h and hal_mgr.c. Values of BOOT_0 and BOOT_42 are only
//! those seen in public logs [O]; where there is none, `boot0 & 0x1ff00000 | (boot0 & 0xff) << 12` gives a
//! BOOT_42 that fits both pairs known [I].
//!
//! [H]: crate::regs
//! [O]: crate::regs
//! [I]: crate::regs

use core::fmt;

use super::Family;

/// An architecture, by the number in BOOT_0 and BOOT_42.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Architecture {
    /// TU10x and TU11x.
    Turing = 0x16,
    /// GA10x.
    Ampere = 0x17,
    /// GH100.
    Hopper = 0x18,
    /// AD10x.
    Ada = 0x19,
    /// GB10x and GB11x, the datacentre chips.
    BlackwellGb1xx = 0x1a,
    /// GB20x.
    BlackwellGb2xx = 0x1b,
}

impl Architecture {
    /// All architectures, by their number.
    pub const ALL: [Self; 6] =
        [Self::Turing, Self::Ampere, Self::Hopper, Self::Ada, Self::BlackwellGb1xx, Self::BlackwellGb2xx];

    /// The number in the ARCHITECTURE field of BOOT_42.
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// The architecture with this number in the ARCHITECTURE field of BOOT_42.
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.id() == id)
    }
}

/// The marketing name: both Blackwell numbers are "Blackwell".
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Turing => "Turing",
            Self::Ampere => "Ampere",
            Self::Hopper => "Hopper",
            Self::Ada => "Ada",
            Self::BlackwellGb1xx | Self::BlackwellGb2xx => "Blackwell",
        })
    }
}

/// What is known of a chipset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Row {
    /// The chipset.
    pub chipset: Chipset,
    /// Chip id: architecture and implementation, as in bits 29:20 of BOOT_42.
    pub id: u32,
    /// NVIDIA's code name.
    pub name: &'static str,
    /// The architecture.
    pub architecture: Architecture,
    /// Whose registers it has. A doubt for the SoCs: see [`Chipset`].
    pub family: Family,
    /// The GPU of a system on a chip, not a PCI card.
    pub soc: bool,
    /// Whether nova-core of Linux 7.3 drives it.
    pub in_nova_7_3: bool,
    /// Size of BAR0 in bytes. Seen on Turing to Hopper, GB202 and GB203; a guess for the rest.
    pub bar0_size: u32,
    /// BOOT_0, where a value was seen.
    pub boot_0: Option<u32>,
    /// BOOT_42, where a value was seen.
    pub boot_42: Option<u32>,
    /// One of the boards, where one is known.
    pub board: Option<Board>,
}

/// A board with the chip, as PCI shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Board {
    /// Its name.
    pub name: &'static str,
    /// PCI device id; the vendor is 0x10DE.
    pub device: u16,
    /// PCI class code: 0x030000 VGA, 0x030200 3D controller. That boards with an output are VGA and those
    /// without 3D is the rule; a laptop's second GPU may be either.
    pub class: u32,
}

macro_rules! chipsets {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident = $id:literal, $architecture:ident, $family:ident, $kind:ident, $nova:ident,
        $bar0:ident, $boot_0:tt, $boot_42:tt, $board:tt;
    )*) => {
        /// A chip of the GSP generation, by NVIDIA's code name.
        ///
        /// The three GPUs of systems on a chip (GB10B, GB20B, GB20C) are told apart by their ids, but no
        /// source here says how alike their registers are to the cards': their family is the nearest by
        /// number. OGKM keeps the offset of system time in software on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Chipset {
            $(
                #[doc = concat!(stringify!($name), ", chip id ", stringify!($id), ".")]
                $(#[doc = ""] #[doc = $doc])*
                $name,
            )*
        }

        impl Chipset {
            /// Every chipset, by id.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The chipset with this chip id: bits 28:20 of BOOT_0 or bits 29:20 of BOOT_42.
            pub const fn from_id(id: u32) -> Option<Self> {
                match id {
                    $($id => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// What is known of it.
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$name => const { &Row {
                        chipset: Self::$name,
                        id: $id,
                        name: stringify!($name),
                        architecture: Architecture::$architecture,
                        family: Family::$family,
                        soc: chipsets!(@soc $kind),
                        in_nova_7_3: chipsets!(@nova $nova),
                        bar0_size: $bar0,
                        boot_0: chipsets!(@seen $boot_0),
                        boot_42: chipsets!(@seen $boot_42),
                        board: chipsets!(@board $board),
                    } },)*
                }
            }
        }
    };
    (@soc card) => { false };
    (@soc soc) => { true };
    (@nova nova) => { true };
    (@nova other) => { false };
    (@seen _) => { None };
    (@seen $value:literal) => { Some($value) };
    (@board _) => { None };
    (@board ($class:ident $device:literal $name:literal)) => {
        Some(Board { name: $name, device: $device, class: $class })
    };
}

const VGA: u32 = 0x030000;
const D3: u32 = 0x030200;
const MIB_16: u32 = 16 << 20;
const MIB_64: u32 = 64 << 20;

// `_` is "not seen" or "not known"; `nova` is driven by nova-core 7.3, `other` is not.
chipsets! {
    // chip = id, architecture, family, kind, nova, BAR0, BOOT_0, BOOT_42, board
    TU102 = 0x162, Turing, Tu102, card, nova, MIB_16, 0x162000A1, _, (VGA 0x1e07 "GeForce RTX 2080 Ti");
    TU104 = 0x164, Turing, Tu102, card, nova, MIB_16, 0x164000A1, _, (VGA 0x1e82 "GeForce RTX 2080");
    TU106 = 0x166, Turing, Tu102, card, nova, MIB_16, 0x166000A1, _, (VGA 0x1f08 "GeForce RTX 2060");
    TU117 = 0x167, Turing, Tu102, card, nova, MIB_16, 0x167000A1, _, (VGA 0x1f82 "GeForce GTX 1650");
    TU116 = 0x168, Turing, Tu102, card, nova, MIB_16, 0x168000A1, _, (VGA 0x2182 "GeForce GTX 1660 Ti");
    GA100 = 0x170, Ampere, Ga100, card, nova, MIB_16, 0x170000A1, _, (D3 0x20b0 "A100-SXM4-40GB");
    // The GA10x chips read 5 in bits 31:29 of BOOT_0; seen on all but GA103, of which no value is public.
    GA102 = 0x172, Ampere, Ga102, card, nova, MIB_16, 0xB72000A1, _, (VGA 0x2204 "GeForce RTX 3090");
    GA103 = 0x173, Ampere, Ga102, card, nova, MIB_16, _, _, (VGA 0x2420 "GeForce RTX 3080 Ti Laptop");
    GA104 = 0x174, Ampere, Ga102, card, nova, MIB_16, 0xB74000A1, _, (VGA 0x2484 "GeForce RTX 3070");
    GA106 = 0x176, Ampere, Ga102, card, nova, MIB_16, 0xB76000A1, 0x176A1000, (VGA 0x2504 "GeForce RTX 3060");
    GA107 = 0x177, Ampere, Ga102, card, nova, MIB_16, 0xB77000A1, _, (VGA 0x25a0 "GeForce RTX 3050 Ti Laptop");
    /// A variant of GA102 that only NVIDIA's driver lists.
    GA102F = 0x17F, Ampere, Ga102, card, other, MIB_16, _, _, _;
    GH100 = 0x180, Hopper, Gh100, card, nova, MIB_16, 0x180000A1, _, (D3 0x2330 "H100 80GB HBM3");
    AD102 = 0x192, Ada, Ad102, card, nova, MIB_16, 0x192000A1, _, (VGA 0x2684 "GeForce RTX 4090");
    AD103 = 0x193, Ada, Ad102, card, nova, MIB_16, _, _, (VGA 0x2704 "GeForce RTX 4080");
    AD104 = 0x194, Ada, Ad102, card, nova, MIB_16, 0x194000A1, _, (VGA 0x2782 "GeForce RTX 4070 Ti");
    AD106 = 0x196, Ada, Ad102, card, nova, MIB_16, _, _, (VGA 0x2803 "GeForce RTX 4060 Ti");
    AD107 = 0x197, Ada, Ad102, card, nova, MIB_16, 0x197000A1, _, (VGA 0x2882 "GeForce RTX 4060");
    // No log shows a BAR0 of GB1xx: 16 MiB, the least of all chips, is a guess. The device ids of GB102 (2980
    // to 29FF) and GB112 (3200 to 327F) are known as ranges only.
    GB100 = 0x1A0, BlackwellGb1xx, Gb100, card, nova, MIB_16, _, _, (D3 0x2901 "B200");
    GB102 = 0x1A2, BlackwellGb1xx, Gb100, card, nova, MIB_16, _, _, _;
    GB110 = 0x1A3, BlackwellGb1xx, Gb100, card, other, MIB_16, _, _, (D3 0x3182 "B300");
    GB112 = 0x1A4, BlackwellGb1xx, Gb100, card, other, MIB_16, _, _, _;
    /// The GPU of a system on a chip. That it is near GB100 is a guess from its number.
    GB10B = 0x1AB, BlackwellGb1xx, Gb100, soc, other, MIB_16, _, _, _;
    GB202 = 0x1B2, BlackwellGb2xx, Gb202, card, nova, MIB_64, 0x1B2000A1, 0x1B2A1000, (VGA 0x2b85 "GeForce RTX 5090");
    GB203 = 0x1B3, BlackwellGb2xx, Gb202, card, nova, MIB_64, 0x1B3000A1, _, (VGA 0x2c02 "GeForce RTX 5080");
    // 64 MiB was seen on GB202 and GB203; that the other GB20x have it too is a guess.
    GB205 = 0x1B5, BlackwellGb2xx, Gb202, card, nova, MIB_64, 0x1B5000A1, _, (VGA 0x2f04 "GeForce RTX 5070");
    GB206 = 0x1B6, BlackwellGb2xx, Gb202, card, nova, MIB_64, 0x1B6000A1, _, (VGA 0x2d04 "GeForce RTX 5060 Ti");
    GB207 = 0x1B7, BlackwellGb2xx, Gb202, card, nova, MIB_64, _, _, (VGA 0x2d83 "GeForce RTX 5050");
    /// The GPU of a system on a chip. That it is near GB202 is a guess from its number.
    GB20B = 0x1BB, BlackwellGb2xx, Gb202, soc, other, MIB_16, _, _, _;
    /// The GPU of a system on a chip. That it is near GB202 is a guess from its number.
    GB20C = 0x1BC, BlackwellGb2xx, Gb202, soc, other, MIB_16, _, _, _;
}

impl Chipset {
    /// The chipset called `name`, in any case: `ga102`.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|chipset| chipset.row().name.eq_ignore_ascii_case(name))
    }

    /// The chip id.
    pub const fn id(self) -> u32 {
        self.row().id
    }

    /// The architecture.
    pub const fn architecture(self) -> Architecture {
        self.row().architecture
    }

    /// Whose registers it has.
    pub const fn family(self) -> Family {
        self.row().family
    }
}

/// NVIDIA's code name.
impl fmt::Display for Chipset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.row().name)
    }
}
