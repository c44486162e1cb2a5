//! E0277: a token stays on the thread that went through the gate, also when the other thread ends first.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Bound;
use nova_tests::toy::Toy;

/// Stands for `std::thread::Scope::spawn`.
fn spawn(_: impl FnOnce() + Send) {}

fn work(cx: &Bound<'_, Toy>) {
    #[cfg(trybuild)]
    spawn(|| assert!(cx.queue(&Toy::WORK).is_ok()));
    #[cfg(not(trybuild))]
    spawn(|| assert_eq!(Toy::WORK.name(), "work"));
}

fn main() {}
