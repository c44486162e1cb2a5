//! A bounded JSON reader for the version data, without recursion over what the peer sends.
//!
//! Why not a library: `serde-json-core` descends into values that it skips, as deep as the peer likes, and
//! takes malformed ones for good; its newer versions need more than Rust 1.85. `picojson` calls itself
//! experimental.

use core::fmt;

/// How deep values that nobody asked for may be nested.
const DEPTH: u32 = 32;

/// What is wrong with a JSON text, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JsonError {
    /// How many bytes into the text.
    pub at: usize,
    /// What should stand there.
    pub expected: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} of the JSON text should be {}; correct the peer", self.at, self.expected)
    }
}

/// A place in a JSON text.
pub(super) struct Json<'a> {
    text: &'a [u8],
    at: usize,
}

/// A string between its quotes, with its escapes.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(&'a [u8]);

impl<'a> Json<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), at: 0 }
    }

    /// Reads an object. `member` is called with every name and has to read or skip the value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(Text<'a>, &mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.token(b'{', "an object")?;
        if self.next_is(b'}') {
            return Ok(());
        }
        loop {
            let name = self.name()?;
            member(name, self)?;
            if self.next_is(b'}') {
                return Ok(());
            }
            self.token(b',', "a comma or the end of the object")?;
        }
    }

    /// Reads a whole number that is not negative.
    pub(super) fn number(&mut self) -> Result<u64, JsonError> {
        const EXPECTED: &str = "a whole number of at most 64 bits";
        self.space();
        let start = self.at;
        let end = self.scan_number(EXPECTED)?;
        let value = self.text.get(start..end).and_then(|digits| core::str::from_utf8(digits).ok());
        match value.and_then(|digits| digits.parse().ok()) {
            Some(value) => Ok(value),
            None => Err(JsonError { at: start, expected: EXPECTED }),
        }
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool, JsonError> {
        self.space();
        if self.literal(b"true") {
            Ok(true)
        } else if self.literal(b"false") {
            Ok(false)
        } else {
            self.error("true or false")
        }
    }

    /// Reads over any value.
    pub(super) fn skip(&mut self) -> Result<(), JsonError> {
        // One bit for every open bracket: set for an object.
        let (mut objects, mut depth) = (0u32, 0u32);
        loop {
            self.space();
            let opened = match self.peek() {
                Some(b'{') => Some(1),
                Some(b'[') => Some(0),
                _ => None,
            };
            if let Some(object) = opened {
                if depth == DEPTH {
                    return self.error("nested less deeply");
                }
                self.advance();
                (objects, depth) = (objects << 1 | object, depth.saturating_add(1));
                if !self.next_is(if object == 1 { b'}' } else { b']' }) {
                    if object == 1 {
                        self.name()?;
                    }
                    continue;
                }
                (objects, depth) = (objects >> 1, depth.saturating_sub(1));
            } else {
                self.scalar()?;
            }
            // After a value: close what ends here, then either all is read or another one follows.
            while depth > 0 && self.next_is(if objects & 1 == 1 { b'}' } else { b']' }) {
                (objects, depth) = (objects >> 1, depth.saturating_sub(1));
            }
            if depth == 0 {
                return Ok(());
            }
            self.token(b',', "a comma or a closing bracket")?;
            if objects & 1 == 1 {
                self.name()?;
            }
        }
    }

    /// Checks that nothing but space is left.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { self.error("the end") }
    }

    fn name(&mut self) -> Result<Text<'a>, JsonError> {
        let name = self.string("a name in quotes")?;
        self.token(b':', "a colon")?;
        Ok(name)
    }

    fn scalar(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.string("a string").map(drop),
            Some(b'-' | b'0'..=b'9') => self.scan_number("a number").map(drop),
            _ if self.literal(b"true") || self.literal(b"false") || self.literal(b"null") => Ok(()),
            _ => self.error("a value"),
        }
    }

    fn string(&mut self, expected: &'static str) -> Result<Text<'a>, JsonError> {
        self.token(b'"', expected)?;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.advance();
                    self.escape()?;
                }
                Some(0x20..) => self.advance(),
                _ => return self.error("a string without control characters, and its closing quote"),
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.advance();
        Ok(Text(text))
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let digits = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            _ => return self.error("an escape that JSON has"),
        };
        self.advance();
        for _ in 0..digits {
            if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                return self.error("four hexadecimal digits");
            }
            self.advance();
        }
        Ok(())
    }

    /// Goes over a number as JSON writes it, and returns where it ends.
    fn scan_number(&mut self, expected: &'static str) -> Result<usize, JsonError> {
        self.one_of(b"-");
        if !self.one_of(b"0") && self.digits() == 0 {
            return self.error(expected);
        }
        if self.one_of(b".") && self.digits() == 0 {
            return self.error("a digit after the point");
        }
        if self.one_of(b"eE") {
            self.one_of(b"+-");
            if self.digits() == 0 {
                return self.error("a digit in the exponent");
            }
        }
        Ok(self.at)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.advance();
        }
        self.at.saturating_sub(start)
    }

    fn one_of(&mut self, bytes: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| bytes.contains(&byte));
        if found {
            self.advance();
        }
        found
    }

    fn literal(&mut self, word: &[u8]) -> bool {
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if found {
            self.at = self.at.saturating_add(word.len());
        }
        found
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.space();
        self.one_of(&[byte])
    }

    fn token(&mut self, byte: u8, expected: &'static str) -> Result<(), JsonError> {
        if self.next_is(byte) { Ok(()) } else { self.error(expected) }
    }

    fn space(&mut self) {
        while self.one_of(b" \t\r\n") {}
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn advance(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn error<T>(&self, expected: &'static str) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, expected })
    }
}

impl Text<'_> {
    /// Whether this is `name`, which is ASCII, in whatever way it is escaped.
    pub(super) fn is(self, name: &str) -> bool {
        let mut rest = self.0;
        for &wanted in name.as_bytes() {
            let (found, after) = match rest {
                [b'\\', b'u', a, b, c, d, after @ ..] => (unit([*a, *b, *c, *d]), after),
                // No name of the protocol has a character that is escaped otherwise.
                [b'\\', ..] | [] => return false,
                [byte, after @ ..] => (u32::from(*byte), after),
            };
            if found != u32::from(wanted) {
                return false;
            }
            rest = after;
        }
        rest.is_empty()
    }
}

/// Four hexadecimal digits, which the reader has checked.
fn unit(digits: [u8; 4]) -> u32 {
    digits.iter().fold(0, |value, &digit| value << 4 | (digit as char).to_digit(16).unwrap_or(0))
}
