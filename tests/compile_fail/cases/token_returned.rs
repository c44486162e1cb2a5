//! no code: a callback does not hand out its token; what it is told by the device, it may.
#![allow(unused, unexpected_cfgs)]

use nova_core::hal::Clock as _;
use nova_core::lifecycle::Outside;
use nova_tests::toybench::Client;

fn call(client: &Client) {
    let _ = client.call(&mut Outside::new(), |cx| {
        #[cfg(trybuild)]
        let answer = cx;
        #[cfg(not(trybuild))]
        let answer = cx.clock().now();
        Ok(answer)
    });
}

fn main() {}
