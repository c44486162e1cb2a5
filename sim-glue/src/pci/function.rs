//! What the function does: how it answers config space, when it decodes, masters and interrupts, how it is reset.

use super::layout::{self, DEVCTL, FIREWALL, INITIATE_FLR, Layout, MSIX, PMCSR};
use super::rom::Rom;
use super::space::{ConfigRangeError, ConfigSpace};
use super::{Bar, header};

const MSI_ENABLE: u16 = 1;
const MSIX_ENABLE: u16 = 1 << 15;
const MSIX_MASK_ALL: u16 = 1 << 14;
/// Bytes from a message capability to its control word.
const CONTROL: u16 = 2;
/// The one vector the GPUs here send.
const VECTOR: u16 = 0;
const FIREWALL_UP: u8 = 1 << 4;

/// What of config space lives in the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Live {
    /// The GPU has an interrupt pending, as a level.
    pub interrupt: bool,
    /// Blackwell: the BAR firewall is up.
    pub firewall: bool,
}

/// How a write to config space resets the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetKind {
    /// Function level reset: bit 15 of Device Control.
    FunctionLevel,
    /// From D3hot to D0 while `No_Soft_Reset` is 0.
    PowerManagement,
}

/// An interrupt by message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// By which capability.
    pub kind: MessageKind,
    /// Which vector.
    pub vector: u16,
}

/// The capabilities that messages go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// MSI.
    Msi,
    /// MSI-X.
    MsiX,
}

/// A PCI Express function: config space with its effects, windows, ROM, messages.
#[derive(Debug, Clone)]
pub struct PciFunction {
    space: ConfigSpace,
    at_reset: ConfigSpace,
    layout: Layout,
    bars: Vec<Bar>,
    rom: Rom,
    /// A message that met a mask.
    pending: Option<MessageKind>,
}

impl PciFunction {
    pub(super) fn from_parts(space: ConfigSpace, layout: Layout, bars: Vec<Bar>, rom: Rom) -> Self {
        Self { at_reset: space.clone(), space, layout, bars, rom, pending: None }
    }

    /// The windows, by index.
    pub fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// Size of the expansion ROM in bytes.
    pub const fn rom_size(&self) -> u64 {
        super::bars::ROM_SIZE
    }

    /// Reads the expansion ROM; false, with nothing read, when the bytes are not all inside.
    pub fn read_rom(&self, offset: u64, into: &mut [u8]) -> bool {
        self.rom.read(offset, into)
    }

    /// How many vectors a kind of message has; 0 where the chip does not have it.
    pub const fn vectors(&self, kind: MessageKind) -> u16 {
        match kind {
            MessageKind::Msi => 1 << self.layout.msi_vectors_log2,
            MessageKind::MsiX if self.layout.msix => layout::msix_vectors(),
            MessageKind::MsiX => 0,
        }
    }

    /// Reads config space.
    ///
    /// # Errors
    ///
    /// When the bytes are not all inside.
    pub fn read(&self, offset: u64, into: &mut [u8], live: Live) -> Result<(), ConfigRangeError> {
        self.space.read(offset, into)?;
        let mut show = |at: u16, bits: u8, on: bool| {
            let byte = u64::from(at).checked_sub(offset).and_then(|index| into.get_mut(index as usize));
            if let Some(byte) = byte.filter(|_| on) {
                *byte |= bits;
            }
        };
        show(header::STATUS, header::INTX_PENDING, live.interrupt && self.messages_by().is_none());
        show(FIREWALL + 2, FIREWALL_UP, live.firewall && self.layout.dvsec);
        Ok(())
    }

    /// Writes config space. The function itself is reset already when a reset is told; the GPU behind it is not.
    ///
    /// # Errors
    ///
    /// When the bytes are not all inside; nothing is written then.
    pub fn write(&mut self, offset: u64, from: &[u8]) -> Result<Option<ResetKind>, ConfigRangeError> {
        let before = self.power_state();
        self.space.write(offset, from)?;
        if self.space.u16(DEVCTL) & INITIATE_FLR != 0 {
            self.reset();
            return Ok(Some(ResetKind::FunctionLevel));
        }
        let after = self.power_state();
        if !matches!(after, D0 | D3HOT) {
            // D1 and D2 do not exist here: the write of the state is dropped.
            let word = self.space.u16(PMCSR) & !layout::POWER_STATE | before;
            self.space.set_u16(PMCSR, word);
        } else if (before, after) == (D3HOT, D0) && self.space.u16(PMCSR) & layout::NO_SOFT_RESET == 0 {
            self.reset();
            return Ok(Some(ResetKind::PowerManagement));
        }
        Ok(None)
    }

    /// Back to how it was after power-on: nothing decoded, no bus mastering, D0.
    pub fn reset(&mut self) {
        self.space = self.at_reset.clone();
        self.pending = None;
    }

