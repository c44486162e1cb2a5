//! The calls. See the header for what they do.

use crate::wire::structs;

/// What version of the ABI this is.
pub const ABI_VERSION: u32 = 1;
/// A timeout that never passes.
pub const FOREVER: u64 = u64::MAX;
/// Room for sources in [`IrqCounts`].
pub const MAX_IRQ_SOURCES: usize = 32;

structs! {
    /// `NOVA_GET_INFO`: which device it is.
    pub struct Info = 0x00, 72 {
        /// Size of the struct.
        size: u32,
        /// Zero.
        flags: u32,
        /// The module's [`ABI_VERSION`].
        abi_version: u32,
        /// [`Info::BOUND`] or [`Info::SUSPENDED`].
        state: u32,
        /// [`Info::CAP_DEBUG`].
        capabilities: u32,
        /// `NV_PMC_BOOT_0` as read in probe.
        boot0: u32,
        /// `NV_PMC_BOOT_1`.
        boot1: u32,
        /// `NV_PMC_BOOT_42`.
        boot42: u32,
        /// PCI domain.
        pci_domain: u32,
        /// PCI bus.
        pci_bus: u8,
        /// PCI device.
        pci_slot: u8,
        /// PCI function.
        pci_function: u8,
        /// PCI revision.
        pci_revision: u8,
        /// PCI vendor.
        pci_vendor: u16,
        /// PCI device id.
        pci_device: u16,
        /// PCI class, 24 bits.
        pci_class: u32,
        /// Size of BAR0 in bytes.
        bar0_size: u64,
        /// The chip's name, filled up with zeros.
        chip: [u8; 16],
    }

    /// `NOVA_GET_TIME`: the GPU's time.
    pub struct Time = 0x01, 32 {
        /// Size of the struct.
        size: u32,
        /// [`Time::PTIMER`].
        flags: u32,
        /// The GPU's time.
        gpu_ns: u64,
        /// `CLOCK_MONOTONIC` before the GPU's time was read.
        host_before_ns: u64,
        /// And after.
        host_after_ns: u64,
    }

    /// `NOVA_WAIT_ALARM`: sets an alarm and waits for it.
    pub struct Alarm = 0x02, 40 {
        /// Size of the struct.
        size: u32,
        /// [`Alarm::RELATIVE`].
        flags: u32,
        /// GPU time, or how far ahead; afterwards the GPU time that was asked for.
        at_ns: u64,
        /// How long to wait by the host's clock, or [`FOREVER`].
        timeout_ns: u64,
        /// When it was to fire: rounded up to the counter's step.
        due_ns: u64,
        /// GPU time when it was found due.
        seen_ns: u64,
    }

    /// `NOVA_WAIT_IRQ`: waits until the device has interrupted.
    pub struct WaitIrq = 0x03, 24 {
        /// Size of the struct.
        size: u32,
        /// Zero.
        flags: u32,
        /// How long to wait by the host's clock, or [`FOREVER`].
        timeout_ns: u64,
        /// Messages served since the file's last call that succeeded, or since it was opened.
        since_last: u32,
        /// And since the device was bound; wraps.
        served: u32,
    }

    /// A source of interrupts, in [`IrqCounts`].
    pub struct IrqSource {
        /// [`IrqSource::VECTOR`] or [`IrqSource::PMC`].
        tree: u16,
        /// Vector, or bit.
        number: u16,
        /// How often it was served.
        count: u32,
    }

    /// `NOVA_GET_IRQ`: the counters, since the device was bound.
    pub struct IrqCounts = 0x04, 288 {
        /// Size of the struct.
        size: u32,
        /// Zero.
        flags: u32,
        /// Messages that found something pending.
        served: u32,
        /// Messages that found nothing.
        spurious: u32,
        /// Sources disabled because nobody knew them.
        unhandled: u32,
        /// Sources disabled because they came too often.
        storms: u32,
        /// Alarms that were found due without an interrupt.
        missed: u32,
        /// How many of `source` are filled in.
        sources: u32,
        /// The sources.
        source: [IrqSource; MAX_IRQ_SOURCES],
    }

    /// `NOVA_READ_REG`: reads 32 bits of BAR0.
    pub struct ReadReg = 0x05, 16 {
        /// Size of the struct.
        size: u32,
        /// Zero.
        flags: u32,
        /// Offset in bytes.
        offset: u32,
        /// What the register reads.
        value: u32,
    }

    /// `NOVA_DEBUG`: for tests of the module.
    pub struct Debug = 0x40, 32 {
        /// Size of the struct.
        size: u32,
        /// Zero.
        flags: u32,
        /// [`Debug::LOAD`] and the like.
        op: u32,
        /// The operation's argument.
        arg: u32,
        /// What it gave.
        out: [u64; 2],
    }
}

impl Info {
    /// State: in use.
    pub const BOUND: u32 = 2;
    /// State: asleep.
    pub const SUSPENDED: u32 = 3;
    /// Capability: [`struct@Debug`] is there.
    pub const CAP_DEBUG: u32 = 1;

    /// The chip's name; empty if it is not text.
    pub fn chip_name(&self) -> &str {
        let name = self.chip.split(|byte| *byte == 0).next().unwrap_or_default();
        core::str::from_utf8(name).unwrap_or_default()
    }
}

impl Time {
    /// Through `NV_PTIMER` instead of the virtual function's view.
    pub const PTIMER: u32 = 1;
}

impl Alarm {
    /// `at_ns` is so far from now.
    pub const RELATIVE: u32 = 1;
}

impl IrqSource {
    /// A vector of the interrupt tree.
    pub const VECTOR: u16 = 0;
    /// A bit of `NV_PMC_INTR(0)`.
    pub const PMC: u16 = 1;
}

impl Debug {
    /// Work and a timer that set themselves for ever: on or off.
    pub const LOAD: u32 = 1;
    /// Raises one software interrupt.
    pub const TRIGGER: u32 = 2;
    /// Waits for something that never happens.
    pub const BLOCK: u32 = 3;
    /// Raises a software interrupt whenever one was served: on or off.
    pub const STORM: u32 = 4;
    /// Makes entries and measures them.
    pub const PACE: u32 = 5;
    /// Reads BAR0: the argument is an offset and a width, such as [`Debug::BITS_16`].
    pub const READ: u32 = 6;
    /// Writes BAR0 in the same way; what is written is the first word of `out`.
    pub const WRITE: u32 = 7;
    /// Width: 8 bits.
    pub const BITS_8: u32 = 1 << 24;
    /// Width: 16 bits.
    pub const BITS_16: u32 = 2 << 24;
    /// Width: 32 bits.
    pub const BITS_32: u32 = 4 << 24;
}
