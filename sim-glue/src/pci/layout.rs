//! Where the capabilities of a chip are, and what they say.
//!
//! Known (O, public logs): PM at 0x60 with MSI at 0x68 and one vector before Blackwell; MSI at 0x48 with 16 vectors and
//! mask bits on GB20x; MSI-X on parts that have virtual functions and not on an RTX 3060; NVIDIA's DVSEC on Blackwell.
//!
//! Inferred, since no source says:
//!
//! * GB10x has Hopper's MSI. Boards of class 3D are those with virtual functions, and have MSI-X with six vectors.
//! * PCI Express is at 0x78 and MSI-X at 0xC8; all chips have FLR; the DVSEC is the first extended capability.
//! * `No_Soft_Reset` is 0, so that both resets by config write exist. Many boards have 1: see [`PciOptions`].
//! * Virtual Channel at 0x100, AER at 0x420 and Secondary PCI Express at 0x900, with the fields a system looks at.

use nova_core::chip::Family;
use nova_core::chip::family::sets;

use crate::gpu::{Identity, VENDOR_ID};

use super::space::ConfigSpace;
use super::{Link, PciOptions, header};

pub(super) const PM: u16 = 0x60;
/// Power state and its companions, from the capability's start.
pub(super) const PMCSR: u16 = PM + 4;
pub(super) const NO_SOFT_RESET: u16 = 1 << 3;
pub(super) const POWER_STATE: u16 = 0b11;

pub(super) const PCIE: u16 = 0x78;
pub(super) const DEVCTL: u16 = PCIE + 8;
pub(super) const INITIATE_FLR: u16 = 1 << 15;

pub(super) const MSIX: u16 = 0xc8;
const MSIX_VECTORS: u16 = 6;
/// The tables are in BAR0, in the function's part of the virtual-function block.
const MSIX_TABLE: u32 = 0xb9_0000;
const MSIX_PENDING: u32 = 0xba_0000;

const DVSEC: u16 = 0x100;
pub(super) const FIREWALL: u16 = DVSEC + 8;
const VIRTUAL_CHANNEL: u16 = 0x100;
const AER: u16 = 0x420;
const SECONDARY_PCIE: u16 = 0x900;

/// What differs between chips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) msi: u16,
    /// Vectors, as a power of two.
    pub(super) msi_vectors_log2: u16,
    pub(super) msi_masks: bool,
    pub(super) msix: bool,
    pub(super) dvsec: bool,
    /// The fastest the chip can.
    pub(super) generation: u8,
}

impl Layout {
    pub(super) fn of(family: Family, class: u32) -> Self {
        let gb20x = family == Family::Gb202;
        Self {
            msi: if gb20x { 0x48 } else { 0x68 },
            msi_vectors_log2: if gb20x { 4 } else { 0 },
            msi_masks: gb20x,
            msix: class != super::CLASS_VGA,
            dvsec: sets::blackwell.contains(family),
            generation: match family {
                Family::Tu102 => 3,
                Family::Ga100 | Family::Ga102 | Family::Ad102 => 4,
                Family::Gh100 | Family::Gb100 | Family::Gb202 => 5,
            },
        }
    }

    /// Bytes from the MSI capability to its mask bits, which are behind the 64-bit address and the data.
    pub(super) const fn msi_mask_at(self) -> u16 {
        self.msi + 0x10
    }

    pub(super) fn build(self, space: &mut ConfigSpace, identity: &Identity, options: &PciOptions) {
        // In rising order, as boards have it.
        if self.msi < PM {
            self.msi(space);
        }
        power_management(space, options.no_soft_reset);
        if self.msi > PM {
            self.msi(space);
        }
        express(space, identity.class, self.generation, options.link);
        if self.msix {
            msix(space);
        }
        if self.dvsec {
            space.extended(DVSEC, 0x23, 1);
            // Vendor, revision 0 and 12 bytes; then the id 0, in the word whose bit 20 is the firewall.
            space.set_u32(DVSEC + 4, u32::from(VENDOR_ID) | 12 << 20);
        } else {
            virtual_channel(space);
        }
        error_reporting(space);
        space.extended(SECONDARY_PCIE, 0x19, 1);
    }

    fn msi(self, space: &mut ConfigSpace) {
        const ADDRESS_64: u16 = 1 << 7;
        const MASKS: u16 = 1 << 8;
        space.capability(self.msi, 0x05);
        let masks = if self.msi_masks { MASKS } else { 0 };
        space.set_u16(self.msi + 2, ADDRESS_64 | masks | self.msi_vectors_log2 << 1);
        // Enable, and the number of vectors in use.
        space.let_write(self.msi + 2, 0x71);
        space.let_write(self.msi + 4, 0xffff_fffc);
        space.let_write(self.msi + 8, u32::MAX);
        space.let_write(self.msi + 12, 0xffff);
        if self.msi_masks {
            space.let_write(self.msi_mask_at(), (1 << (1 << self.msi_vectors_log2)) - 1);
        }
    }
}

