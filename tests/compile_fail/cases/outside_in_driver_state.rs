//! E0277: a driver does not keep an `Outside` for its callbacks.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::Io;
use nova_core::lifecycle::{BusOf, Driver, Outside, Probing};
use nova_tests::toy::{Host, ToyError};

#[cfg(trybuild)]
type Kept = Outside;
#[cfg(not(trybuild))]
type Kept = u32;

struct State {
    kept: Kept,
}

impl Driver for State {
    type Host = Host;
    type Error = ToyError;

    fn attach(_: Io<'_, BusOf<Self>>, _: &Host) -> Result<Self, ToyError> {
        Err(ToyError::Told)
    }

    fn probe(_: &mut Probing<'_, Self>) -> Result<(), ToyError> {
        Ok(())
    }
}

fn main() {}
