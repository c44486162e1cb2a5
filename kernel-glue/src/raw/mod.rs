// SPDX-License-Identifier: GPL-2.0

//! The audited folder: every `unsafe` of the module is in here.
//!
//! Each file wraps one thing of the kernel for which 7.3's Rust API has no call, or none that fits: what belongs to a device
//! here lives as long as the driver core says, not as long as a borrow of the `struct device`. What a file offers is safe to
//! use in any order. Its argument rests on three rules that hold for all of them:
//!
//! * **Pinned.** What the kernel keeps a pointer to is pinned, and its `Drop` takes the pointer back and waits until the
//!   kernel is done with it, before the memory goes.
//! * **Nothing is forgotten.** The code of a module goes with the module, and a leaked registration would call it all the
//!   same. So no registration is leaked: `clippy::mem_forget` is denied, registrations are owned by the device's registry
//!   or by the module, and the module's exit waits until both are empty (`docs/kernel.md` has the order).
//! * **No unwinding.** The kernel's Rust aborts on a panic, so a critical section cannot be left by one.

#![allow(unsafe_code)]

pub(crate) mod debugfs;
pub(crate) mod dma;
pub(crate) mod driver;
pub(crate) mod file;
pub(crate) mod global;
pub(crate) mod irq;
pub(crate) mod lock;
pub(crate) mod pci;
pub(crate) mod task;
pub(crate) mod timer;
pub(crate) mod wait;
pub(crate) mod work;
