// SPDX-License-Identifier: GPL-2.0

//! What the driver's callbacks, which are plain functions, share: there from the module's init to its exit.

use core::sync::atomic::{AtomicBool, Ordering};

use kernel::prelude::*;
use kernel::sync::Arc;

use crate::shared::Shared;

kernel::sync::global_lock! {
    // SAFETY: `put` initialises it, once, and whoever locks it looks at `THERE` first.
    unsafe(uninit) static SHARED: Mutex<Option<Arc<Shared>>> = None;
}

/// Whether `put` has begun.
static BEGUN: AtomicBool = AtomicBool::new(false);
/// Whether the lock is initialised.
static THERE: AtomicBool = AtomicBool::new(false);

/// Puts it up, in the module's init. What is up already stays.
pub(crate) fn put(shared: Arc<Shared>) {
    if BEGUN.swap(true, Ordering::Relaxed) {
        return;
    }
    // SAFETY: reached exactly once.
    unsafe { SHARED.init() };
    THERE.store(true, Ordering::Release);
    *SHARED.lock() = Some(shared);
}

/// What is there.
pub(crate) fn get() -> Result<Arc<Shared>> {
    if !THERE.load(Ordering::Acquire) {
        return Err(ENODEV);
    }
    SHARED.lock().clone().ok_or(ENODEV)
}

/// Takes it away, at the module's exit.
pub(crate) fn take() -> Option<Arc<Shared>> {
    if !THERE.load(Ordering::Acquire) {
        return None;
    }
    SHARED.lock().take()
}
