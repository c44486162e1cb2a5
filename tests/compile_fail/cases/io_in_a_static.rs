//! E0521: register access is not put into a static.
#![allow(unused, unexpected_cfgs)]

use std::sync::Mutex;

use nova_core::bus::Io;
use nova_core::lifecycle::{Bound, BusOf};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_tests::toy::Toy;

static IO: Mutex<Option<Io<'static, BusOf<Toy>>>> = Mutex::new(None);
static BOOT_0: Mutex<Option<u32>> = Mutex::new(None);

fn work(cx: &Bound<'_, Toy>) {
    #[cfg(trybuild)]
    IO.lock().unwrap().replace(cx.io());
    #[cfg(not(trybuild))]
    BOOT_0.lock().unwrap().replace(cx.io().read(NV_PMC_BOOT_0).unwrap().get());
}

fn main() {}
