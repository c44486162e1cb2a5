// SPDX-License-Identifier: GPL-2.0

//! What the driver's callbacks, which are plain functions, share: there from the module's init to its exit.

use kernel::prelude::*;
use kernel::sync::Arc;

use crate::shared::Shared;

kernel::sync::global_lock! {
    // SAFETY: `put` initialises it, and is called first in the module's init, before a driver is registered.
    unsafe(uninit) static SHARED: Mutex<Option<Arc<Shared>>> = None;
}

/// Puts it up. Called once, from the module's init, before anything else of this file.
pub(crate) fn put(shared: Arc<Shared>) {
    // SAFETY: called exactly once.
    unsafe { SHARED.init() };
    *SHARED.lock() = Some(shared);
}

/// What is there.
pub(crate) fn get() -> Result<Arc<Shared>> {
    SHARED.lock().clone().ok_or(ENODEV)
}

/// Takes it away, at the module's exit.
pub(crate) fn take() -> Option<Arc<Shared>> {
    SHARED.lock().take()
}
