// SPDX-License-Identifier: GPL-2.0

//! The PCI driver: probe and unbind, sleep and waking, loss and shutdown.

use core::pin::Pin;

use kernel::device::Core;
use kernel::pci::{self, Class, ClassMask, Vendor};
use kernel::prelude::*;
use kernel::str::CString;
use kernel::sync::aref::ARef;
use kernel::sync::Arc;
use nova_core::hal::{HostErrorKind, Nanos};
use nova_core::lifecycle::{Outside, ProbeError, SuspendError};
use nova_core::{Error as GpuError, ErrorKind};

use crate::card::{Card, Handle};
use crate::host::{nap, KernelHost};
use crate::raw::debugfs::About;
use crate::raw::file::Node;
use crate::raw::global;
use crate::raw::pci::{Function, Registers};
use crate::{calls, report};

/// How long suspend and shutdown wait for callbacks to leave.
const PATIENCE: Nanos = Nanos::from_secs(10);
/// How often suspend and resume ask again while somebody else has the device.
const TRIES: usize = 10_000;

/// The driver.
pub(crate) struct NovaDriver;

kernel::pci_device_table!(
    PCI_TABLE,
    <NovaDriver as pci::Driver>::IdInfo,
    [
        // GPUs are VGA or 3D controllers; whether it is one that nova drives, probe finds out.
        (
            pci::DeviceId::from_class_and_vendor(
                Class::DISPLAY_VGA,
                ClassMask::ClassSubclass,
                Vendor::NVIDIA
            ),
            ()
        ),
        (
            pci::DeviceId::from_class_and_vendor(Class::DISPLAY_3D, ClassMask::ClassSubclass, Vendor::NVIDIA),
            ()
        ),
    ]
);

impl pci::Driver for NovaDriver {
    type IdInfo = ();
    type Data<'bound> = Data;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        dev: &'bound pci::Device<Core<'_>>,
        // None for a device that was given to us by driver_override.
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            let binding = Binding::new(dev)?;
            Ok(try_pin_init!(Data { binding }))
        })
    }

    fn unbind<'bound>(_dev: &'bound pci::Device<Core<'_>>, this: Pin<&Self::Data<'bound>>) {
        this.binding.end();
    }
}

/// What the kernel keeps for a device that is bound.
#[pin_data]
pub(crate) struct Data {
    binding: Binding,
}

/// A device with its driver.
pub(crate) struct Binding {
    node: Option<Pin<KBox<Node>>>,
    // Until the removal is over: it tells who blocks it.
    folder: Option<About<Card>>,
    card: Arc<Card>,
}

impl Binding {
    fn new(dev: &pci::Device<Core<'_>>) -> Result<Self> {
        let shared = global::get()?;
        if shared.is_releasing(dev) {
            // Its last removal is not quite over.
            return Err(EBUSY);
        }
        let aref: ARef<pci::Device> = dev.into();
        let card = Card::new(aref, shared.clone())?;
        let function = Arc::new(Function::enable(dev)?, GFP_KERNEL)?;
        let registers = Registers::map(&function)?;
        #[cfg(nova_debug)]
        let more = registers.again()?;
        let host = KernelHost::new(card.clone(), function.clone());
        let handle = Handle(card.clone());
        let probed = card.device.probe(&mut Outside::new(), handle, host, registers);
        probed.map_err(|error| {
            dev.as_ref().pr_err(format_args!("{error}\n"));
            errno_of(&error)
        })?;
        // From here on, dropping it removes.
        let mut this = Self { node: None, folder: None, card: card.clone() };
        calls::fill_in(&card)?;
        #[cfg(nova_debug)]
        crate::torture::bind(&card, function, more)?;
        let number = shared.add(&card)?;
        this.folder = Some(report::folder(&shared.folder, &card));
        let name = CString::try_from_fmt(fmt!("nova{}", number))?;
        this.node = Some(Node::new(card.clone(), name)?);
        if card.device.removal_requested() {
            // Asked for while the device was not in the list yet, where who removes it looks.
            card.remove_soon();
        }
        Ok(this)
    }

