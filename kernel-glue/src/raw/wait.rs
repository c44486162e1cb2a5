// SPDX-License-Identifier: GPL-2.0

//! A wait queue: for tasks that sleep until something happens, and for `poll`.

use kernel::bindings;
use kernel::prelude::*;
use kernel::types::Opaque;

/// The time of a `sleep` that does not end by itself.
const NEVER: i64 = i64::MAX;
/// How much later than its time a sleep may end, so that wake-ups can be put together.
const SLACK_NS: u64 = 50_000;

/// A wait queue.
#[pin_data]
pub(crate) struct WaitQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
}

// SAFETY: the kernel's wait queues have a lock of their own.
unsafe impl Send for WaitQueue {}
// SAFETY: as above.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    /// An empty queue.
    pub(crate) fn new() -> impl PinInit<Self> {
        let class = kernel::static_lock_class!();
        pin_init!(Self {
            head <- Opaque::ffi_init(|head| {
                // SAFETY: `head` is valid for writes, and stays in its place.
                unsafe { bindings::__init_waitqueue_head(head, c"nova_event".as_char_ptr(), class.as_ptr()) }
            }),
        })
    }

    /// Wakes everybody. From any context.
    pub(crate) fn wake(&self) {
        // SAFETY: the queue is initialised. No key: who polls looks at everything.
        unsafe {
            bindings::__wake_up(self.head.get(), kernel::task::TASK_NORMAL as u32, 0, core::ptr::null_mut());
        }
    }

    /// Sleeps once: until woken up, until `until` by `CLOCK_MONOTONIC`, or until a signal comes. Does not when `ready`
    /// says so, which is asked when nothing that happens from then on can be missed.
    pub(crate) fn sleep(&self, until: u64, ready: impl FnOnce() -> bool) {
        let entry = Opaque::<bindings::wait_queue_entry>::uninit();
        // SAFETY: `entry` is valid for writes; it is taken off the queue below, before this frame goes.
        unsafe { bindings::init_wait(entry.get()) };
        // SAFETY: both are initialised.
        unsafe {
            bindings::prepare_to_wait(self.head.get(), entry.get(), kernel::task::TASK_INTERRUPTIBLE as i32);
        }
        if !ready() && !super::task::signal_pending() {
            let mut expires = i64::try_from(until).unwrap_or(NEVER);
            let expires = if expires == NEVER { core::ptr::null_mut() } else { &raw mut expires };
            let mode = bindings::hrtimer_mode_HRTIMER_MODE_ABS;
            // SAFETY: no time, or one that is there until this returns. The task's state says that it sleeps.
            unsafe { bindings::schedule_hrtimeout_range(expires, SLACK_NS, mode) };
        }
        // SAFETY: as for `prepare_to_wait`.
        unsafe { bindings::finish_wait(self.head.get(), entry.get()) };
    }

    /// The head, for who holds the queue for as long as it is used.
    pub(super) fn head(&self) -> *mut bindings::wait_queue_head {
        self.head.get()
    }
}
