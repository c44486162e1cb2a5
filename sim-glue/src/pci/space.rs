//! Configuration space: 4 KiB, each bit of which is read-only, writable, or cleared by writing one.

/// Bytes of PCI Express config space.
pub const CONFIG_SIZE: usize = 0x1000;
/// First extended capability.
const EXTENDED: u16 = 0x100;

/// An access that does not lie in config space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "config space has no bytes {offset:#x} to {offset:#x}+{len}; it has {CONFIG_SIZE} bytes, and an access stays inside"
)]
pub struct ConfigRangeError {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub len: usize,
}

/// One bit of a function, named by its byte and mask.
pub(super) type Byte = u16;

/// The bytes and what a write does to them.
#[derive(Clone)]
pub(super) struct ConfigSpace {
    bytes: Box<[u8; CONFIG_SIZE]>,
    writable: Box<[u8; CONFIG_SIZE]>,
    write_1_clears: Box<[u8; CONFIG_SIZE]>,
    /// Where the next capability's offset goes: the pointer of the header, then of each capability.
    link: u16,
    extended_link: Option<u16>,
}

impl ConfigSpace {
    pub(super) fn new() -> Self {
        let zero = || Box::new([0; CONFIG_SIZE]);
        Self {
            bytes: zero(),
            writable: zero(),
            write_1_clears: zero(),
            link: super::header::CAPABILITIES,
            extended_link: None,
        }
    }

    /// Sets read-only bytes, little-endian. Offsets come from this module's tables and its tests build every chip.
    pub(super) fn set(&mut self, at: Byte, bytes: &[u8]) {
        let at = usize::from(at);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(super) fn set_u16(&mut self, at: Byte, value: u16) {
        self.set(at, &value.to_le_bytes());
    }

    pub(super) fn set_u32(&mut self, at: Byte, value: u32) {
        self.set(at, &value.to_le_bytes());
    }

    /// Lets writes change the bits of `mask`.
    pub(super) fn let_write(&mut self, at: Byte, mask: u32) {
        merge(&mut self.writable[usize::from(at)..], mask);
    }

    /// Lets ones clear the bits of `mask`.
    pub(super) fn let_clear(&mut self, at: Byte, mask: u32) {
        merge(&mut self.write_1_clears[usize::from(at)..], mask);
    }

    /// Appends a capability to the chain; its first two bytes are filled in.
    pub(super) fn capability(&mut self, at: Byte, id: u8) {
        self.set(at, &[id, 0]);
        self.set(self.link, &[at as u8]);
        self.link = at + 1;
    }

    /// Appends an extended capability; the first has to be at 0x100.
    pub(super) fn extended(&mut self, at: Byte, id: u16, version: u8) {
        self.set_u32(at, u32::from(id) | u32::from(version) << 16);
        match self.extended_link {
            None => assert_eq!(at, EXTENDED, "the chain of extended capabilities begins at 0x100"),
            Some(last) => {
                let header = self.u32(last) | u32::from(at) << 20;
                self.set_u32(last, header);
            }
        }
        self.extended_link = Some(at);
    }

    pub(super) fn u8(&self, at: Byte) -> u8 {
        self.bytes[usize::from(at)]
    }

    pub(super) fn u16(&self, at: Byte) -> u16 {
        u16::from_le_bytes([self.u8(at), self.u8(at + 1)])
    }

    pub(super) fn u32(&self, at: Byte) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }

    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> Result<(), ConfigRangeError> {
        let start = check(at, into.len())?;
        into.copy_from_slice(&self.bytes[start..start + into.len()]);
        Ok(())
    }

    /// A write from the bus, byte by byte as the masks allow.
    pub(super) fn write(&mut self, at: u64, from: &[u8]) -> Result<(), ConfigRangeError> {
        let start = check(at, from.len())?;
        let bytes = self.bytes[start..].iter_mut().zip(&self.writable[start..]);
        for (((byte, writable), clears), value) in bytes.zip(&self.write_1_clears[start..]).zip(from) {
            *byte = (*byte & !writable | value & writable) & !(value & clears);
        }
        Ok(())
    }
}

fn merge(masks: &mut [u8], mask: u32) {
    for (byte, bits) in masks.iter_mut().zip(mask.to_le_bytes()) {
        *byte |= bits;
    }
}

/// The first byte's index, once all of the access is known to be inside.
fn check(offset: u64, len: usize) -> Result<usize, ConfigRangeError> {
    let start = usize::try_from(offset).ok();
    let inside = start.filter(|start| start.checked_add(len).is_some_and(|end| end <= CONFIG_SIZE));
    inside.ok_or(ConfigRangeError { offset, len })
}

impl core::fmt::Debug for ConfigSpace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ConfigSpace({:#010x})", self.u32(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_rule_what_a_write_does() {
        let mut space = ConfigSpace::new();
        space.set_u32(0x40, 0xff00_00aa);
        space.let_write(0x40, 0x0000_000f);
        space.let_clear(0x40, 0x8000_0000);
        space.write(0x40, &[0xff, 0xff, 0xff, 0x40]).unwrap();
        assert_eq!(space.u32(0x40), 0xff00_00af);
        space.write(0x43, &[0x80]).unwrap();
        assert_eq!(space.u32(0x40), 0x7f00_00af);
    }

    #[test]
    fn nothing_lies_beyond_4_kib() {
        let mut space = ConfigSpace::new();
        assert!(space.read(0xffc, &mut [0; 4]).is_ok() && space.read(0x1000, &mut []).is_ok());
        for (at, len) in [(0xffd, 4), (0x1000, 1), (u64::MAX, 2), (0, CONFIG_SIZE + 1)] {
            assert_eq!(space.read(at, &mut vec![0; len]), Err(ConfigRangeError { offset: at, len }));
            assert!(space.write(at, &vec![0; len]).is_err());
        }
    }
}
