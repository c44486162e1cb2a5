//! Every message survives the wire, and no bytes do harm: by proptest, and by a long run with a seed.

use proptest::prelude::*;

use super::check;

proptest! {
    #[test]
    fn messages_survive_the_wire(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check::structured(&bytes);
    }

    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check::arbitrary(&bytes);
    }
}

/// `NOVA_WIRE_SEED` and `NOVA_WIRE_ROUNDS` replay or lengthen it, `NOVA_TEST_QUICK` shortens it.
#[test]
fn a_long_run() {
    let setting = |name: &str, default| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    };
    let seed: u64 = setting("NOVA_WIRE_SEED", 0x6e6f_7661);
    let quick = std::env::var_os("NOVA_TEST_QUICK").is_some();
    let rounds: u64 = setting("NOVA_WIRE_ROUNDS", if quick { 400 } else { 4_000 });
    println!("NOVA_WIRE_SEED={seed} NOVA_WIRE_ROUNDS={rounds}");
    for round in 0..rounds {
        let mut state = seed.wrapping_add(round);
        let bytes: Vec<u8> = (0..32).flat_map(|_| split_mix(&mut state).to_le_bytes()).collect();
        let held = std::panic::catch_unwind(|| check::structured(&bytes)).is_ok();
        assert!(held, "replay with NOVA_WIRE_SEED={} NOVA_WIRE_ROUNDS=1", seed.wrapping_add(round));
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
