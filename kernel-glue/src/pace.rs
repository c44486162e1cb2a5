// SPDX-License-Identifier: GPL-2.0

//! For tests: how long an entry takes. The guest's case `kernel_figures` puts it beside SRCU.

use core::hint::black_box;

use kernel::prelude::*;
use nova_core::driver::Gpu;
use nova_core::hal::Host;
use nova_core::lifecycle::{Bound, Gate, Outside};

use crate::file::{errno_of, OpenFile};
use crate::host::KernelHost;
use crate::raw::task::monotonic_ns;

/// The most entries that one call makes: a call is not to hold a processor for long.
const MOST: u32 = 1_000_000;

/// Nanoseconds for so many entries and exits of a gate, and for as many visits of the file's session.
pub(crate) fn measure(file: &OpenFile, times: u32) -> Result<[u64; 2]> {
    let times = times.clamp(1, MOST);
    Ok([gate(times)?, visits(file, times)?])
}

fn gate(times: u32) -> Result<u64> {
    let gate = KBox::new(<KernelHost as Host>::Gate::<16>::NEW, GFP_KERNEL)?;
    gate.open();
    let started = monotonic_ns();
    for _ in 0..times {
        let pass = black_box(&*gate).enter(black_box(1)).ok_or(EIO)?;
        gate.leave(black_box(1), black_box(pass));
    }
    Ok(monotonic_ns().saturating_sub(started))
}

fn visits(file: &OpenFile, times: u32) -> Result<u64> {
    let started = monotonic_ns();
    for _ in 0..times {
        let nothing = |_: &Bound<'_, Gpu<KernelHost>>| Ok(());
        file.session.call(&mut Outside::new(), nothing).map_err(errno_of)?;
    }
    Ok(monotonic_ns().saturating_sub(started))
}
