//! nova's own format: one access per line, made to be read, edited and compared.
//!
//! ```text
//! nova-trace 1 chip=ga102 source=sim
//! # a remark of the editor
//! M @1200 probe
//! R4 009400 00000020 @1234
//! W4 009140 00000001
//! R4 000000 !gone @1300
//! W4 009140 00000000 !timeout @1400
//! G 12
//! E 4 5a3c11f0
//! ```
//!
//! * The first line has the version and attributes, `key=value` each. Known keys: `chip`, `source`.
//! * `R` or `W` and the width in bytes; offset and value in hexadecimal. `!kind` is what the bus
//!   reported; a read that failed has no value. `@` is the time in nanoseconds; without it, it is
//!   that of the line before.
//! * `M` is a remark of the recorder, `G` says that accesses were lost here, `E` ends the trace
//!   with the number of accesses and, optionally, their checksum. Without an `E` the recording was
//!   cut off; remove it after editing by hand.
//! * Blank lines and lines that start with `#` mean nothing.

use super::checksum::Checksum;
use super::line::Line;
use super::{Error, ErrorKind, Event, Header};
use crate::access::{Access, Op, Width, error_from_name};
use crate::number;

/// The version this code writes and reads.
pub const VERSION: u64 = 1;

/// The first word of a trace.
pub(super) const MAGIC: &str = "nova-trace";

/// Reads a trace line by line.
#[derive(Debug, Clone)]
pub struct Decoder {
    lines: u64,
    headed: bool,
    ended: bool,
    time_ns: u64,
    /// The number of the next access, lost ones included.
    seq: u64,
    accesses: u64,
    checksum: Checksum,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder that expects the first line.
    pub const fn new() -> Self {
        Self {
            lines: 0,
            headed: false,
            ended: false,
            time_ns: 0,
            seq: 0,
            accesses: 0,
            checksum: Checksum::new(),
        }
    }

    /// A decoder that counts lines after so many that said nothing.
    pub(super) const fn after(lines: u64) -> Self {
        Self { lines, ..Self::new() }
    }

    /// Whether the end line was read: the trace was not cut off.
    pub const fn is_complete(&self) -> bool {
        self.ended
    }

    /// What the next line says; `None` for a blank one.
    ///
    /// # Errors
    ///
    /// When the line is malformed. The decoder stays usable: the next line is read as if this one
    /// were not there.
    pub fn line<'a>(&mut self, text: &'a str) -> Result<Option<Event<'a>>, Error> {
        self.lines += 1;
        let mut line = Line::new(text, self.lines);
        let Some(word) = line.maybe() else {
            return Ok(None);
        };
        if let Some(comment) = super::comment(text) {
            return Ok(Some(Event::Comment(comment)));
        }
        if self.ended {
            return Err(line.error(ErrorKind::AfterEnd));
        }
        let event = match (self.headed, word) {
            (false, MAGIC) => self.header(&mut line)?,
            (false, _) => return Err(line.error(ErrorKind::Format)),
            (true, "M") => self.mark(&mut line)?,
            (true, "G") => self.gap(&mut line)?,
            (true, "E") => self.end(&mut line)?,
            (true, _) => self.access(word, &mut line)?,
        };
        Ok(Some(event))
    }

    fn header<'a>(&mut self, line: &mut Line<'a>) -> Result<Event<'a>, Error> {
        let version = line.number("version", 10)?;
        if version != VERSION {
            return Err(line.error(ErrorKind::Version));
        }
        let attributes = line.rest();
        while let Some(word) = line.maybe() {
            let pair = word.split_once('=').filter(|(key, value)| !key.is_empty() && !value.is_empty());
            line.parsed("key=value pair", pair)?;
        }
        self.headed = true;
        Ok(Event::Header(Header { version, attributes }))
    }

    fn access<'a>(&mut self, word: &str, line: &mut Line<'a>) -> Result<Event<'a>, Error> {
        let (op, width) = operation(word).ok_or_else(|| line.error(ErrorKind::Keyword))?;
        let next = self.seq.checked_add(1).ok_or_else(|| line.error(ErrorKind::TooLong))?;
        let offset = line.number("offset", 16)?;
        let offset = line.parsed("offset", u32::try_from(offset).ok())?;
        width.check(offset).map_err(|error| line.error(ErrorKind::Offset(error)))?;

        let mut word = line.take("value")?;
        let mut value = 0;
        // A failed read has no value, anything else does.
        if !(op == Op::Read && word.starts_with('!')) {
            let wide = line.parsed("value", number::parse_digits(word, 16))?;
            let fits = u32::try_from(wide).ok().filter(|value| *value <= width.max());
            value = fits.ok_or_else(|| line.error(ErrorKind::Wide))?;
            word = line.maybe().unwrap_or_default();
        }
        let mut error = None;
        if let Some(name) = word.strip_prefix('!') {
            error = Some(error_from_name(name).ok_or_else(|| line.error(ErrorKind::ErrorName))?);
            word = line.maybe().unwrap_or_default();
        }
        let time_ns = if word.is_empty() { self.time_ns } else { time(word, line)? };
        line.end()?;

        let access = Access { seq: self.seq, time_ns, op, width, offset, value, error };
        self.seq = next;
        self.time_ns = time_ns;
        self.accesses += 1;
        self.checksum.add(&access);
        Ok(Event::Access(access))
    }

    fn mark<'a>(&mut self, line: &mut Line<'a>) -> Result<Event<'a>, Error> {
        let word = line.take("time")?;
        self.time_ns = time(word, line)?;
        Ok(Event::Mark { time_ns: self.time_ns, text: line.rest() })
    }

    fn gap<'a>(&mut self, line: &mut Line<'a>) -> Result<Event<'a>, Error> {
        let lost = line.number("number of accesses", 10)?;
        let seq = self.seq.checked_add(lost).ok_or_else(|| line.error(ErrorKind::TooLong))?;
        line.end()?;
        self.seq = seq;
        Ok(Event::Gap { lost })
    }

    fn end<'a>(&mut self, line: &mut Line<'a>) -> Result<Event<'a>, Error> {
        let said = line.number("number of accesses", 10)?;
        if said != self.accesses {
            return Err(line.error(ErrorKind::Count { said, found: self.accesses }));
        }
        if let Some(word) = line.maybe() {
            let said = number::parse_digits(word, 16).and_then(|wide| u32::try_from(wide).ok());
            let said = line.parsed("checksum", said)?;
            let found = self.checksum.get();
            if said != found {
                return Err(line.error(ErrorKind::Checksum { said, found }));
            }
        }
        line.end()?;
        self.ended = true;
        Ok(Event::End { accesses: said })
    }
}

/// `R4` and the like.
fn operation(word: &str) -> Option<(Op, Width)> {
    let (op, width) = match word.as_bytes() {
        [b'R', width] => (Op::Read, width),
        [b'W', width] => (Op::Write, width),
        _ => return None,
    };
    let bytes = char::from(*width).to_digit(10)?;
    Some((op, Width::from_bytes(bytes.into())?))
}

fn time(word: &str, line: &Line<'_>) -> Result<u64, Error> {
    let time = word.strip_prefix('@').and_then(|digits| number::parse_digits(digits, 10));
    line.parsed("time (@ and nanoseconds)", time)
}
