//! Arbitrary bytes as scripts of `nova sim run`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nova_cli::fuzzing::script(bytes));
