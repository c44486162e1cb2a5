//! E0521: register access is not taken to a thread that may outlive the call; one that cannot may have it.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Bound;
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_tests::toy::Toy;

fn work(cx: &Bound<'_, Toy>) {
    let io = cx.io();
    let read = move || io.read(NV_PMC_BOOT_0).is_ok();
    #[cfg(trybuild)]
    std::thread::spawn(read);
    #[cfg(not(trybuild))]
    std::thread::scope(|scope| scope.spawn(read).join().unwrap());
}

fn main() {}
