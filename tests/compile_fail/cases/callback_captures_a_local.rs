//! E0308: a callback captures nothing, so nothing that dies before it.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::WorkEntry;
use nova_tests::toy::Toy;

fn make() {
    let local = 5;
    let _work = WorkEntry::<Toy>::new(1, "work", |_| {
        #[cfg(not(trybuild))]
        let local = 5;
        let _ = local;
        Ok(())
    });
}

fn main() {}
