//! One line, word by word, with the column for the error message.

use super::{Error, ErrorKind};
use crate::number;

#[derive(Debug)]
pub(super) struct Line<'a> {
    text: &'a str,
    /// Where the rest begins.
    next: usize,
    /// Where the word that was read last begins.
    word: usize,
    number: u64,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a str, number: u64) -> Self {
        Self { text: text.trim_end(), next: 0, word: 0, number }
    }

    /// An error at the word that was read last.
    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error { line: self.number, column: self.word + 1, kind }
    }

    /// The next word, if there is one.
    pub(super) fn maybe(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let len = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let word = rest.get(..len).filter(|word| !word.is_empty())?;
        self.next = self.word + len;
        Some(word)
    }

    /// The next word.
    pub(super) fn take(&mut self, what: &'static str) -> Result<&'a str, Error> {
        self.maybe().ok_or_else(|| self.error(ErrorKind::Missing(what)))
    }

    /// The next word as a number.
    pub(super) fn number(&mut self, what: &'static str, radix: u32) -> Result<u64, Error> {
        let word = self.take(what)?;
        self.parsed(what, number::parse_digits(word, radix))
    }

    /// The next word as a number with `0x`.
    pub(super) fn prefixed(&mut self, what: &'static str) -> Result<u64, Error> {
        let word = self.take(what)?;
        self.parsed(what, word.strip_prefix("0x").and_then(|digits| number::parse_digits(digits, 16)))
    }

    /// `value`, or an error that the word that was read last is no `what`.
    pub(super) fn parsed<T>(&self, what: &'static str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| self.error(ErrorKind::Malformed(what)))
    }

    /// Everything that was not read yet, without the blanks before it.
    pub(super) fn rest(&mut self) -> &'a str {
        let text = self.text;
        let rest = text.get(self.next..).unwrap_or_default();
        let trimmed = rest.trim_ascii_start();
        self.word = text.len() - trimmed.len();
        trimmed
    }

    /// Checks that the line ends here.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        match self.maybe() {
            None => Ok(()),
            Some(_) => Err(self.error(ErrorKind::Trailing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_columns() {
        let mut line = Line::new("R4  9400 0x20 \t z\r", 7);
        assert_eq!(line.take("op"), Ok("R4"));
        assert_eq!(line.number("offset", 16), Ok(0x9400));
        assert_eq!(line.prefixed("value"), Ok(0x20));
        assert_eq!(line.end(), Err(Error { line: 7, column: 17, kind: ErrorKind::Trailing }));
        assert_eq!(line.end(), Ok(()));
        let missing = Error { line: 7, column: 18, kind: ErrorKind::Missing("time") };
        assert_eq!(line.take("time"), Err(missing));
    }
}
