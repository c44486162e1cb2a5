//! E0277: callbacks run on other threads than probe, so the driver's state may move between threads.
#![allow(unused, unexpected_cfgs)]

use std::rc::Rc;
use std::sync::Arc;

use nova_core::bus::Io;
use nova_core::lifecycle::{BusOf, Driver, Probing};
use nova_tests::toy::{Host, ToyError};

#[derive(Default)]
struct State {
    #[cfg(trybuild)]
    name: Rc<str>,
    #[cfg(not(trybuild))]
    name: Arc<str>,
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
