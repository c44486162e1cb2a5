//! E0277: and it is not doubled.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Bound;
use nova_tests::toy::Toy;

fn work(cx: &Bound<'_, Toy>) {
    #[cfg(trybuild)]
    let token: Bound<'_, Toy> = Clone::clone(cx);
    #[cfg(not(trybuild))]
    let token: &Bound<'_, Toy> = Clone::clone(&cx);
    let _ = token.queue(&Toy::WORK);
}

fn main() {}
