//! E0277: that a thread is outside says nothing of another thread.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::Outside;
use nova_tests::toybench::Client;

/// Stands for `std::thread::Scope::spawn`.
fn spawn(_: impl FnOnce() + Send) {}

fn call(client: Client) {
    #[cfg(trybuild)]
    let mut outside = Outside::new();
    spawn(move || {
        #[cfg(not(trybuild))]
        let mut outside = Outside::new();
        let _ = client.call(&mut outside, |_| Ok(()));
    });
}

fn main() {}
