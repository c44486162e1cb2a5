// SPDX-License-Identifier: GPL-2.0

//! One GPU, as it was bound once.

use core::ops::Deref;
use core::sync::atomic::{AtomicU32, Ordering};

use kernel::pci;
use kernel::prelude::*;
use kernel::sync::aref::ARef;
use kernel::sync::{Arc, SetOnce};
use kernel::workqueue::{impl_has_work, new_work, Work, WorkItem};
use nova_abi::{Info, IrqCounts};
use nova_core::driver::GpuDevice;
use nova_core::hal::{Host as _, Lock as _};
use nova_core::lifecycle::{Outside, RemoveError};

use crate::host::KernelHost;
use crate::raw::lock::IrqLock;
use crate::raw::pci as raw;
use crate::raw::wait::WaitQueue;
use crate::shared::Shared;

/// The driver core's device for one binding, and what belongs to it. It outlives the binding for as long as files are open.
#[pin_data]
pub(crate) struct Card {
    pub(crate) device: GpuDevice<KernelHost>,
    dev: ARef<pci::Device>,
    pub(crate) shared: Arc<Shared>,
    /// Wakes up with the device's event, and who polls.
    pub(crate) queue: Arc<WaitQueue>,
    #[pin]
    removal: Work<Card>,
    /// `N` of `/dev/novaN`.
    number: SetOnce<u32>,
    /// What does not change, for `NOVA_GET_INFO`.
    pub(crate) info: SetOnce<Info>,
    /// The counters as they were when the device went to sleep.
    pub(crate) asleep: IrqLock<IrqCounts>,
    /// Interrupt messages served.
    pub(crate) served: AtomicU32,
    #[cfg(nova_debug)]
    pub(crate) torture: nova_core::lifecycle::Device<crate::torture::Torture, 4>,
}

impl_has_work! {
    impl HasWork<Self> for Card { self.removal }
}

impl Card {
    /// A card for a device, not bound yet.
    // Not inlined: should it lie on the stack on its way, then not while the driver's steps are called.
    #[inline(never)]
    pub(crate) fn new(dev: ARef<pci::Device>, shared: Arc<Shared>) -> Result<Arc<Self>> {
        let queue = Arc::pin_init(WaitQueue::new(), GFP_KERNEL)?;
        let own = queue.clone();
        let init = pin_init!(Self {
            device: GpuDevice::new(),
            dev,
            shared,
            queue,
            removal <- new_work!("nova::removal"),
            number: SetOnce::new(),
            info: SetOnce::new(),
            asleep: IrqLock::new(IrqCounts::NEW),
            served: AtomicU32::new(0),
            #[cfg(nova_debug)]
            torture: nova_core::lifecycle::Device::new(),
        });
        let card = Arc::pin_init(init, GFP_KERNEL)?;
        card.device.event().wake_with(own);
        Ok(card)
    }

    /// The PCI device.
    pub(crate) fn dev(&self) -> &pci::Device {
        &self.dev
    }

    /// Domain, bus, slot and function.
    pub(crate) fn address(&self) -> (u32, u8, u8, u8) {
        let id = self.dev.dev_id();
        // The name is DDDD:BB:SS.F; the domain is nowhere else within reach.
        let name = self.dev.as_ref().name().to_str().unwrap_or_default();
        let domain = name.split(':').next().and_then(|domain| u32::from_str_radix(domain, 16).ok());
        (domain.unwrap_or_default(), (id >> 8) as u8, (id >> 3 & 0x1f) as u8, (id & 7) as u8)
    }

    /// `N` of `/dev/novaN`.
    pub(crate) fn number(&self) -> Option<u32> {
        self.number.copy()
    }

    /// Gives it its number.
    pub(crate) fn set_number(&self, number: u32) {
        self.number.populate(number);
    }

    /// An interrupt message was served.
    pub(crate) fn count_served(&self) {
        use nova_core::hal::Event as _;
        self.served.fetch_add(1, Ordering::Relaxed);
        // Once more, after the count: who was woken up by the handler itself may have looked before.
        self.device.event().signal();
    }

    /// Has it removed soon. From any context.
    pub(crate) fn remove_soon(self: &Arc<Self>) {
        // An error says that it is queued already, which is as good.
        let _ = self.shared.queue.as_queue().enqueue(self.clone());
    }

    /// Removes the driver core's device, however long that takes: nothing is freed before everybody has left.
    pub(crate) fn remove(&self) {
        let mut outside = Outside::new();
        if raw::is_gone(&self.dev) {
            self.device.lose();
        }
        #[cfg(nova_debug)]
        crate::torture::remove(self);
        loop {
            match self.device.remove(&mut outside) {
                Ok(removed) => {
                    let how = if removed.lost { "gone" } else { "removed" };
                    self.dev.as_ref().pr_info(format_args!("{how}\n"));
                    return;
                }
                // There is nothing to remove (any more).
                Err(RemoveError::State(_)) => return,
                // Somebody else is at it, and lets go.
                Err(RemoveError::Busy) => crate::host::nap(),
                Err(error) => self.dev.as_ref().pr_warn(format_args!("{error}\n")),
            }
        }
    }

    /// One try of a removal that the driver asked for. `false` when it has to be tried again.
    fn remove_as_asked(&self) -> bool {
        let mut outside = Outside::new();
        let limit = KernelHost::REMOVE_LIMIT;
        let removed = if self.device.is_lost() {
            self.device.remove_within(&mut outside, limit).map(Some)
        } else {
            self.device.remove_if_requested(&mut outside, limit)
        };
        match removed {
            Ok(Some(_)) => {
                self.dev.as_ref().pr_info(format_args!("removed, as was asked for from inside\n"));
                true
            }
            // Somebody else has removed it, or it was bound anew.
            Ok(None) | Err(RemoveError::State(_)) => true,
            Err(error) => {
                self.dev.as_ref().pr_warn(format_args!("{error}\n"));
                false
            }
        }
    }
}

impl WorkItem for Card {
    type Pointer = Arc<Self>;

    /// The removal that was asked for from inside a callback: first the driver core's device, then the driver's binding.
    fn run(this: Arc<Self>) {
        if this.remove_as_asked() {
            this.shared.release(&this);
        } else {
            crate::host::nap();
            this.remove_soon();
        }
    }
}

/// A counted reference to the driver core's device: what its callbacks and sessions keep.
#[derive(Clone)]
pub(crate) struct Handle(pub(crate) Arc<Card>);

impl Deref for Handle {
    type Target = GpuDevice<KernelHost>;
    #[inline(always)]
    fn deref(&self) -> &GpuDevice<KernelHost> {
        &self.0.device
    }
}
