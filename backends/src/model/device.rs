//! What a device does beyond storing words.

use nova_core::bus::Offset;

use super::Cells;

/// What PRI answers for an address that no unit decodes: `0xBADF11xx`. The meaning of the low
/// byte is not documented (the sources in core's register files 4.3).
pub const DECODE_ERROR: u32 = 0xBADF_1100;

/// One write as it came over the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// The register. For an alias, the register it stands for.
    pub at: Offset<u32>,
    /// The value, in place: an 8-bit write of `0x12` to byte 1 is `0x1200`.
    pub value: u32,
    /// The bits that were on the wire: all ones for a 32-bit write, `0xFF00` for byte 1.
    pub lanes: u32,
}

#[cfg(feature = "defmt")]
impl defmt::Format for Write {
    // By hand because `Offset` has no format of its own.
    fn format(&self, f: defmt::Formatter<'_>) {
        let Self { at, value, lanes } = *self;
        defmt::write!(f, "Write({=u32:#x}, {=u32:#x}, {=u32:#x})", at.bytes(), value, lanes);
    }
}

/// Behaviour of a simulated device. Every method has a default, `()` is a device without any.
///
/// Methods get the register file and may change any of it, without further side effects.
pub trait Device {
    /// A [`Kind::Custom`](super::Kind::Custom) register is read. By default it gives its cell.
    #[inline]
    fn read(&mut self, cells: &mut Cells<'_>, id: u16, at: Offset<u32>) -> u32 {
        let _ = id;
        cells.get_at(at)
    }

    /// A [`Kind::Custom`](super::Kind::Custom) register is written. By default the bits written
    /// are stored in its cell.
    #[inline]
    fn write(&mut self, cells: &mut Cells<'_>, id: u16, write: Write) {
        let _ = id;
        cells.update_at(write.at, |old| (old & !write.lanes) | (write.value & write.lanes));
    }

    /// After a read of any register was answered with `value`: what reading sets off.
    #[inline]
    fn after_read(&mut self, cells: &mut Cells<'_>, at: Offset<u32>, value: u32) {
        let _ = (cells, at, value);
    }

    /// After a write to any register: `old` and `new` are the values of the cell it acted on.
    ///
    /// Called for writes that change nothing as well, since triggers and acknowledgements are
    /// often such.
    #[inline]
    fn wrote(&mut self, cells: &mut Cells<'_>, write: Write, old: u32, new: u32) {
        let _ = (cells, write, old, new);
    }

    /// A read where there is no register. Memories (a ROM, an instruction memory) live here too.
    /// `None` counts as a hole and reads as [`DECODE_ERROR`].
    #[inline]
    fn read_hole(&mut self, cells: &mut Cells<'_>, at: Offset<u32>) -> Option<u32> {
        let _ = (cells, at);
        None
    }

    /// A write where there is no register; says whether something took it. By default it is
    /// dropped and counted.
    #[inline]
    fn write_hole(&mut self, cells: &mut Cells<'_>, write: Write) -> bool {
        let _ = (cells, write);
        false
    }

    /// The device is reset: its cells have just returned to their reset values.
    #[inline]
    fn reset(&mut self, cells: &mut Cells<'_>) {
        let _ = cells;
    }
}

/// Registers and nothing else.
impl Device for () {}
