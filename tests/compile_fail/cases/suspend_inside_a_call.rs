//! E0499: nor does it put the device to sleep there.
#![allow(unused, unexpected_cfgs)]

use nova_core::hal::Nanos;
use nova_core::lifecycle::Outside;
use nova_tests::toybench::Client;

fn suspend(client: &Client) {
    let mut outside = Outside::new();
    let _ = client.call(&mut outside, |_| {
        #[cfg(trybuild)]
        let _ = client.device().suspend(&mut outside, Nanos(5));
        Ok(())
    });
    #[cfg(not(trybuild))]
    let _ = client.device().suspend(&mut outside, Nanos(5));
}

fn main() {}
