//! no code: the right to register ends with probe.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Probing;
use nova_tests::toy::Toy;

fn probe<'a, 'b>(
    cx: &'a mut Probing<'b, Toy>,
    #[cfg(trybuild)] kept: &mut Option<&'static mut Probing<'b, Toy>>,
    #[cfg(not(trybuild))] kept: &mut Option<&'a mut Probing<'b, Toy>>,
) {
    *kept = Some(cx);
}

fn main() {}
