//! Arbitrary bytes as register expressions and assignments.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nova_cli::fuzzing::expression(bytes));
