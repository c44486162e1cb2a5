//! Suites that a host runs on what it brings.

pub mod bus;
pub mod gate;

use core::fmt;

/// What a suite found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Which case.
    pub case: &'static str,
    /// Which promise, in words.
    pub why: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.why)
    }
}

impl core::error::Error for Broken {}
