//! E0277: callbacks share the driver's state, so what changes in it is an atomic or in a lock.
#![allow(unused, unexpected_cfgs)]

use std::cell::Cell;
use std::sync::atomic::AtomicU32;

use nova_core::bus::Io;
use nova_core::lifecycle::{BusOf, Driver, Probing};
use nova_tests::toy::{Host, ToyError};

#[derive(Default)]
struct State {
    #[cfg(trybuild)]
    calls: Cell<u32>,
    #[cfg(not(trybuild))]
    calls: AtomicU32,
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
