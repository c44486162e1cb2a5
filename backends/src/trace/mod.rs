//! Traces as text: nova's own format and Linux mmiotrace, read line by line without allocating.
//!
//! [`parse_any`] takes a whole text in either format. [`Decoder`] takes one line at a time, for
//! files that are larger than memory. [`Writer`] writes nova's own format,
//! [`LogWriter`] an mmiotrace log.
//!
//! ```
//! use nova_backends::trace::{self, Event, Writer};
//!
//! let text = "nova-trace 1 chip=ga102\nR4 009400 00000020 @1234\n";
//! let mut accesses = trace::parse_any(text)?.accesses();
//! let access = accesses.next().unwrap()?;
//! assert_eq!((access.offset, access.value, access.time_ns), (0x9400, 0x20, 1234));
//!
//! let mut writer = Writer::new(String::new(), &[("chip", "ga102")])?;
//! writer.write_access(&access)?;
//! assert!(writer.finish()?.starts_with(text));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checksum;
mod error;
mod event;
mod line;
mod log;
pub mod mmiotrace;
pub mod nova;
#[cfg(test)]
mod tests;
mod writer;

use core::str::Lines;

pub use error::{Error, ErrorKind};
pub use event::{Event, Header, PciDevice};
pub use log::LogWriter;
pub use writer::{WriteError, WriteErrorKind, Writer};

use crate::access::Access;
use crate::replay::Source;

/// Reads a whole trace in either format.
///
/// # Errors
///
/// When the text starts like neither. Mistakes further down are items of the reader.
pub fn parse_any(text: &str) -> Result<Reader<'_>, Error> {
    let mut decoder = Decoder::new();
    for line in text.lines() {
        decoder.choose(line)?;
        if !matches!(decoder.0, Format::Open { .. }) {
            return Ok(Reader { decoder: Decoder::new(), lines: text.lines() });
        }
    }
    Err(Error { line: 1, column: 1, kind: ErrorKind::Format })
}

/// Reads a trace line by line; finds out which format it is.
#[derive(Debug, Clone)]
pub struct Decoder(Format);

#[derive(Debug, Clone)]
enum Format {
    /// Only blank lines and comments so far.
    Open {
        lines: u64,
    },
    Nova(nova::Decoder),
    Mmiotrace(mmiotrace::Decoder),
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl From<nova::Decoder> for Decoder {
    fn from(decoder: nova::Decoder) -> Self {
        Self(Format::Nova(decoder))
    }
}

impl From<mmiotrace::Decoder> for Decoder {
    fn from(decoder: mmiotrace::Decoder) -> Self {
        Self(Format::Mmiotrace(decoder))
    }
}

impl Decoder {
    /// A decoder that takes either format.
    pub const fn new() -> Self {
        Self(Format::Open { lines: 0 })
    }

    /// What the next line says; `None` for a blank one.
    ///
    /// # Errors
    ///
    /// When the line is malformed. The decoder stays usable: the next line is read as if this one
    /// were not there.
    pub fn line<'a>(&mut self, text: &'a str) -> Result<Option<Event<'a>>, Error> {
        self.choose(text)?;
        match &mut self.0 {
            Format::Nova(decoder) => decoder.line(text),
            Format::Mmiotrace(decoder) => decoder.line(text),
            Format::Open { .. } => Ok(comment(text).map(Event::Comment)),
        }
    }

    /// Whether the trace says that it is complete. An mmiotrace log never says so.
    pub const fn is_complete(&self) -> bool {
        matches!(&self.0, Format::Nova(decoder) if decoder.is_complete())
    }

    /// Settles on a format, as soon as a line says which.
    fn choose(&mut self, text: &str) -> Result<(), Error> {
        let Format::Open { lines } = &mut self.0 else {
            return Ok(());
        };
        let before = *lines;
        *lines += 1;
        match text.split_ascii_whitespace().next() {
            None => {}
            Some(word) if word.starts_with('#') => {}
            Some(nova::MAGIC) => self.0 = Format::Nova(nova::Decoder::after(before)),
            Some(word) if mmiotrace::is_keyword(word) => {
                self.0 = Format::Mmiotrace(mmiotrace::Decoder::after(before));
            }
            Some(_) => return Err(Error { line: before + 1, column: 1, kind: ErrorKind::Format }),
        }
        Ok(())
    }
}

/// The text of a comment line.
fn comment(text: &str) -> Option<&str> {
    text.trim().strip_prefix('#').map(str::trim_start)
}

/// The lines of a text, blank ones left out.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    decoder: Decoder,
    lines: Lines<'a>,
}

impl<'a> Reader<'a> {
    /// Reads `text` with a decoder of the caller's choice.
    pub fn with_decoder(text: &'a str, decoder: impl Into<Decoder>) -> Self {
        Self { decoder: decoder.into(), lines: text.lines() }
    }

    /// Only the accesses; where some were lost, their numbers leave a gap.
    pub const fn accesses(self) -> Accesses<'a> {
        Accesses(self)
    }

    /// Whether the trace said, up to here, that it is complete.
    pub const fn is_complete(&self) -> bool {
        self.decoder.is_complete()
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Event<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.lines.next()?;
            if let Some(event) = self.decoder.line(line).transpose() {
                return Some(event);
            }
        }
    }
}

/// The accesses of a text.
#[derive(Debug, Clone)]
pub struct Accesses<'a>(Reader<'a>);

impl<'a> Accesses<'a> {
    /// All lines from here on.
    pub const fn reader(self) -> Reader<'a> {
        self.0
    }
}

impl Iterator for Accesses<'_> {
    type Item = Result<Access, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|event| match event {
            Ok(Event::Access(access)) => Some(Ok(access)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// A trace to replay.
impl Source for Accesses<'_> {
    type Error = Error;
    fn next_access(&mut self) -> Result<Option<Access>, Error> {
        self.next().transpose()
    }
}
