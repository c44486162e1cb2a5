//! Structured messages without end, against everything that decodes vfio-user: no panic, no hang, no growth.
//!
//! A short run is part of the suite. The soak is
//! `NOVA_SOAK_MESSAGES=10000000 cargo test --release -p nova-tests --test vfio_user_soak -- --nocapture --test-threads=1`;
//! `NOVA_SOAK_SEED` chooses another one. Messages are made by the generator of the codec's own tests and of its fuzz target.

#[allow(unreachable_pub, dead_code, reason = "shared with the codec's tests and a fuzz target")]
#[path = "../../backends/tests/vfio_user/generate.rs"]
mod generate;

#[path = "vfio_user_soak/client.rs"]
mod client;
#[path = "vfio_user_soak/codec.rs"]
mod codec;
#[path = "vfio_user_soak/messages.rs"]
mod messages;
#[path = "vfio_user_soak/process.rs"]
mod process;
#[path = "vfio_user_soak/server.rs"]
mod server;

use process::Watch;

/// What decides a run.
#[derive(Debug, Clone, Copy)]
struct Run {
    seed: u64,
    messages: u64,
}

impl Run {
    fn from_environment() -> Self {
        let setting = |name: &str, default| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
            Err(_) => default,
        };
        // As many as take a second; a tenth of that has the client see no answer that is wrong.
        let run =
            Self { seed: setting("NOVA_SOAK_SEED", 1), messages: setting("NOVA_SOAK_MESSAGES", 20_000) };
        println!("NOVA_SOAK_SEED={} NOVA_SOAK_MESSAGES={}", run.seed, run.messages);
        run
    }
}

#[test]
fn requests_and_answers_are_decoded() {
    let run = Run::from_environment();
    let mut watch = Watch::start("decoding");
    let found = codec::soak(run, &mut watch);
    watch.end(run.messages, &format!("{found:?}"));
}

#[test]
fn a_server_takes_whatever_comes() {
    let run = Run::from_environment();
    let mut watch = Watch::start("server");
    let found = server::soak(run, &mut watch);
    watch.end(found.requests, &format!("{found:?}"));
    assert!(found.requests >= run.messages && found.answered > 0 && found.failed > 0, "{found:?}");
}

#[test]
fn a_client_takes_whatever_comes() {
    let run = Run::from_environment();
    let mut watch = Watch::start("client");
    let found = client::soak(run, &mut watch);
    watch.end(found.messages, &format!("{found:?}"));
    assert!(found.messages >= run.messages && found.good > 0 && found.bad > 0, "{found:?}");
}
