// SPDX-License-Identifier: GPL-2.0

//! For tests: does the gate that is used here keep what gates promise? Run when the module is loaded.

use kernel::prelude::*;
use nova_backends::conformance::gate;
use nova_core::hal::Host;
use nova_core::lifecycle::Gate;

use crate::host::KernelHost;

type Under<const N: usize> = <KernelHost as Host>::Gate<N>;

/// Runs the suite for what one thread can see.
pub(crate) fn run() -> Result {
    let gate = KBox::new(Under::<16>::NEW, GFP_KERNEL)?;
    gate::run(&*gate, 16).map_err(|broken| {
        pr_err!("gate, {}: {}\n", broken.case, broken.why);
        EIO
    })?;
    pr_info!("gate: the suite passes\n");
    Ok(())
}
