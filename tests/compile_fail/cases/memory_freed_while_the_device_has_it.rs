//! E0382: memory that a transfer was given is the device's until the transfer gives it back.
#![allow(unused, unexpected_cfgs)]

use nova_core::Error;
use nova_core::driver::Gpu;
use nova_core::hal::Host;
use nova_core::lifecycle::Bound;
use nova_core::units::falcon::{Engine, Span};

fn load<H: Host>(cx: &Bound<'_, Gpu<H>>) -> Result<(), Error> {
    let falcon = Gpu::falcon(cx, Engine::Sec2);
    let memory = falcon.memory(256)?;
    let back = falcon.load_dmem(memory, Span { memory: 0, falcon: 0, len: 256 });
    #[cfg(trybuild)]
    drop(memory);
    #[cfg(not(trybuild))]
    drop(back?);
    Ok(())
}

fn main() {}
