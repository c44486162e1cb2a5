//! The indices of regions and interrupts of a PCI device (`linux/vfio.h`).

/// Regions: the six BARs are 0 to 5.
pub mod region {
    /// BAR 0.
    pub const BAR0: u32 = 0;
    /// BAR 1.
    pub const BAR1: u32 = 1;
    /// BAR 2.
    pub const BAR2: u32 = 2;
    /// BAR 3.
    pub const BAR3: u32 = 3;
    /// BAR 4.
    pub const BAR4: u32 = 4;
    /// BAR 5.
    pub const BAR5: u32 = 5;
    /// The expansion ROM.
    pub const ROM: u32 = 6;
    /// Configuration space.
    pub const CONFIG: u32 = 7;
    /// Legacy VGA ranges.
    pub const VGA: u32 = 8;
    /// How many there are on every PCI device (`VFIO_PCI_NUM_REGIONS`); more are its own.
    pub const COUNT: u32 = 9;
}

/// Types of interrupts.
pub mod irq {
    /// The interrupt line.
    pub const INTX: u32 = 0;
    /// MSI.
    pub const MSI: u32 = 1;
    /// MSI-X.
    pub const MSIX: u32 = 2;
    /// Signalled when the device has failed.
    pub const ERR: u32 = 3;
    /// Signalled when the device is wanted back.
    pub const REQ: u32 = 4;
    /// How many types there are (`VFIO_PCI_NUM_IRQS`).
    pub const COUNT: u32 = 5;
}
