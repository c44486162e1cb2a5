//! E0616: nobody goes around the gate of a device, or opens it.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Outside;
use nova_tests::toybench::Client;

fn visit(client: &Client) {
    #[cfg(trybuild)]
    let visit = client.device().cell.enter(4);
    #[cfg(not(trybuild))]
    let visit = client.call(&mut Outside::new(), |_| Ok(()));
}

fn main() {}
