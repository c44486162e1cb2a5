//! E0616: the units of a GPU come with its own registers, never with those of another.
#![allow(unused, unexpected_cfgs)]

use nova_core::driver::Gpu;
use nova_core::hal::Host;
use nova_core::lifecycle::Bound;

fn alarm<H: Host>(a: &Bound<'_, Gpu<H>>, b: &Bound<'_, Gpu<H>>) {
    #[cfg(trybuild)]
    let _ = a.data().timer.schedule(Gpu::io(b), 0);
    #[cfg(not(trybuild))]
    let _ = Gpu::timer(a).schedule(Gpu::timer(b).now().unwrap());
}

fn main() {}
