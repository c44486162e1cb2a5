//! Time in nanoseconds, without floating point and without overflow.

use core::fmt;
use core::ops::{Add, Sub};

/// A span of time in nanoseconds, up to 584 years. All arithmetic saturates.
///
/// ```
/// use nova_core::hal::{Instant, Nanos};
///
/// let (start, limit) = (Instant(5_000), Nanos::from_micros(20));
/// let deadline = start + limit;
/// let now = Instant(11_500);
/// assert_eq!(now.since(start), Nanos(6_500));
/// assert_eq!(limit.minus(now.since(start)).to_string(), "13.500 us");
/// // Never below zero: what is late has nothing left.
/// assert_eq!(now.since(deadline), Nanos::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// The longest span.
    pub const MAX: Self = Self(u64::MAX);
    /// So many microseconds.
    pub const fn from_micros(us: u64) -> Self {
        Self(us.saturating_mul(1_000))
    }
    /// So many milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }
    /// So many seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self(s.saturating_mul(1_000_000_000))
    }
    /// What is left after `other` has passed; nothing if that is longer.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
    /// The number of nanoseconds.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Nanos {
    /// The largest unit that gives at least one whole, with three decimals: `1.500 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..=999 => return write!(f, "{} ns", self.0),
            1_000..=999_999 => (1_000, "us"),
            1_000_000..=999_999_999 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        write!(f, "{}.{:03} {name}", self.0 / unit, self.0 % unit / (unit / 1_000))
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Nanos {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=u64} ns", self.0);
    }
}

/// A point in time of a [`Clock`], in nanoseconds since an origin of the clock's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(pub u64);

impl Instant {
    /// Nanoseconds since the origin.
    pub const fn nanos(self) -> u64 {
        self.0
    }
    /// The time since `earlier`; zero if that is not earlier.
    pub const fn since(self, earlier: Self) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Nanos> for Instant {
    type Output = Self;
    fn add(self, span: Nanos) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Nanos> for Instant {
    type Output = Self;
    fn sub(self, span: Nanos) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

/// A clock that never goes back.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Instant;
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::*;

    #[test]
    fn spans_saturate_and_print_in_their_unit() {
        assert_eq!(Nanos::from_secs(u64::MAX), Nanos::MAX);
        assert_eq!(Instant(5).since(Instant(9)), Nanos::ZERO);
        assert_eq!(Instant(u64::MAX) + Nanos(1), Instant(u64::MAX));
        assert_eq!(Nanos(999).to_string(), "999 ns");
        assert_eq!(Nanos(1_500_000).to_string(), "1.500 ms");
        assert_eq!(Nanos(61_002_000_000).to_string(), "61.002 s");
    }
}
