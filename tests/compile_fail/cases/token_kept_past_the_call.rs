//! E0521: a token is not kept past the call that it proves.
#![allow(unused, unexpected_cfgs)]

use nova_core::hal::Clock as _;
use nova_core::lifecycle::Outside;
use nova_tests::toybench::Client;

fn call(client: &Client) {
    let mut kept = None;
    let _ = client.call(&mut Outside::new(), |cx| {
        #[cfg(trybuild)]
        let keep = cx;
        #[cfg(not(trybuild))]
        let keep = cx.clock().now();
        kept = Some(keep);
        Ok(())
    });
}

fn main() {}