fn power_management(space: &mut ConfigSpace, no_soft_reset: bool) {
    const VERSION: u16 = 3;
    const PME_FROM_D0_AND_D3HOT: u16 = 1 << 11 | 1 << 14;
    const PME_ENABLE: u32 = 1 << 8;
    const PME_STATUS: u32 = 1 << 15;
    space.capability(PM, 0x01);
    space.set_u16(PM + 2, VERSION | PME_FROM_D0_AND_D3HOT);
    space.set_u16(PMCSR, if no_soft_reset { NO_SOFT_RESET } else { 0 });
    space.let_write(PMCSR, u32::from(POWER_STATE) | PME_ENABLE);
    space.let_clear(PMCSR, PME_STATUS);
}

fn express(space: &mut ConfigSpace, class: u32, fastest: u8, link: Option<Link>) {
    const VERSION: u16 = 2;
    const LEGACY_ENDPOINT: u16 = 1 << 4;
    const PAYLOAD_256: u32 = 1;
    const EXTENDED_TAG: u32 = 1 << 5;
    const ROLE_BASED_ERRORS: u32 = 1 << 15;
    const FLR: u32 = 1 << 28;
    let link = link.unwrap_or(Link { generation: fastest, width: Link::WIDEST });
    let speeds = |generation: u8| (1_u32 << (generation + 1)) - 2;

    space.capability(PCIE, 0x10);
    // I/O ports are for legacy endpoints only.
    let kind = if class == super::CLASS_VGA { LEGACY_ENDPOINT } else { 0 };
    space.set_u16(PCIE + 2, VERSION | kind);
    space.set_u32(PCIE + 4, PAYLOAD_256 | EXTENDED_TAG | ROLE_BASED_ERRORS | FLR);
    // Relaxed order, extended tag, no snoop; largest read 512.
    space.set_u16(DEVCTL, 0x2910);
    space.let_write(DEVCTL, 0xffff);
    space.let_clear(DEVCTL + 2, 0xf);
    space.set_u32(PCIE + 0xc, u32::from(fastest) | u32::from(Link::WIDEST) << 4);
    // ASPM, common clock, extended sync.
    space.let_write(PCIE + 0x10, 0x01cb);
    space.set_u16(PCIE + 0x12, u16::from(link.generation) | u16::from(link.width) << 4);
    // Completion timeouts: ranges A to D, and off.
    space.set_u32(PCIE + 0x24, 0x1f);
    space.let_write(PCIE + 0x28, 0x1f);
    space.set_u32(PCIE + 0x2c, speeds(fastest));
    space.set_u16(PCIE + 0x30, u16::from(fastest));
    space.let_write(PCIE + 0x30, 0xf);
}

fn msix(space: &mut ConfigSpace) {
    space.capability(MSIX, 0x11);
    space.set_u16(MSIX + 2, MSIX_VECTORS - 1);
    // Enable, and the mask of all.
    space.let_write(MSIX + 2, 0xc000);
    // Bits 2:0 are the BAR: 0.
    space.set_u32(MSIX + 4, MSIX_TABLE);
    space.set_u32(MSIX + 8, MSIX_PENDING);
}

fn virtual_channel(space: &mut ConfigSpace) {
    space.extended(VIRTUAL_CHANNEL, 0x02, 1);
    // Channel 0 carries all traffic classes, of which class 0 cannot be taken away.
    space.set_u32(VIRTUAL_CHANNEL + 0x14, 0x8000_00ff);
    space.let_write(VIRTUAL_CHANNEL + 0x14, 0xfe);
}

fn error_reporting(space: &mut ConfigSpace) {
    const UNCORRECTABLE: u32 = 0x0030_f030;
    const CORRECTABLE: u32 = 0x0000_31c1;
    space.extended(AER, 0x01, 2);
    space.let_clear(AER + 4, UNCORRECTABLE);
    space.let_write(AER + 8, UNCORRECTABLE);
    space.set_u32(AER + 0xc, 0x0006_2030 & UNCORRECTABLE);
    space.let_write(AER + 0xc, UNCORRECTABLE);
    space.let_clear(AER + 0x10, CORRECTABLE);
    // Advisory non-fatal errors are masked at reset.
    space.set_u32(AER + 0x14, 1 << 13);
    space.let_write(AER + 0x14, CORRECTABLE);
}

/// Vectors of MSI-X.
pub(super) const fn msix_vectors() -> u16 {
    MSIX_VECTORS
}

/// Offsets of the type-0 header's chain, for whoever checks it.
const _: () = assert!(header::CAPABILITIES < PM);
