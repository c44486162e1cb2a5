// SPDX-License-Identifier: GPL-2.0

//! The other half of the argument: a driver that holds its resources in `Devres`, each of which is revoked by itself when the
//! driver is unbound. `insmod revocable.ko resources=N shared=1`, then `driver_override`. The case `kernel_figures` measures its
//! unbind.
//!
//! A driver that alone has its `Devres` drops them before the driver core revokes them, without waiting: nobody else can be
//! inside. Those that others have too, as open files do that outlive the binding, are revoked one by one.

use kernel::{
    device::Core,
    devres::Devres,
    pci,
    prelude::*,
    sync::atomic::{Atomic, Relaxed},
};

/// How many resources are there.
static LIVE: Atomic<i32> = Atomic::new(0);

/// A resource that costs nothing by itself, so that what is measured is `Devres`.
struct Resource;

impl Resource {
    fn new() -> Self {
        let _ = LIVE.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        let _ = LIVE.fetch_add(-1, Relaxed);
    }
}

/// The resources as the driver has them.
struct Holder(#[allow(dead_code)] KVec<Devres<Resource>>);

kernel::sync::global_lock! {
    // SAFETY: The module's `init` initialises it before it registers the driver.
    unsafe(uninit) static OTHERS: Mutex<KVec<Devres<Resource>>> = KVec::new();
}

struct RevocableDriver;

kernel::pci_device_table!(
    TABLE,
    <RevocableDriver as pci::Driver>::IdInfo,
    // No function has these: it is bound by `driver_override` only.
    [(pci::DeviceId::from_id(pci::Vendor::REDHAT, 0xffff), ())]
);

impl pci::Driver for RevocableDriver {
    type IdInfo = ();
    type Data<'bound> = Holder;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &TABLE;

    fn probe<'bound>(
        dev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let mut held = KVec::new();
        for _ in 0..module_parameters::resources.value() {
            held.push(Devres::new(dev.as_ref(), Resource::new())?, GFP_KERNEL)?;
        }
        if module_parameters::shared.value() == 0 {
            return Ok(Holder(held));
        }
        let mut others = OTHERS.lock();
        // Those of the last binding: revoked, and gone with this.
        *others = held;
        Ok(Holder(KVec::new()))
    }
}

/// The driver, registered with the module's own name.
struct Revocable {
    _driver: Pin<KBox<kernel::driver::Registration<pci::Adapter<RevocableDriver>>>>,
}

module! {
    type: Revocable,
    name: "revocable",
    authors: ["The nova developers"],
    description: "A driver whose resources are revocable, to measure",
    license: "GPL",
    params: {
        resources: u32 {
            default: 1,
            description: "How many resources a device has",
        },
        shared: u32 {
            default: 0,
            description: "1: others have them too, who outlive the binding",
        },
    },
}

impl Drop for Revocable {
    fn drop(&mut self) {
        // A global is not dropped by itself.
        *OTHERS.lock() = KVec::new();
    }
}

impl kernel::Module for Revocable {
    fn init(module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Called once, here, and nothing has used it yet.
        unsafe { OTHERS.init() };
        let name = kernel::c_str!("revocable");
        let driver = kernel::driver::Registration::new(name, module);
        Ok(Self { _driver: KBox::try_pin_init(driver, GFP_KERNEL)? })
    }
}
