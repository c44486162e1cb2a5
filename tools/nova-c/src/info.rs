//! What a device is, as C gets it.

use nova_cli::door::Door;

use crate::error::{Failure, padded};

/// `boot0` is made up by rule, for want of an observed value.
pub const DERIVED_BOOT0: u32 = 1;
/// `boot42` is.
pub const DERIVED_BOOT42: u32 = 2;

/// `struct nova_info`: no holes, and it only ever grows at its end.
#[repr(C)]
pub struct NovaInfo {
    /// Size in bytes: of the caller's struct before the call, of what is filled in after it.
    pub size: u32,
    /// `NV_PMC_BOOT_0`.
    pub boot0: u32,
    /// `NV_PMC_BOOT_42`.
    pub boot42: u32,
    /// Which of the two are made up: [`DERIVED_BOOT0`], [`DERIVED_BOOT42`].
    pub derived: u32,
    /// Size of BAR0 in bytes; 0 where it is not known.
    pub bar0_size: u64,
    /// PCI vendor; 0 where it is not known, as with the next two.
    pub pci_vendor: u16,
    /// PCI device.
    pub pci_device: u16,
    /// PCI class code, 24 bits.
    pub pci_class: u32,
    /// The chip: `GA102`.
    pub chip: [u8; 16],
    /// Its architecture.
    pub architecture: [u8; 32],
    /// The family whose registers it has.
    pub family: [u8; 16],
    /// Its stepping: `a1`.
    pub revision: [u8; 8],
}

impl NovaInfo {
    /// Its size, which is also the smallest that a caller may give: there is one version so far.
    pub const SIZE: u32 = size_of::<Self>() as u32;

    /// What there is to say of a device.
    pub(crate) fn of(door: &Door) -> Self {
        let chip = door.chip();
        let flag = |register, flag| if door.is_derived(register) { flag } else { 0 };
        let (vendor, device, class) = door.pci().unwrap_or_default();
        Self {
            size: Self::SIZE,
            boot0: chip.boot0(),
            boot42: chip.boot42(),
            derived: flag("boot0", DERIVED_BOOT0) | flag("boot42", DERIVED_BOOT42),
            bar0_size: door.bar0_size().unwrap_or(0),
            pci_vendor: vendor,
            pci_device: device,
            pci_class: class.unwrap_or(0),
            chip: padded(&chip.chipset().to_string()),
            architecture: padded(&chip.architecture().to_string()),
            family: padded(&chip.family().to_string()),
            revision: padded(&chip.revision().to_string()),
        }
    }
}

/// Fills in what the caller's struct has room for.
///
/// # Safety
///
/// `to` is null, or begins with its size and is valid for reads and writes of so many bytes.
pub(crate) unsafe fn fill(to: *mut NovaInfo, from: &NovaInfo) -> Result<(), Failure> {
    if to.is_null() {
        return Err(Failure::null("info", "give it an address"));
    }
    // SAFETY: it is not null, and its first member is promised to be the size.
    let size = unsafe { to.cast::<u32>().read() };
    if size < NovaInfo::SIZE {
        let least = NovaInfo::SIZE;
        return Err(Failure::argument(format!(
            "info->size is {size}, and struct nova_info has {least} bytes; try: info.size = sizeof(info)"
        )));
    }
    // SAFETY: there is room for at least as much, and `from` is elsewhere.
    unsafe { to.copy_from_nonoverlapping(from, 1) };
    Ok(())
}
