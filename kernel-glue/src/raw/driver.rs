// SPDX-License-Identifier: GPL-2.0

//! The registration of the PCI driver, with what `kernel::pci` leaves out: sleep, shutdown and bus errors.

use kernel::prelude::*;
use kernel::types::Opaque;
use kernel::{bindings, driver, pci, ThisModule};

use crate::driver as ours;
use crate::driver::NovaDriver;

/// `pci::Adapter` with more callbacks.
pub(crate) struct Adapter;

type Base = pci::Adapter<NovaDriver>;

// SAFETY: all of it is that of the adapter of the kernel crate, of which this is true.
unsafe impl driver::DriverLayout for Adapter {
    type DriverType = bindings::pci_driver;
    type DriverData<'bound> = <Base as driver::DriverLayout>::DriverData<'bound>;
    const DEVICE_DRIVER_OFFSET: usize = <Base as driver::DriverLayout>::DEVICE_DRIVER_OFFSET;
}

// SAFETY: `unregister` is that of the adapter of the kernel crate, and so is what `register` ends with.
unsafe impl driver::RegistrationOps for Adapter {
    unsafe fn register(
        reg: &Opaque<bindings::pci_driver>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        let raw = reg.get();
        // SAFETY: the struct is valid for writes, and not registered yet. The tables are static.
        unsafe { (*raw).driver.pm = &raw const PM.0 };
        // SAFETY: as above.
        unsafe { (*raw).shutdown = Some(shutdown) };
        // SAFETY: as above.
        unsafe { (*raw).err_handler = &raw const ERRORS.0 };
        // SAFETY: the same promise that we were given. It leaves the three fields alone.
        unsafe { <Base as driver::RegistrationOps>::register(reg, name, module) }
    }

    unsafe fn unregister(reg: &Opaque<bindings::pci_driver>) {
        // SAFETY: the same promise that we were given.
        unsafe { <Base as driver::RegistrationOps>::unregister(reg) }
    }
}

struct Table<T>(T);
// SAFETY: tables of functions that nobody writes.
unsafe impl<T> Sync for Table<T> {}

/// Every way to sleep and to wake up, as `SYSTEM_SLEEP_PM_OPS` has them.
static PM: Table<bindings::dev_pm_ops> = Table(bindings::dev_pm_ops {
    suspend: Some(suspend),
    resume: Some(resume),
    freeze: Some(suspend),
    thaw: Some(resume),
    poweroff: Some(suspend),
    restore: Some(resume),
    ..pin_init::zeroed()
});

static ERRORS: Table<bindings::pci_error_handlers> =
    Table(bindings::pci_error_handlers {
        error_detected: Some(error_detected),
        reset_prepare: Some(reset_prepare),
        reset_done: Some(reset_done),
        ..pin_init::zeroed()
    });

/// The PCI device around a device that a callback of this driver is for.
///
/// # Safety
///
/// `dev` is a device that is bound to this driver, and stays there for `'a`.
unsafe fn pci_device<'a>(dev: *mut bindings::device) -> &'a pci::Device {
    // SAFETY: devices of a PCI driver are PCI devices.
    let pdev = unsafe { kernel::container_of!(dev, bindings::pci_dev, dev) };
    // SAFETY: `pci::Device` is a transparent `Opaque<pci_dev>`.
    unsafe { &*pdev.cast() }
}

unsafe extern "C" fn suspend(dev: *mut bindings::device) -> i32 {
    // SAFETY: the driver core calls this with a device of ours, and holds its lock meanwhile.
    let dev = unsafe { pci_device(dev) };
    ours::suspend(dev).map_or_else(Error::to_errno, |()| 0)
}

unsafe extern "C" fn resume(dev: *mut bindings::device) -> i32 {
    // SAFETY: as `suspend`.
    let dev = unsafe { pci_device(dev) };
    ours::resume(dev).map_or_else(Error::to_errno, |()| 0)
}

unsafe extern "C" fn shutdown(pdev: *mut bindings::pci_dev) {
    // SAFETY: the PCI core calls this with a device of ours, and holds its lock meanwhile.
    ours::shutdown(unsafe { &*pdev.cast::<pci::Device>() });
}

unsafe extern "C" fn error_detected(
    pdev: *mut bindings::pci_dev,
    state: bindings::pci_channel_state_t,
) -> bindings::pci_ers_result_t {
    if state == bindings::pci_channel_io_normal {
        // An error that did not stop the link, perhaps of another function below the same port.
        return bindings::pci_ers_result_PCI_ERS_RESULT_CAN_RECOVER;
    }
    // SAFETY: as `shutdown`.
    ours::lost(unsafe { &*pdev.cast::<pci::Device>() });
    // The driver lets go of it. Nobody binds it again by himself: that is for whoever sees to the hardware.
    bindings::pci_ers_result_PCI_ERS_RESULT_DISCONNECT
}

/// Somebody resets the function (`reset` in sysfs): it sleeps for that time, because its registers are not there.
unsafe extern "C" fn reset_prepare(pdev: *mut bindings::pci_dev) {
    // SAFETY: as `shutdown`. A failure is logged; the function is reset all the same.
    let _ = ours::suspend(unsafe { &*pdev.cast::<pci::Device>() });
}

unsafe extern "C" fn reset_done(pdev: *mut bindings::pci_dev) {
    // SAFETY: as `shutdown`. A failure is logged.
    let _ = ours::resume(unsafe { &*pdev.cast::<pci::Device>() });
}
