// SPDX-License-Identifier: GPL-2.0

//! A high-resolution timer that can be set from any context, its own callback included.

use core::pin::Pin;

use kernel::bindings;
use kernel::container_of;
use kernel::prelude::*;
use kernel::types::Opaque;

use super::work::Timed;

/// In the softirq: nothing of ours is that urgent, and on PREEMPT_RT the driver core's locks need it.
const MODE: bindings::hrtimer_mode = bindings::hrtimer_mode_HRTIMER_MODE_ABS_SOFT;

/// A one-shot timer on `CLOCK_MONOTONIC`.
#[pin_data(PinnedDrop)]
pub(crate) struct Timer<J> {
    #[pin]
    timer: Opaque<bindings::hrtimer>,
    job: J,
}

// SAFETY: an hrtimer may be set and cancelled from any thread, and the job is `Send` and `Sync`.
unsafe impl<J: Send + Sync> Send for Timer<J> {}
// SAFETY: as above.
unsafe impl<J: Send + Sync> Sync for Timer<J> {}

impl<J: Timed> Timer<J> {
    /// A timer that runs `job`, never twice at a time.
    pub(crate) fn new(job: J) -> Result<Pin<KBox<Self>>> {
        let init = pin_init!(Self {
            timer <- Opaque::ffi_init(|timer| {
                // SAFETY: `timer` is valid for writes and stays in its place.
                unsafe { bindings::hrtimer_setup(timer, Some(Self::call), bindings::CLOCK_MONOTONIC as i32, MODE) }
            }),
            job,
        });
        KBox::pin_init(init, GFP_KERNEL)
    }

    unsafe extern "C" fn call(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
        // SAFETY: the kernel calls this with the timer of a `Timer`, which its `Drop` keeps until this returns.
        let this = unsafe { &*container_of!(Opaque::cast_from(timer), Self, timer) };
        this.job.run(|at| this.start(at));
        // Who wants it again has set it: a setting that came from elsewhere meanwhile is not lost that way.
        bindings::hrtimer_restart::HRTIMER_NORESTART
    }
}

impl<J> Timer<J> {
    /// The job.
    pub(crate) fn job(&self) -> &J {
        &self.job
    }

    /// Sets it to fire at `at`, whatever was set before. Not after `cancel`.
    pub(crate) fn start(&self, at: u64) {
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        // SAFETY: initialised and pinned; `Drop` cancels it. Allowed in its own callback, which stays on this timer's base.
        unsafe { bindings::hrtimer_start_range_ns(self.timer.get(), at, 0, MODE) };
    }

    /// Takes the setting back, without waiting for a call that runs.
    pub(crate) fn stop(&self) {
        // SAFETY: initialised. It does not wait.
        unsafe { bindings::hrtimer_try_to_cancel(self.timer.get()) };
    }

    /// Takes the setting back, and waits until it does not run. Nobody may set it any more.
    pub(crate) fn cancel(&self) {
        // SAFETY: initialised, and called from a context that may sleep and is not this timer.
        unsafe { bindings::hrtimer_cancel(self.timer.get()) };
    }
}

#[pinned_drop]
impl<J> PinnedDrop for Timer<J> {
    fn drop(self: Pin<&mut Self>) {
        self.cancel();
    }
}
