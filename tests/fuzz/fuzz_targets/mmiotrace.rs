//! Arbitrary bytes as Linux mmiotrace logs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nova_cli::fuzzing::mmiotrace(bytes));
