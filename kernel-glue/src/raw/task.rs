// SPDX-License-Identifier: GPL-2.0

//! The clock, and questions about the present task.

use kernel::bindings;
use kernel::types::Opaque;

/// `CLOCK_MONOTONIC` in nanoseconds.
#[inline]
pub(crate) fn monotonic_ns() -> u64 {
    // SAFETY: callable from any context.
    unsafe { bindings::ktime_get() }.max(0).unsigned_abs()
}

/// `CLOCK_MONOTONIC` as of the last tick.
#[inline]
pub(crate) fn coarse_ns() -> u64 {
    let time = Opaque::<bindings::timespec64>::uninit();
    // SAFETY: callable from any context; it fills the struct in.
    unsafe { bindings::ktime_get_coarse_ts64(time.get()) };
    // SAFETY: filled in above.
    let time = unsafe { *time.get() };
    let seconds = time.tv_sec.max(0).unsigned_abs();
    seconds.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec.max(0).unsigned_abs() as u64)
}

/// Whether a signal waits for the present task, or it is to freeze.
pub(crate) fn signal_pending() -> bool {
    kernel::current!().signal_pending()
}

/// Whether the present task may do raw I/O.
pub(crate) fn may_raw_io() -> bool {
    // SAFETY: called in the context of a system call.
    unsafe { bindings::capable(bindings::CAP_SYS_RAWIO as i32) }
}
