// SPDX-License-Identifier: GPL-2.0

//! A PCI function that is in use, and its registers.

use core::convert::Infallible;
use core::ffi::c_void;
use core::ptr::NonNull;

use kernel::device::Core;
use kernel::error::to_result;
use kernel::prelude::*;
use kernel::sync::aref::ARef;
use kernel::sync::Arc;
use kernel::{bindings, device, pci};
use nova_backends::mmio::Mmio;
use nova_core::bus::{Bus, Condition, Offset};

/// The BAR with the registers.
const BAR0: u32 = 0;

/// The kernel's struct of a device.
pub(super) fn raw<C: device::DeviceContext>(dev: &pci::Device<C>) -> *mut bindings::pci_dev {
    // `pci::Device` is a transparent `Opaque<pci_dev>`.
    core::ptr::from_ref(dev).cast_mut().cast()
}

/// The kernel's struct of a device, as devices of all buses have it.
pub(super) fn raw_device<C: device::DeviceContext>(dev: &pci::Device<C>) -> *mut bindings::device {
    // SAFETY: inside the same struct, which is there by reference.
    unsafe { &raw mut (*raw(dev)).dev }
}

/// Whether the kernel knows that the device is gone, or it does not answer in config space.
pub(crate) fn is_gone(dev: &pci::Device) -> bool {
    // SAFETY: the device is there, by reference.
    is_disconnected(dev) || !unsafe { bindings::pci_device_is_present(raw(dev)) }
}

/// Whether the kernel has been told that the device is gone.
fn is_disconnected(dev: &pci::Device) -> bool {
    // SAFETY: the device is there, by reference; the field is one word that others write.
    let state = unsafe { (&raw const (*raw(dev)).error_state).read_volatile() };
    state == bindings::pci_channel_io_perm_failure
}

/// Takes the driver off the device, if it has one.
pub(crate) fn release_driver(dev: &pci::Device) {
    // SAFETY: the device is there, by reference. Called from a context that may sleep and does not hold its lock.
    unsafe { bindings::device_release_driver(raw_device(dev)) };
}

/// The class as in config space: 24 bits.
pub(crate) fn class(dev: &pci::Device) -> u32 {
    // SAFETY: the device is there, by reference, and the field does not change.
    unsafe { (*raw(dev)).class }
}

/// A function that is enabled, with an interrupt vector. Dropping it takes all of that back.
pub(crate) struct Function {
    dev: ARef<pci::Device>,
    vectors: bool,
}

impl Function {
    /// Enables memory decoding and bus mastering, and allocates one vector by message.
    ///
    /// Not by pin: on a shared line, holding back our interrupt would hold back everybody's.
    pub(crate) fn enable(dev: &pci::Device<Core<'_>>) -> Result<Self> {
        dev.enable_device_mem()?;
        let mut this = Self { dev: dev.into(), vectors: false };
        let mask = u64::MAX;
        // SAFETY: the device is bound, and no memory of it is allocated yet.
        to_result(unsafe { bindings::dma_set_mask_and_coherent(raw_device(dev), mask) })?;
        dev.set_master();
        let kinds = bindings::PCI_IRQ_MSI | bindings::PCI_IRQ_MSIX;
        // SAFETY: the device is there, by reference.
        let got = unsafe { bindings::pci_alloc_irq_vectors(raw(dev), 1, 1, kinds) };
        if got < 0 {
            return Err(Error::from_errno(got));
        }
        this.vectors = true;
        Ok(this)
    }

    /// The device.
    pub(crate) fn dev(&self) -> &pci::Device {
        &self.dev
    }

    /// The interrupt number of a vector.
    pub(super) fn vector(&self, vector: u32) -> Result<u32> {
        // SAFETY: the device is there. For a vector that was not allocated it answers with an error.
        let irq = unsafe { bindings::pci_irq_vector(raw(&self.dev), vector) };
        u32::try_from(irq).map_err(|_| Error::from_errno(irq))
    }

    /// Keeps the device from reaching memory.
    pub(crate) fn clear_master(&self) {
        // SAFETY: the device is there. It writes to config space, which a device that is gone ignores.
        unsafe { bindings::pci_clear_master(raw(&self.dev)) };
    }