    /// A reset after which a system has put config space back as it was: awake, and with no message waiting.
    pub fn reset_keeping_config(&mut self) {
        let word = self.space.u16(PMCSR) & !layout::POWER_STATE;
        self.space.set_u16(PMCSR, word);
        self.pending = None;
        self.show_pending();
    }

    /// Whether memory windows answer.
    pub fn decodes_memory(&self) -> bool {
        self.commands(header::DECODE_MEMORY)
    }

    /// Whether I/O windows answer.
    pub fn decodes_io(&self) -> bool {
        self.commands(header::DECODE_IO)
    }

    /// Whether it may reach memory, messages included.
    pub fn is_bus_master(&self) -> bool {
        self.commands(header::BUS_MASTER)
    }

    /// Whether it has an interrupt pin.
    pub fn has_pin(&self) -> bool {
        self.space.u16(header::INTERRUPT_LINE) >> 8 != 0
    }

    /// Whether the interrupt wire is up while the GPU has something pending.
    pub fn may_assert_intx(&self) -> bool {
        self.has_pin()
            && self.power_state() == D0
            && self.messages_by().is_none()
            && self.space.u16(header::COMMAND) & header::INTX_DISABLE == 0
    }

    /// Sets the decode bits of COMMAND, as a system does that hands the function on; the rest stays.
    pub fn enable_decode(&mut self) {
        self.command(header::DECODE_IO | header::DECODE_MEMORY);
    }

    /// Sets the decode and bus master bits of COMMAND, as a driver does.
    pub fn enable_all(&mut self) {
        self.command(header::DECODE_IO | header::DECODE_MEMORY | header::BUS_MASTER);
    }

    /// Switches a kind of message on or off, as VFIO does when its user sets up vectors.
    pub fn enable_messages(&mut self, kind: MessageKind, on: bool) {
        let (at, bit) = match kind {
            MessageKind::Msi => (self.layout.msi, MSI_ENABLE),
            MessageKind::MsiX if self.layout.msix => (MSIX, MSIX_ENABLE),
            MessageKind::MsiX => return,
        };
        let word = self.space.u16(at + CONTROL);
        self.space.set_u16(at + CONTROL, if on { word | bit } else { word & !bit });
    }

    /// The GPU sends a message: what goes out, if anything. A masked one waits; without bus mastering it is lost.
    pub fn send(&mut self) -> Option<Message> {
        let kind = self.messages_by().filter(|_| self.is_bus_master())?;
        self.pending = Some(kind);
        let sent = self.take_pending();
        self.show_pending();
        sent
    }

    /// A message that waited, once nothing masks it any more; to be asked after each write.
    pub fn take_pending(&mut self) -> Option<Message> {
        let kind = self.pending.filter(|kind| self.messages_by() == Some(*kind))?;
        if self.is_masked(kind) || !self.is_bus_master() {
            return None;
        }
        self.pending = None;
        self.show_pending();
        Some(Message { kind, vector: VECTOR })
    }

    /// What messages go by, if they are enabled.
    pub fn messages_by(&self) -> Option<MessageKind> {
        if self.layout.msix && self.space.u16(MSIX + CONTROL) & MSIX_ENABLE != 0 {
            Some(MessageKind::MsiX)
        } else if self.space.u16(self.layout.msi + CONTROL) & MSI_ENABLE != 0 {
            Some(MessageKind::Msi)
        } else {
            None
        }
    }

    fn is_masked(&self, kind: MessageKind) -> bool {
        match kind {
            MessageKind::Msi => {
                self.layout.msi_masks && self.space.u32(self.layout.msi_mask_at()) & 1 << VECTOR != 0
            }
            MessageKind::MsiX => self.space.u16(MSIX + CONTROL) & MSIX_MASK_ALL != 0,
        }
    }

    fn show_pending(&mut self) {
        if self.layout.msi_masks {
            let bits = u32::from(self.pending == Some(MessageKind::Msi)) << VECTOR;
            self.space.set_u32(self.layout.msi_mask_at() + 4, bits);
        }
    }

    fn power_state(&self) -> u16 {
        self.space.u16(PMCSR) & layout::POWER_STATE
    }

    /// In D3hot a function answers config space and does nothing else.
    fn commands(&self, bit: u16) -> bool {
        self.space.u16(header::COMMAND) & bit != 0 && self.power_state() == D0
    }

    fn command(&mut self, bits: u16) {
        let word = self.space.u16(header::COMMAND) | bits;
        // Through the mask: a bit that the chip does not have stays zero.
        let inside = self.space.write(header::COMMAND.into(), &word.to_le_bytes());
        debug_assert!(inside.is_ok());
    }
}

const D0: u16 = 0;
const D3HOT: u16 = 3;
