// SPDX-License-Identifier: GPL-2.0

//! Work items that can be cancelled for good, and the module's own queue for them.

use core::pin::Pin;
use core::ptr::NonNull;

use kernel::bindings;
use kernel::prelude::*;
use kernel::sync::Arc;
use kernel::types::Opaque;
use kernel::{container_of, workqueue};

use super::task::monotonic_ns;

/// Something that is called later.
pub(crate) trait Job: Send + Sync + 'static {
    /// One call.
    fn run(&self);
}

/// Something that is called at a time, and may set the next one.
pub(crate) trait Timed: Send + Sync + 'static {
    /// One call; `set` sets what it was called by.
    fn run(&self, set: impl Fn(u64));
}

/// The module's own workqueue. Its end waits for everything that was queued on it.
pub(crate) struct WorkQueue(NonNull<bindings::workqueue_struct>);

// SAFETY: workqueues may be used from any thread.
unsafe impl Send for WorkQueue {}
// SAFETY: as above.
unsafe impl Sync for WorkQueue {}

const ANY_CPU: i32 = bindings::wq_misc_consts_WORK_CPU_UNBOUND as i32;

impl WorkQueue {
    /// Makes the queue.
    pub(crate) fn new() -> Result<Self> {
        // Not of one processor: a removal may wait in here for long.
        let flags = bindings::wq_flags_WQ_UNBOUND;
        // SAFETY: the format takes no arguments.
        let queue = unsafe { bindings::alloc_workqueue_noprof(c"nova".as_char_ptr(), flags, 0) };
        NonNull::new(queue).map(Self).ok_or(ENOMEM)
    }

    /// The queue as the kernel crate has it.
    pub(crate) fn as_queue(&self) -> &workqueue::Queue {
        // SAFETY: the queue is there until `self` is dropped.
        unsafe { workqueue::Queue::from_raw(self.0.as_ptr()) }
    }

    /// Waits until nothing is queued or running, and nothing that ran queued anything.
    pub(crate) fn drain(&self) {
        // SAFETY: the queue is there. This is called by the module's exit, which runs on no workqueue.
        unsafe { bindings::drain_workqueue(self.0.as_ptr()) };
    }
}

