// SPDX-License-Identifier: GPL-2.0

//! The Linux module: nova-core on the kernel's own Rust crate.
//!
//! | file | what it is |
//! |---|---|
//! | `driver` | the PCI driver: probe, unbind, sleep, loss |
//! | `card` | one GPU as it was bound once: the driver core's device, and who removes it |
//! | `host` | the driver core's host: clock, delay, log, gate, events, memory |
//! | `entry` | interrupts, work, delayed work and timers, each with its cancel |
//! | `file`, `calls` | open files of `/dev/novaN` and their calls |
//! | `report` | what debugfs shows |
//! | `shared` | what the module has once: workqueue, debugfs folder, the list of GPUs |
//! | `raw` | the audited folder: all the `unsafe` there is |
//!
//! `docs/kernel.md` tells why none of this is executed after its device, or the module, is gone.

#![deny(unsafe_code)]

#[cfg(CONFIG_PREEMPT_RT)]
compile_error!("the replay of interrupts after sleep (raw/irq.rs, call_now) is not made for PREEMPT_RT");

mod calls;
mod card;
mod driver;
mod entry;
mod file;
mod host;
#[cfg(nova_debug)]
mod pace;
#[cfg(nova_debug)]
mod poke;
mod raw;
mod report;
#[cfg(nova_debug)]
mod selftest;
mod shared;
#[cfg(nova_debug)]
mod torture;

use kernel::prelude::*;
use kernel::ModuleMetadata;

module! {
    type: NovaModule,
    name: "nova",
    authors: ["The nova developers"],
    description: "NVIDIA GPUs from Turing on, driven by nova-core",
    license: "GPL",
}

/// The module. Its fields are dropped in this order at exit.
#[pin_data]
struct NovaModule {
    // First: when it is gone, no device has the driver, so every device has been removed.
    #[pin]
    _driver: kernel::driver::Registration<raw::driver::Adapter>,
    // Then: waits for what still runs on the module's queue.
    _shared: shared::Lease,
}

impl kernel::InPlaceModule for NovaModule {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let lease = shared::Lease::take()?;
            #[cfg(nova_debug)]
            {
                pr_warn!("built for tests: root may write registers by NOVA_DEBUG\n");
                selftest::run()?;
            }
            Ok(try_pin_init!(Self {
                _driver <- kernel::driver::Registration::new(<Self as ModuleMetadata>::NAME, module),
                _shared: lease,
            }))
        })
    }
}
