//! What kind of GPU to simulate, and in which condition it is found.

use nova_core::chip::Chipset;

/// Which function of the device the driver sees, as BOOT_1 bits 17:16 tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Function {
    /// The chip itself.
    #[default]
    Physical,
    /// Para-virtualised.
    ParaVirtual,
    /// An SR-IOV virtual function.
    Virtual,
}

impl Function {
    /// BOOT_1 of such a function.
    pub(super) const fn boot_1(self) -> u32 {
        match self {
            Self::Physical => 0,
            Self::ParaVirtual => 1 << 16,
            Self::Virtual => 2 << 16,
        }
    }
}

/// Whether the chip is well enough to be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It is.
    #[default]
    Good,
    /// Recovery mode: BOOT_0 reads zero (a hint of gpu-admin-tools, Hopper on).
    Recovery,
    /// Security fault: every register reads 0xBADF0200. That BOOT_0 does is from gpu-admin-tools; that all others do
    /// too is inferred.
    SecurityFault,
}

/// A GPU to simulate. [`SimConfig::new`] gives a healthy one; set the fields that shall differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimConfig {
    /// Which chip.
    pub chipset: Chipset,
    /// The 64-bit time count at power-on, in ns; taken modulo 2^61 and in steps of 32.
    ///
    /// By default 0.1 ms before the low word wraps, so that every simulation crosses the place where reading the two
    /// halves goes wrong.
    pub time_ns: u64,
    /// How long firmware takes from power-on until the chip is ready, in ns. 0 by default.
    pub boot_ns: u64,
    /// Video memory in MiB; 8192 by default. Rounded down to what the size register of Turing and GA100 can say.
    pub vram_mib: u32,
    /// Which function the driver gets.
    pub function: Function,
    /// Condition of the chip.
    pub health: Health,
    /// Blackwell: the BAR firewall is up, and all reads give ones, until [`SimGpu::lower_firewall`](super::SimGpu::lower_firewall).
    pub firewall: bool,
    /// Turing to Ada: whether the privilege mask lets the host write the time.
    pub time_writable: bool,
    /// GA100 to Ada: whether the alarm also latches in INTR_0. No source says; a driver must work either way.
    pub intr_0_latches: bool,
    /// How long a falcon takes for one DMA transfer of up to 256 bytes, in ns; 1000 by default, so that drivers have to
    /// wait. Made up.
    pub dma_ns: u64,
    /// How long a falcon scrubs its memories after a reset, in ns; 20000 by default. Made up.
    pub scrub_ns: u64,
    /// PCI device id instead of the chipset's known board.
    pub device_id: Option<u16>,
}

/// 0.1 ms before a wrap of the low word, in the year 2024 by NVIDIA's convention.
const TIME_NS: u64 = (401_000_000 << 32) - 100_000;

impl SimConfig {
    /// A healthy, booted, physical GPU.
    pub const fn new(chipset: Chipset) -> Self {
        Self {
            chipset,
            time_ns: TIME_NS,
            boot_ns: 0,
            vram_mib: 8192,
            function: Function::Physical,
            health: Health::Good,
            firewall: false,
            time_writable: true,
            intr_0_latches: false,
            dma_ns: 1_000,
            scrub_ns: 20_000,
            device_id: None,
        }
    }
}
