//! E0624: a host calls the callbacks it was given, and makes none.
#![allow(unused, unexpected_cfgs)]

use std::sync::Arc;

use nova_core::hal::{Callback, Ticket};
use nova_tests::toy::ToyDevice;

fn forge(callback: &Callback<Arc<ToyDevice>>, device: Arc<ToyDevice>, ticket: Ticket) {
    #[cfg(trybuild)]
    let copy = Callback::new(device, ticket);
    #[cfg(not(trybuild))]
    let copy = callback.clone();
    copy.call();
}

fn main() {}
