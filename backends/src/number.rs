//! Numbers as people write them.

/// `17` or `0x11`, without sign or separators.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    parse_digits(digits, radix)
}

/// Digits only: `from_str_radix` by itself takes a sign too.
pub(crate) fn parse_digits(digits: &str, radix: u32) -> Option<u64> {
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_hexadecimal_and_nothing_else() {
        assert_eq!(parse("17"), Some(17));
        assert_eq!(parse("0x11"), Some(17));
        assert_eq!(parse("0xffffffffffffffff"), Some(u64::MAX));
        for wrong in ["", "0x", "+1", "-1", "0x+1", "1_0", "0x10000000000000000", "ten", "0X1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
