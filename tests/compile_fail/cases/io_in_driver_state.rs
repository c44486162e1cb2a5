//! no code: a driver looks at the registers when it attaches, and does not keep them in its state.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::Io;
use nova_core::lifecycle::{BusOf, Driver, Probing};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_tests::toy::{Host, ToyError};

struct State {
    #[cfg(trybuild)]
    io: Io<'static, BusOf<Self>>,
    #[cfg(not(trybuild))]
    boot0: u32,
}

impl Driver for State {
    type Host = Host;
    type Error = ToyError;

    fn attach(io: Io<'_, BusOf<Self>>, _: &Host) -> Result<Self, ToyError> {
        #[cfg(trybuild)]
        return Ok(Self { io });
        #[cfg(not(trybuild))]
        return Ok(Self { boot0: io.read(NV_PMC_BOOT_0).unwrap().get() });
    }

    fn probe(_: &mut Probing<'_, Self>) -> Result<(), ToyError> {
        Ok(())
    }
}

fn main() {}
