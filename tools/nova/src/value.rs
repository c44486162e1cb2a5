//! Numbers and spans of time as people type them.

use nova_core::hal::Nanos;

use crate::error::{Error, Result};

/// A number: decimal, `0x` hexadecimal or `0b` binary, with `_` between digits.
///
/// # Errors
///
/// When it is none, is negative, or does not fit 64 bits.
pub(crate) fn number(text: &str) -> Result<u64> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'b', ..] => (&lower[2..], 2),
        _ => (lower.as_str(), 10),
    };
    let plain = digits.replace('_', "");
    if plain.starts_with('-') && plain.len() > 1 {
        return Err(Error::usage(format!("{text} is negative; numbers here start at 0")));
    }
    let good = !plain.is_empty() && plain.bytes().all(|digit| char::from(digit).is_digit(radix));
    if !good {
        return Err(Error::usage(format!("{text:?} is not a number; write it as 42, 0x2a or 0b101010")));
    }
    u64::from_str_radix(&plain, radix)
        .map_err(|_| Error::usage(format!("{text} does not fit 64 bits; the largest is {}", u64::MAX)))
}

/// A number that fits 32 bits.
///
/// # Errors
///
/// As [`number`], and when it is larger.
pub(crate) fn word(text: &str) -> Result<u32> {
    u32::try_from(number(text)?)
        .map_err(|_| Error::usage(format!("{text} does not fit 32 bits; the largest is {:#x}", u32::MAX)))
}

const UNITS: [(&str, u64); 5] =
    [("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];

/// A span of time: `10ms`, `2s`, `500us`, `100ns`, or plain nanoseconds.
///
/// # Errors
///
/// When it is none, is negative, or does not fit 64 bits of nanoseconds.
pub(crate) fn duration(text: &str) -> Result<Nanos> {
    let text = text.trim();
    let bad = |why: &str| {
        Error::usage(format!("{text:?} is no span of time: {why}; write it as 10ms, 2s, 500us or 100ns"))
    };
    if text.starts_with('-') {
        return Err(bad("it is negative"));
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = if unit.is_empty() { "ns" } else { unit.trim_start() };
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(bad(&format!("{unit:?} is not one of ns, us, ms and s")));
    };
    if digits.is_empty() {
        return Err(bad("there is no number in front"));
    }
    let digits = digits.replace('_', "");
    let ns = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(*factor));
    ns.map(Nanos).ok_or_else(|| bad("it is longer than 584 years"))
}

/// A span of time that is more than none.
///
/// # Errors
///
/// As [`duration`], and when it is zero.
pub(crate) fn interval(text: &str) -> Result<Nanos> {
    match duration(text)? {
        Nanos::ZERO => Err(Error::usage("an interval has to be more than 0; write it as 100ms")),
        span => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_in_every_base() {
        assert_eq!(number("42"), Ok(42));
        assert_eq!(number("0X9_400"), Ok(0x9400));
        assert_eq!(number("0b1010"), Ok(10));
        for bad in ["", "0x", "-1", "1k", "0b2", "99999999999999999999", "+1", "_"] {
            assert!(number(bad).is_err(), "{bad}");
        }
        assert!(word("0x100000000").is_err());
    }

    #[test]
    fn spans_of_time() {
        assert_eq!(duration("10ms"), Ok(Nanos(10_000_000)));
        assert_eq!(duration("2s"), Ok(Nanos(2_000_000_000)));
        assert_eq!(duration("500us"), Ok(Nanos(500_000)));
        assert_eq!(duration("500 µs"), Ok(Nanos(500_000)));
        assert_eq!(duration("7"), Ok(Nanos(7)));
        for bad in ["", "ms", "-1ms", "1h", "1.5s", "18446744073709551616", "18446744074s", "s1"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(interval("0").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_a_value_or_a_one_line_error(text in any::<String>()) {
            for error in [number(&text).err(), duration(&text).err()].into_iter().flatten() {
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }
}
