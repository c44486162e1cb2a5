//! Arbitrary bytes as traces in nova's own format.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nova_cli::fuzzing::nova_trace(bytes));
