//! Helpers shared by the cross-crate suites.
#![allow(clippy::missing_panics_doc, reason = "helpers of tests panic where a test fails")]

pub mod bench;
pub mod fault_loop;
pub mod idle;
pub mod machine;
pub mod nested;
pub mod quiet;
pub mod schedule;
pub mod toy;
pub mod toybench;

/// The chapter on writing a driver: its code is compiled and run as a test of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../docs/driver.md")]
pub mod driver_chapter {}

/// How many random cases a property runs: fewer in the inner loop (`cargo xtask test --quick`), and
/// `NOVA_TEST_FACTOR` times as many for a soak.
pub fn cases(full: u32) -> u32 {
    let factor = std::env::var("NOVA_TEST_FACTOR").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    let cases = if std::env::var_os("NOVA_TEST_QUICK").is_some() { full.div_ceil(10) } else { full };
    cases.saturating_mul(factor)
}