    /// Nobody opens it any more; then it is removed, however long that takes.
    fn end(&self) {
        if let Some(node) = &self.node {
            node.close();
        }
        self.card.remove();
        self.card.shared.forget(&self.card);
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        self.end();
        // In this order.
        self.node = None;
        self.folder = None;
    }
}

fn errno_of(error: &ProbeError<GpuError>) -> Error {
    match error {
        ProbeError::Driver { error: GpuError::Host(host), .. } => match host.kind {
            HostErrorKind::NoMemory => ENOMEM,
            HostErrorKind::Busy => EBUSY,
            HostErrorKind::NoResource => ENOSPC,
            HostErrorKind::Unsupported => EOPNOTSUPP,
            _ => EIO,
        },
        ProbeError::Driver { error, .. } => match error.kind() {
            ErrorKind::Gone | ErrorKind::Unsupported => ENODEV,
            ErrorKind::Timeout => ETIMEDOUT,
            _ => EIO,
        },
        ProbeError::Gone => ENODEV,
        ProbeError::Busy => EBUSY,
        _ => EIO,
    }
}

/// Asks again while somebody else has the device, which is for a moment, or until they have removed it.
fn patiently(
    mut ask: impl FnMut() -> Result<(), SuspendError<GpuError>>,
) -> Result<(), SuspendError<GpuError>> {
    for _ in 0..TRIES {
        match ask() {
            Err(SuspendError::Busy) => nap(),
            answer => return answer,
        }
    }
    Err(SuspendError::Busy)
}

/// Puts a device to sleep: for the system, or for the time of a reset.
pub(crate) fn suspend(dev: &pci::Device) -> Result {
    let Some(card) = global::get()?.of(dev) else { return Ok(()) };
    calls::remember_counts(&card);
    #[cfg(nova_debug)]
    crate::torture::suspend(&card);
    match patiently(|| card.device.suspend(&mut Outside::new(), PATIENCE)) {
        // A device that is gone, or removed, does not keep the system awake.
        Ok(()) | Err(SuspendError::Gone | SuspendError::State(_)) => Ok(()),
        Err(error) => {
            // Whoever asked does not wake what did not fall asleep.
            #[cfg(nova_debug)]
            crate::torture::resume(&card);
            dev.as_ref().pr_err(format_args!("does not go to sleep: {error}\n"));
            Err(if matches!(error, SuspendError::Blocked(_) | SuspendError::Busy) { EBUSY } else { EIO })
        }
    }
}

/// Wakes a device up.
pub(crate) fn resume(dev: &pci::Device) -> Result {
    let Some(card) = global::get()?.of(dev) else { return Ok(()) };
    let woken = patiently(|| card.device.resume(&mut Outside::new()));
    #[cfg(nova_debug)]
    crate::torture::resume(&card);
    match woken {
        Ok(()) | Err(SuspendError::State(_)) => Ok(()),
        Err(error) => {
            dev.as_ref().pr_err(format_args!("does not wake up: {error}\n"));
            Err(EIO)
        }
    }
}

/// Quiets a device before the system goes down or starts another kernel.
pub(crate) fn shutdown(dev: &pci::Device) {
    let Some(card) = global::get().ok().and_then(|shared| shared.of(dev)) else { return };
    #[cfg(nova_debug)]
    crate::torture::remove(&card);
    // Once: a callback that does not leave must not keep the machine from going down. The device is isolated then by the
    // kernel, and everything stays allocated.
    if let Err(error) = card.device.remove_within(&mut Outside::new(), PATIENCE) {
        dev.as_ref().pr_warn(format_args!("shutdown: {error}\n"));
    }
}

/// The bus says that the device is gone, or has to be taken for gone.
pub(crate) fn lost(dev: &pci::Device) {
    let Some(card) = global::get().ok().and_then(|shared| shared.of(dev)) else { return };
    card.device.lose();
    card.remove_soon();
}
