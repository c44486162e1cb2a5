//! E0507: there is one token for each call: a callback is lent it.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Bound;
use nova_tests::toy::Toy;

fn work(cx: &Bound<'_, Toy>) {
    #[cfg(trybuild)]
    let token = *cx;
    #[cfg(not(trybuild))]
    let token = cx;
    let _ = token.queue(&Toy::WORK);
}

fn main() {}
