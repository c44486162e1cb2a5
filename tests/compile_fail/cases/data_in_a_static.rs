//! E0521: the driver's state is not borrowed for ever.
#![allow(unused, unexpected_cfgs)]

use std::sync::Mutex;

use nova_core::lifecycle::Bound;
use nova_tests::toy::Toy;

static TOY: Mutex<Option<&'static Toy>> = Mutex::new(None);

fn work<'a>(cx: &Bound<'a, Toy>) {
    let toy: &'a Toy = cx.data();
    #[cfg(trybuild)]
    TOY.lock().unwrap().replace(toy);
    #[cfg(not(trybuild))]
    let _ = toy;
}

fn main() {}
