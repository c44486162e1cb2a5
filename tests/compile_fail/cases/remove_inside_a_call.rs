//! E0499: a thread removes a device after a call, not inside one, where it would wait for itself.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Outside;
use nova_tests::toybench::Client;

fn remove(client: &Client) {
    let mut outside = Outside::new();
    let _ = client.call(&mut outside, |_| {
        #[cfg(trybuild)]
        let _ = client.device().remove(&mut outside);
        Ok(())
    });
    #[cfg(not(trybuild))]
    let _ = client.device().remove(&mut outside);
}

fn main() {}
