//! E0499: nor does it wait there for anything else.
#![allow(unused, unexpected_cfgs)]

use nova_core::hal::{Clock, Instant};
use nova_core::lifecycle::Outside;
use nova_tests::toybench::Client;

fn wait(client: &Client, clock: &impl Clock) {
    let mut outside = Outside::new();
    let _ = client.call(&mut outside, |_| {
        #[cfg(trybuild)]
        let _ = client.wait(&mut outside, clock, Instant(5), |_| Ok(Some(())));
        Ok(())
    });
    #[cfg(not(trybuild))]
    let _ = client.wait(&mut outside, clock, Instant(5), |_| Ok(Some(())));
}

fn main() {}