impl Drop for WorkQueue {
    fn drop(&mut self) {
        // SAFETY: made in `new` and not freed before. It waits for what is queued; whoever queues holds a reference.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

/// A work item.
#[pin_data(PinnedDrop)]
pub(crate) struct Item<J> {
    #[pin]
    work: Opaque<bindings::work_struct>,
    queue: Arc<WorkQueue>,
    job: J,
}

// SAFETY: a work item may be queued and cancelled from any thread, and the job is `Send` and `Sync`.
unsafe impl<J: Send + Sync> Send for Item<J> {}
// SAFETY: as above.
unsafe impl<J: Send + Sync> Sync for Item<J> {}

impl<J: Job> Item<J> {
    /// An item that runs `job` on `queue`, never twice at a time.
    pub(crate) fn new(queue: Arc<WorkQueue>, job: J) -> Result<Pin<KBox<Self>>> {
        let class = kernel::static_lock_class!();
        let init = pin_init!(Self {
            work <- Opaque::ffi_init(|work| {
                // SAFETY: `work` is valid for writes and stays in its place.
                unsafe {
                    bindings::init_work_with_key(work, Some(Self::call), false, c"nova_work".as_char_ptr(), class.as_ptr());
                }
            }),
            queue,
            job,
        });
        KBox::pin_init(init, GFP_KERNEL)
    }

    unsafe extern "C" fn call(work: *mut bindings::work_struct) {
        // SAFETY: the kernel calls this with the work of an item, which its `Drop` keeps until this returns.
        let this = unsafe { &*container_of!(Opaque::cast_from(work), Self, work) };
        this.job.run();
    }
}

impl<J> Item<J> {
    /// Queues it; `false` when it is queued already or cancelled. From any context.
    pub(crate) fn queue(&self) -> bool {
        // SAFETY: the item is initialised and pinned, and its `Drop` takes it off the queue; the queue is held by it.
        unsafe { bindings::queue_work_on(ANY_CPU, self.queue.0.as_ptr(), self.work.get()) }
    }

    /// Ends it: takes it off the queue, waits until it does not run, and lets nobody queue it again.
    pub(crate) fn cancel(&self) {
        // SAFETY: initialised, and called from a context that may sleep and is not this item.
        unsafe { bindings::disable_work_sync(self.work.get()) };
    }
}

#[pinned_drop]
impl<J> PinnedDrop for Item<J> {
    fn drop(self: Pin<&mut Self>) {
        self.cancel();
    }
}

/// A work item for later.
#[pin_data(PinnedDrop)]
pub(crate) struct DelayedItem<J> {
    #[pin]
    work: Opaque<bindings::delayed_work>,
    queue: Arc<WorkQueue>,
    job: J,
}

// SAFETY: as `Item`.
unsafe impl<J: Send + Sync> Send for DelayedItem<J> {}
// SAFETY: as `Item`.
unsafe impl<J: Send + Sync> Sync for DelayedItem<J> {}

impl<J: Timed> DelayedItem<J> {
    /// An item that runs `job` on `queue`, never twice at a time.
    pub(crate) fn new(queue: Arc<WorkQueue>, job: J) -> Result<Pin<KBox<Self>>> {
        let work_class = kernel::static_lock_class!();
        let timer_class = kernel::static_lock_class!();
        let name = c"nova_delayed".as_char_ptr();
        let init = pin_init!(Self {
            work <- Opaque::ffi_init(|work: *mut bindings::delayed_work| {
                // SAFETY: `work` is valid for writes and stays in its place.
                unsafe {
                    bindings::init_work_with_key(
                        &raw mut (*work).work, Some(Self::call), false, name, work_class.as_ptr(),
                    );
                }
                // SAFETY: as above; the function is the one that belongs to the timer of a delayed work.
                unsafe {
                    bindings::timer_init_key(
                        &raw mut (*work).timer,
                        Some(bindings::delayed_work_timer_fn),
                        bindings::TIMER_IRQSAFE,
                        name,
                        timer_class.as_ptr(),
                    );
                }
            }),
            queue,
            job,
        });
        KBox::pin_init(init, GFP_KERNEL)
    }

    unsafe extern "C" fn call(work: *mut bindings::work_struct) {
        // SAFETY: this is called with the work of a delayed work of an item, which its `Drop` keeps until this returns.
        let delayed = unsafe { container_of!(work, bindings::delayed_work, work) };
        // SAFETY: as above.
        let this = unsafe { &*container_of!(Opaque::cast_from(delayed), Self, work) };
        this.job.run(|at| this.start(at));
    }
}

impl<J> DelayedItem<J> {
    /// The job.
    pub(crate) fn job(&self) -> &J {
        &self.job
    }

    /// Has it run at `at` by `CLOCK_MONOTONIC`, whatever was set before. Does nothing once cancelled. From any context.
    pub(crate) fn start(&self, at: u64) {
        let delay = match at.saturating_sub(monotonic_ns()) {
            0 => 0,
            // Up, and one more because the present tick has begun: never early.
            ns => kernel::time::msecs_to_jiffies(u32::try_from(ns.div_ceil(1_000_000)).unwrap_or(u32::MAX))
                .saturating_add(1),
        };
        // SAFETY: as `Item::queue`.
        unsafe { bindings::mod_delayed_work_on(ANY_CPU, self.queue.0.as_ptr(), self.work.get(), delay) };
    }

    /// Ends it, as [`Item::cancel`].
    pub(crate) fn cancel(&self) {
        // SAFETY: as `Item::cancel`.
        unsafe { bindings::disable_delayed_work_sync(self.work.get()) };
    }
}

#[pinned_drop]
impl<J> PinnedDrop for DelayedItem<J> {
    fn drop(self: Pin<&mut Self>) {
        self.cancel();
    }
}
