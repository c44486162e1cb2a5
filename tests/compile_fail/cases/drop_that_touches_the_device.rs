//! E0521: a value whose drop touches the device is dropped in the call, not at some time after it.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::Io;
use nova_core::lifecycle::{BusOf, Outside};
use nova_core::regs::intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as TRIGGER;
use nova_tests::toy::Toy;
use nova_tests::toybench::Client;

struct Ring<'a>(Io<'a, BusOf<Toy>>);

impl Drop for Ring<'_> {
    fn drop(&mut self) {
        let _ = self.0.write_word(TRIGGER, 129);
    }
}

fn call(client: &Client) {
    let mut later = Vec::new();
    let _ = client.call(&mut Outside::new(), |cx| {
        let ring = Ring(cx.io());
        #[cfg(trybuild)]
        later.push(ring);
        #[cfg(not(trybuild))]
        later.push(drop(ring));
        Ok(())
    });
}

fn main() {}
