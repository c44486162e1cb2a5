//! Writing nova's own format.

use core::fmt::{self, Write};

use super::checksum::Checksum;
use super::nova::{MAGIC, VERSION};
use crate::access::{Access, Op, error_name};
use crate::record::Sink;

/// Why a trace could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteErrorKind {
    /// The medium does not take more.
    Medium,
    /// An attribute with a blank in it, or without a key or a value.
    Attribute,
    /// An access that no bus can have made: an offset outside the window, a value too wide.
    Access,
    /// An access that came before the last one.
    Order,
}

/// A trace that could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WriteError {
    /// How many accesses were written before.
    pub accesses: u64,
    /// What is wrong.
    pub kind: WriteErrorKind,
}

impl WriteError {
    /// What is wrong.
    pub const fn kind(&self) -> WriteErrorKind {
        self.kind
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trace, after {} accesses: ", self.accesses)?;
        f.write_str(match self.kind {
            WriteErrorKind::Medium => "the output takes no more; make room and record again",
            WriteErrorKind::Attribute => "an attribute needs a key and a value without blanks; change it",
            WriteErrorKind::Access => "no bus can have made this access; see which recorder it comes from",
            WriteErrorKind::Order => "an access came out of order; give each trace one recorder",
        })
    }
}

impl core::error::Error for WriteError {}

/// Writes a trace to anything that takes text.
///
/// As a [`Sink`] it cannot report errors at once: it writes nothing after the first, and
/// [`Writer::finish`] gives it.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    time_ns: u64,
    seq: u64,
    accesses: u64,
    checksum: Checksum,
    failed: Option<WriteError>,
}

impl<W: Write> Writer<W> {
    /// Starts a trace with the attributes given, for example `[("chip", "ga102")]`.
    ///
    /// # Errors
    ///
    /// When an attribute cannot be written, or the medium takes nothing.
    pub fn new(out: W, attributes: &[(&str, &str)]) -> Result<Self, WriteError> {
        let checksum = Checksum::new();
        let mut writer = Self { out, time_ns: 0, seq: 0, accesses: 0, checksum, failed: None };
        writer.try_write(|out| write!(out, "{MAGIC} {VERSION}"))?;
        for (key, value) in attributes {
            let blank = |text: &str| text.is_empty() || text.contains(char::is_whitespace);
            if blank(key) || blank(value) || key.contains('=') {
                return Err(writer.fail(WriteErrorKind::Attribute));
            }
            writer.try_write(|out| write!(out, " {key}={value}"))?;
        }
        writer.try_write(|out| out.write_char('\n'))?;
        Ok(writer)
    }

    /// Writes an access; if its number is not the next, also that some were lost.
    ///
    /// # Errors
    ///
    /// When the access makes no sense, or the medium takes no more.
    pub fn write_access(&mut self, access: &Access) -> Result<(), WriteError> {
        let Access { seq, time_ns, op, width, offset, value, error } = *access;
        if width.check(offset).is_err() || value > width.max() {
            return Err(self.fail(WriteErrorKind::Access));
        }
        match seq.checked_sub(self.seq) {
            None => return Err(self.fail(WriteErrorKind::Order)),
            Some(0) => {}
            Some(lost) => self.try_write(|out| writeln!(out, "G {lost}"))?,
        }
        let letter = if op == Op::Read { 'R' } else { 'W' };
        let digits = width.bytes() as usize * 2;
        let at = (time_ns != self.time_ns).then_some(time_ns);
        self.try_write(|out| {
            write!(out, "{letter}{} {offset:06x}", width.bytes())?;
            // What a failed read would have given is not known.
            if error.is_none() || op == Op::Write || value != 0 {
                write!(out, " {value:0digits$x}")?;
            }
            if let Some(kind) = error {
                write!(out, " !{}", error_name(kind))?;
            }
            if let Some(time_ns) = at {
                write!(out, " @{time_ns}")?;
            }
            out.write_char('\n')
        })?;
        self.seq = seq.saturating_add(1);
        self.time_ns = time_ns;
        self.accesses += 1;
        self.checksum.add(access);
        Ok(())
    }

    /// Writes a remark. Line breaks in it become blanks.
    ///
    /// # Errors
    ///
    /// When the medium takes no more.
    pub fn write_mark(&mut self, time_ns: u64, text: fmt::Arguments<'_>) -> Result<(), WriteError> {
        self.time_ns = time_ns;
        self.try_write(|out| {
            write!(out, "M @{time_ns} ")?;
            write!(OneLine(&mut *out), "{text}")?;
            out.write_char('\n')
        })
    }

    /// Ends the trace and gives the medium back.
    ///
    /// # Errors
    ///
    /// The first error there was.
    pub fn finish(mut self) -> Result<W, WriteError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let (accesses, checksum) = (self.accesses, self.checksum.get());
        self.try_write(|out| writeln!(out, "E {accesses} {checksum:08x}"))?;
        Ok(self.out)
    }

    fn try_write(&mut self, write: impl FnOnce(&mut W) -> fmt::Result) -> Result<(), WriteError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        write(&mut self.out).map_err(|fmt::Error| self.fail(WriteErrorKind::Medium))
    }

    fn fail(&mut self, kind: WriteErrorKind) -> WriteError {
        let error = WriteError { accesses: self.accesses, kind };
        *self.failed.get_or_insert(error)
    }
}

impl<W: Write> Sink for Writer<W> {
    fn access(&mut self, access: &Access) {
        // `finish` reports it.
        let _ = self.write_access(access);
    }

    fn mark(&mut self, time_ns: u64, text: fmt::Arguments<'_>) {
        let _ = self.write_mark(time_ns, text);
    }
}

/// Keeps a remark on its line.
pub(super) struct OneLine<W>(pub(super) W);

impl<W: Write> Write for OneLine<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.0.write_char(if c.is_control() { ' ' } else { c }))
    }
}
