//! A falcon's two memories and the ports through which the host reads and writes them.

/// What secure instruction memory reads as. Seen in dumps; that every read gives it is inferred.
const SECURE: u32 = 0xdead_5ec1;
/// Bits of a port's control register.
const COUNT_WRITES: u32 = 1 << 24;
const COUNT_READS: u32 = 1 << 25;
const MARK_SECURE: u32 = 1 << 28;
/// Instruction memory is in blocks of this many bytes, each with a tag.
pub(super) const BLOCK: u32 = 256;

/// One memory. Takes room only once something has been written.
#[derive(Debug)]
pub(super) struct Bank {
    size: u32,
    bytes: Vec<u8>,
}

impl Bank {
    const fn new(size: u32) -> Self {
        Self { size, bytes: Vec::new() }
    }

    /// Bytes.
    pub(super) const fn size(&self) -> u32 {
        self.size
    }

    /// Whether `len` bytes at `offset` are inside.
    pub(super) fn holds(&self, offset: u32, len: u32) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.size)
    }

    /// Copies bytes out. What is outside reads as zero.
    pub(super) fn read(&self, offset: u32, into: &mut [u8]) {
        let start = self.bytes.len().min(offset as usize);
        let from = self.bytes[start..].iter().copied().chain(std::iter::repeat(0));
        into.iter_mut().zip(from).for_each(|(to, byte)| *to = byte);
    }

    /// Copies bytes in. What is outside is dropped.
    pub(super) fn write(&mut self, offset: u32, from: &[u8]) {
        self.bytes.resize(self.size as usize, 0);
        let start = self.bytes.len().min(offset as usize);
        self.bytes[start..].iter_mut().zip(from).for_each(|(to, byte)| *to = *byte);
    }

    fn word(&self, offset: u32) -> u32 {
        let mut bytes = [0; 4];
        self.read(offset, &mut bytes);
        u32::from_le_bytes(bytes)
    }
}

/// One of the registers of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Control,
    Data,
    Tag,
}

/// Both memories and all ports. Addresses past the end read as zero and swallow what is written: inferred.
#[derive(Debug)]
pub(super) struct Memories {
    pub(super) imem: Bank,
    pub(super) dmem: Bank,
    /// Per block of instruction memory: its tag, and whether it is secure.
    blocks: Vec<(u16, bool)>,
    imem_ports: [u32; 4],
    dmem_ports: [u32; 8],
    /// Address bits of a port.
    mask: u32,
}

impl Memories {
    pub(super) fn new(imem: u32, dmem: u32, mask: u32) -> Self {
        Self {
            imem: Bank::new(imem),
            dmem: Bank::new(dmem),
            blocks: Vec::new(),
            imem_ports: [0; 4],
            dmem_ports: [0; 8],
            mask,
        }
    }

    /// Everything is zero again.
    pub(super) fn scrub(&mut self) {
        *self = Self::new(self.imem.size, self.dmem.size, self.mask);
    }

    /// Copies whole blocks in.
    pub(super) fn load_code(&mut self, offset: u32, from: &[u8], tag: u16, secure: bool) {
        self.imem.write(offset, from);
        if let Some(block) = self.block(offset) {
            *block = (tag, secure);
        }
    }

    pub(super) fn read_imem(&mut self, port: usize, part: Part) -> u32 {
        let Some(control) = self.imem_ports.get(port).copied() else { return 0 };
        let at = control & self.mask;
        let (tag, secure) = self.blocks.get((at / BLOCK) as usize).copied().unwrap_or_default();
        match part {
            Part::Control => control,
            Part::Tag => tag.into(),
            Part::Data => {
                self.imem_ports[port] = self.counted(control, COUNT_READS);
                if secure { SECURE } else { self.imem.word(at) }
            }
        }
    }

    pub(super) fn write_imem(&mut self, port: usize, part: Part, value: u32) {
        let Some(control) = self.imem_ports.get(port).copied() else { return };
        let at = control & self.mask;
        match part {
            Part::Control => {
                self.imem_ports[port] = value & (self.mask | COUNT_WRITES | COUNT_READS | MARK_SECURE);
            }
            Part::Tag => {
                if let Some(block) = self.block(at) {
                    block.0 = value as u16;
                }
            }
            Part::Data => {
                self.imem.write(at, &value.to_le_bytes());
                if let Some(block) = self.block(at) {
                    block.1 = control & MARK_SECURE != 0;
                }
                self.imem_ports[port] = self.counted(control, COUNT_WRITES);
            }
        }
    }

