//! E0521: a session does not take the driver's state from one call to the next: it may be freed in between.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Outside;
use nova_tests::toybench::Client;

fn twice(client: &Client, outside: &mut Outside) {
    let mut kept = None;
    for _ in 0..2 {
        let _ = client.call(outside, |cx| {
            #[cfg(trybuild)]
            let data = *kept.get_or_insert(cx.data());
            #[cfg(not(trybuild))]
            let (data, _) = (cx.data(), kept.get_or_insert(()));
            let _ = data;
            Ok(())
        });
    }
}

fn main() {}
