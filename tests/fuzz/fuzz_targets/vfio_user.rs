//! Arbitrary bytes as vfio-user messages, and as decisions of which messages to make.
#![no_main]

#[path = "../../../backends/tests/vfio_user/check.rs"]
mod check;
#[path = "../../../backends/tests/vfio_user/generate.rs"]
mod generate;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check::arbitrary(bytes);
    check::structured(bytes);
});