    pub(super) fn read_dmem(&mut self, port: usize, part: Part) -> u32 {
        let Some(control) = self.dmem_ports.get(port).copied() else { return 0 };
        if part == Part::Control {
            return control;
        }
        self.dmem_ports[port] = self.counted(control, COUNT_READS);
        self.dmem.word(control & self.mask)
    }

    pub(super) fn write_dmem(&mut self, port: usize, part: Part, value: u32) {
        let Some(control) = self.dmem_ports.get(port).copied() else { return };
        self.dmem_ports[port] = if part == Part::Control {
            value & (self.mask | COUNT_WRITES | COUNT_READS)
        } else {
            self.dmem.write(control & self.mask, &value.to_le_bytes());
            self.counted(control, COUNT_WRITES)
        };
    }

    /// The control register after an access that counts up if `bit` says so.
    const fn counted(&self, control: u32, bit: u32) -> u32 {
        if control & bit == 0 {
            return control;
        }
        control & !self.mask | (control & self.mask).wrapping_add(4) & self.mask
    }

    fn block(&mut self, offset: u32) -> Option<&mut (u16, bool)> {
        self.blocks.resize((self.imem.size / BLOCK) as usize, (0, false));
        self.blocks.get_mut((offset / BLOCK) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memories() -> Memories {
        Memories::new(512, 512, 0xfffc)
    }

    #[test]
    fn a_port_counts_up_only_where_it_is_told_to() {
        let mut m = memories();
        m.write_dmem(0, Part::Control, 0x10 | COUNT_WRITES);
        m.write_dmem(0, Part::Data, 1);
        m.write_dmem(0, Part::Data, 2);
        assert_eq!(m.read_dmem(0, Part::Control), 0x18 | COUNT_WRITES);
        assert_eq!(m.read_dmem(0, Part::Data), 0, "the third word");
        assert_eq!(m.read_dmem(0, Part::Control), 0x18 | COUNT_WRITES, "reads do not count");
        m.write_dmem(7, Part::Control, 0x10 | COUNT_READS);
        assert_eq!([(); 2].map(|()| m.read_dmem(7, Part::Data)), [1, 2]);
        m.write_dmem(7, Part::Data, 9);
        assert_eq!(m.read_dmem(7, Part::Data), 9, "a write does not count");
    }

    #[test]
    fn blocks_have_tags_and_secure_ones_are_not_readable() {
        let mut m = memories();
        m.write_imem(1, Part::Control, 0x100 | COUNT_WRITES | MARK_SECURE);
        m.write_imem(1, Part::Tag, 0x1_0042);
        m.write_imem(1, Part::Data, 7);
        m.write_imem(0, Part::Control, COUNT_WRITES);
        m.write_imem(0, Part::Data, 8);
        m.write_imem(2, Part::Control, 0x100 | COUNT_READS);
        assert_eq!((m.read_imem(2, Part::Tag), m.read_imem(2, Part::Data)), (0x42, SECURE));
        assert_eq!(m.read_imem(2, Part::Control), 0x104 | COUNT_READS);
        m.write_imem(2, Part::Control, 0);
        assert_eq!((m.read_imem(2, Part::Tag), m.read_imem(2, Part::Data)), (0, 8));
    }

    #[test]
    fn past_the_end_there_is_nothing() {
        let mut m = memories();
        m.write_dmem(0, Part::Control, 0x1fc | COUNT_WRITES);
        m.write_dmem(0, Part::Data, 1);
        m.write_dmem(0, Part::Data, 2);
        m.write_dmem(0, Part::Control, 0x1fc | COUNT_READS);
        assert_eq!([(); 2].map(|()| m.read_dmem(0, Part::Data)), [1, 0]);
        m.write_imem(0, Part::Control, 512 | COUNT_WRITES);
        m.write_imem(0, Part::Tag, 3);
        m.write_imem(0, Part::Data, 3);
        assert_eq!(m.read_imem(0, Part::Tag), 0);
        assert!(m.dmem.holds(508, 4) && !m.dmem.holds(508, 5) && !m.dmem.holds(u32::MAX, 4));
        m.scrub();
        m.write_dmem(0, Part::Control, 0x1fc);
        assert_eq!(m.read_dmem(0, Part::Data), 0);
    }
}