    /// Reads 32 bits of config space. From any context.
    pub(crate) fn config(&self, offset: u16) -> Option<u32> {
        let mut value = 0;
        // SAFETY: the device is there; what is outside of its config space is answered with an error.
        let status =
            unsafe { bindings::pci_read_config_dword(raw(&self.dev), i32::from(offset), &mut value) };
        (status == 0).then_some(value)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if self.vectors {
            // SAFETY: allocated in `enable`; each `Line` has a reference to `self`, so none is requested any more.
            unsafe { bindings::pci_free_irq_vectors(raw(&self.dev)) };
        }
        self.clear_master();
        // SAFETY: enabled in `enable`, once.
        unsafe { bindings::pci_disable_device(raw(&self.dev)) };
    }
}

/// BAR0, mapped. Dropping it unmaps.
struct Mapping {
    function: Arc<Function>,
    base: NonNull<c_void>,
}

// SAFETY: the mapping belongs to no thread, and nothing is accessed through this type.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(function: &Arc<Function>) -> Result<Self> {
        let dev = raw(function.dev());
        // SAFETY: the device is there, and the name static.
        to_result(unsafe { bindings::pci_request_region(dev, BAR0 as i32, c"nova".as_char_ptr()) })?;
        // SAFETY: the region is ours. 0: all of it.
        let base = unsafe { bindings::pci_iomap(dev, BAR0 as i32, 0) };
        let Some(base) = NonNull::new(base) else {
            // SAFETY: requested above.
            unsafe { bindings::pci_release_region(dev, BAR0 as i32) };
            return Err(ENOMEM);
        };
        Ok(Self { function: function.clone(), base })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let dev = raw(self.function.dev());
        // SAFETY: mapped in `new`; every `Registers` on it has a reference to `self`, so there is none any more.
        unsafe { bindings::pci_iounmap(dev, self.base.as_ptr()) };
        // SAFETY: requested in `new`.
        unsafe { bindings::pci_release_region(dev, BAR0 as i32) };
    }
}

/// The registers: BAR0, for one access after another without a look at anything else.
pub(crate) struct Registers {
    // First, so that it goes before what it refers to.
    mmio: Mmio,
    mapping: Arc<Mapping>,
}

impl Registers {
    /// Maps them.
    pub(crate) fn map(function: &Arc<Function>) -> Result<Self> {
        Self::on(Arc::new(Mapping::new(function)?, GFP_KERNEL)?)
    }

    /// The same registers once more.
    #[cfg(nova_debug)]
    pub(crate) fn again(&self) -> Result<Self> {
        Self::on(self.mapping.clone())
    }

    fn on(mapping: Arc<Mapping>) -> Result<Self> {
        let dev = mapping.function.dev();
        let len = usize::try_from(dev.resource_len(BAR0)?)?;
        // SAFETY: `len` bytes from the base are mapped as device memory, for every thread, until the mapping is dropped; that
        // is referred to by the very value that has the `Mmio`.
        let mmio = unsafe { Mmio::new(mapping.base.as_ptr().cast(), len) };
        let mmio = mmio.map_err(|error| {
            dev.as_ref().pr_err(format_args!("BAR0: {error}\n"));
            ENODEV
        })?;
        Ok(Self { mmio, mapping })
    }
}

impl Bus for Registers {
    type Error = Infallible;

    #[inline(always)]
    fn read8(&self, at: Offset<u8>) -> Result<u8, Infallible> {
        self.mmio.read8(at)
    }
    #[inline(always)]
    fn read16(&self, at: Offset<u16>) -> Result<u16, Infallible> {
        self.mmio.read16(at)
    }
    #[inline(always)]
    fn read32(&self, at: Offset<u32>) -> Result<u32, Infallible> {
        self.mmio.read32(at)
    }
    #[inline(always)]
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Infallible> {
        self.mmio.write8(at, value)
    }
    #[inline(always)]
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Infallible> {
        self.mmio.write16(at, value)
    }
    #[inline(always)]
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Infallible> {
        self.mmio.write32(at, value)
    }

    fn condition(&self) -> Condition {
        if is_disconnected(self.mapping.function.dev()) {
            Condition::Gone
        } else {
            Condition::Live
        }
    }
}
