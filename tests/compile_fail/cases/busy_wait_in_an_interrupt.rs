//! E0277: work may wait for the GPU; an interrupt handler may not, neither for a time nor for a register.
#![allow(unused, unexpected_cfgs)]

use nova_core::driver::Gpu;
use nova_core::hal::{Host, Nanos};
use nova_core::lifecycle::{Bound, MaySleep, NoSleep};

#[cfg(trybuild)]
type Context = NoSleep;
#[cfg(not(trybuild))]
type Context = MaySleep;

fn wait<H: Host>(cx: &Bound<'_, Gpu<H>, Context>) {
    let _ = Gpu::delay(cx);
    let _ = Gpu::timer(cx).wait_on("a bit", Nanos::from_secs(60), || Ok(None::<()>));
    let _ = Gpu::timer(cx).set(0);
}

fn main() {}
