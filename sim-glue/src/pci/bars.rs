//! The memory and I/O windows of a chip.

use crate::gpu::Identity;

use super::{PciOptions, header};

/// BAR3's size: NVIDIA's drivers call it BAR2, and keep instance memory behind it.
const BAR3_SIZE: u64 = 32 << 20;
/// BAR5's size: the legacy I/O ports.
const BAR5_SIZE: u64 = 128;
/// The size of the expansion ROM.
pub(super) const ROM_SIZE: u64 = 512 << 10;

const MEMORY_64: u32 = 0b100;
const PREFETCHABLE: u32 = 0b1000;
const IO: u32 = 0b1;
const ROM_ENABLE: u32 = 1;

/// A window, by its place in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Which: 0 to 5.
    pub index: u8,
    /// Its size in bytes, a power of two.
    pub size: u64,
    /// What it is.
    pub kind: BarKind,
}

/// The kinds of window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarKind {
    /// 32-bit memory, not prefetchable: registers.
    Registers,
    /// 64-bit prefetchable memory; takes the next place as well.
    Memory,
    /// I/O ports.
    Ports,
}

impl Bar {
    /// The windows of a chip, by their index. Sizes are powers of two; a caller checked that of BAR1.
    pub(super) fn of(identity: &Identity, options: &PciOptions) -> Vec<Self> {
        let mut all = vec![
            Self { index: 0, size: u64::from(identity.bar0_size), kind: BarKind::Registers },
            Self { index: 1, size: options.bar1_size, kind: BarKind::Memory },
            Self { index: 3, size: BAR3_SIZE, kind: BarKind::Memory },
        ];
        if identity.class == super::CLASS_VGA {
            all.push(Self { index: 5, size: BAR5_SIZE, kind: BarKind::Ports });
        }
        all
    }

    const fn flags(self) -> u32 {
        match self.kind {
            BarKind::Registers => 0,
            BarKind::Memory => MEMORY_64 | PREFETCHABLE,
            BarKind::Ports => IO,
        }
    }

    /// Writes the register: its kind, and the address bits that exist, which all-ones written tell the size by.
    pub(super) fn build(self, space: &mut super::space::ConfigSpace) {
        let at = header::BARS + u16::from(self.index) * 4;
        let address = !(self.size - 1);
        space.set_u32(at, self.flags());
        space.let_write(at, address as u32);
        if self.kind == BarKind::Memory {
            space.let_write(at + 4, (address >> 32) as u32);
        }
    }
}

/// The expansion ROM's register.
pub(super) fn build_rom(space: &mut super::space::ConfigSpace) {
    space.let_write(header::ROM, !(ROM_SIZE as u32 - 1) | ROM_ENABLE);
}
