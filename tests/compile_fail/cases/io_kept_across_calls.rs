//! E0521: register access ends with the call, what was read does not.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Outside;
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_tests::toybench::Client;

fn call(client: &Client) {
    let mut kept = None;
    let _ = client.call(&mut Outside::new(), |cx| {
        #[cfg(trybuild)]
        let keep = cx.io();
        #[cfg(not(trybuild))]
        let keep = cx.io().read(NV_PMC_BOOT_0);
        kept = Some(keep);
        Ok(())
    });
}

fn main() {}
