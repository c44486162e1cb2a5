//! E0277: a driver does not keep an `Outside` for its callbacks.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::Io;
use nova_core::lifecycle::{BusOf, Driver, Outside, Probing};
use nova_tests::toy::{Host, ToyError};

#[derive(Default)]
struct State {
    #[cfg(trybuild)]
    outside: Option<Outside>,
    #[cfg(not(trybuild))]
    outside: Option<u32>,
}

impl Driver for State {
    type Host = Host;
    type Error = ToyError;

    fn attach(_: Io<'_, BusOf<Self>>, _: &Host) -> Result<Self, ToyError> {
        Ok(Self::default())
    }

    fn probe(_: &mut Probing<'_, Self>) -> Result<(), ToyError> {
        Ok(())
    }
}

fn main() {}
