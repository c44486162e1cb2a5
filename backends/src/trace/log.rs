//! Writing a Linux mmiotrace log, for the tools that read one.

use core::fmt::{self, Write};

use super::writer::{WriteError, WriteErrorKind};
use crate::access::{Access, Op, error_name};

/// Where the log has the registers: a log speaks of bus addresses.
const BASE: u64 = 0xfd00_0000;

/// Size of the window there.
const SIZE: u64 = 0x100_0000;

/// Writes accesses to one GPU as an mmiotrace log.
///
/// A log has no word for an access that failed and none for accesses that were lost: both become remarks.
#[derive(Debug)]
pub struct LogWriter<W> {
    out: W,
    seq: u64,
    accesses: u64,
    remarks: u64,
}

impl<W: Write> LogWriter<W> {
    /// Starts a log of a GPU with this PCI id, bound to `driver`.
    ///
    /// # Errors
    ///
    /// When the medium takes nothing, or the driver's name has a line break in it.
    pub fn new(out: W, vendor: u16, device: u16, driver: &str) -> Result<Self, WriteError> {
        let mut log = Self { out, seq: 0, accesses: 0, remarks: 0 };
        if driver.contains(char::is_control) {
            return Err(log.error(WriteErrorKind::Attribute));
        }
        log.write(|out| {
            writeln!(out, "VERSION 20070824")?;
            // One BAR; a memory BAR has no flags here.
            write!(out, "PCIDEV 0100 {vendor:04x}{device:04x} 0 {BASE:x} 0 0 0 0 0 0")?;
            writeln!(out, " {SIZE:x} 0 0 0 0 0 0 {driver}")?;
            writeln!(out, "MAP 0.000000 1 {BASE:#x} 0x0 {SIZE:#x} 0x0 0")
        })?;
        Ok(log)
    }

    /// Writes an access.
    ///
    /// # Errors
    ///
    /// When the access makes no sense or comes before the last one, or the medium takes no more.
    pub fn write_access(&mut self, access: &Access) -> Result<(), WriteError> {
        let Access { seq, time_ns, op, width, offset, value, error } = *access;
        if width.check(offset).is_err() || value > width.max() {
            return Err(self.error(WriteErrorKind::Access));
        }
        match seq.checked_sub(self.seq) {
            None => return Err(self.error(WriteErrorKind::Order)),
            Some(0) => {}
            Some(lost) => {
                self.remarks = self.remarks.saturating_add(1);
                self.write_mark(time_ns, format_args!("{lost} accesses were lost here"))?;
            }
        }
        self.seq = seq.saturating_add(1);
        if let Some(kind) = error {
            let (verb, name) = (if op == Op::Read { "read" } else { "write" }, error_name(kind));
            self.remarks = self.remarks.saturating_add(1);
            return self.write_mark(time_ns, format_args!("a {verb} of {offset:#08x} failed: {name}"));
        }
        let (letter, bytes) = (if op == Op::Read { 'R' } else { 'W' }, width.bytes());
        let physical = BASE + u64::from(offset);
        self.write(|out| {
            writeln!(out, "{letter} {bytes} {} 1 {physical:#x} {value:#x} 0x0 0", Time(time_ns))
        })?;
        self.accesses += 1;
        Ok(())
    }

    /// Writes a remark. Line breaks in it become blanks.
    ///
    /// # Errors
    ///
    /// When the medium takes no more.
    pub fn write_mark(&mut self, time_ns: u64, text: fmt::Arguments<'_>) -> Result<(), WriteError> {
        self.write(|out| {
            write!(out, "MARK {} ", Time(time_ns))?;
            write!(super::writer::OneLine(&mut *out), "{text}")?;
            out.write_char('\n')
        })
    }

    /// How many failed accesses and gaps became remarks.
    pub const fn remarks(&self) -> u64 {
        self.remarks
    }

    /// Gives the medium back.
    pub fn finish(self) -> W {
        self.out
    }

    fn write(&mut self, write: impl FnOnce(&mut W) -> fmt::Result) -> Result<(), WriteError> {
        write(&mut self.out).map_err(|fmt::Error| self.error(WriteErrorKind::Medium))
    }

    fn error(&self, kind: WriteErrorKind) -> WriteError {
        WriteError { accesses: self.accesses, kind }
    }
}

/// Seconds, with six decimals as the kernel has them where they are enough, or else nine.
struct Time(u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, rest) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        match rest % 1_000 {
            0 => write!(f, "{seconds}.{:06}", rest / 1_000),
            _ => write!(f, "{seconds}.{rest:09}"),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::access::Width;
    use crate::trace::{Event, parse_any};
    use nova_core::bus::ErrorKind;
    use proptest::prelude::*;

    fn access(seq: u64, time_ns: u64, value: u32) -> Access {
        Access { seq, time_ns, op: Op::Read, width: Width::W32, offset: 0x9400, value, error: None }
    }

    #[test]
    fn a_log_reads_as_what_was_written() {
        let mut log = LogWriter::new(std::string::String::new(), 0x10de, 0x2204, "nova").unwrap();
        let (one, two) = (access(0, 1_000, 0x20), access(1, 2_000_000_001, 0x40));
        log.write_access(&one).unwrap();
        log.write_mark(1_500, format_args!("two\nlines")).unwrap();
        log.write_access(&two).unwrap();
        let text = log.finish();
        assert!(text.contains("\nR 4 0.000001 1 0xfd009400 0x20 0x0 0\n"), "{text}");
        assert!(text.contains("\nMARK 0.000001500 two lines\n"), "{text}");
        let read: std::vec::Vec<_> = parse_any(&text).unwrap().accesses().map(Result::unwrap).collect();
        assert_eq!(read, [one, two]);
    }

    #[test]
    fn what_a_log_cannot_say_becomes_a_remark() {
        let mut log = LogWriter::new(std::string::String::new(), 0x10de, 0, "").unwrap();
        log.write_access(&Access { error: Some(ErrorKind::Gone), ..access(2, 5, 0) }).unwrap();
        assert_eq!(log.remarks(), 2);
        let text = log.finish();
        let marks: std::vec::Vec<_> = parse_any(&text)
            .unwrap()
            .filter_map(|event| if let Event::Mark { text, .. } = event.unwrap() { Some(text) } else { None })
            .collect();
        assert_eq!(marks, ["2 accesses were lost here", "a read of 0x009400 failed: gone"]);
    }

    #[test]
    fn nonsense_is_refused() {
        let new = || LogWriter::new(std::string::String::new(), 0x10de, 0, "").unwrap();
        let kind = |access: Access| new().write_access(&access).unwrap_err().kind();
        assert_eq!(kind(Access { offset: 3, ..access(0, 0, 0) }), WriteErrorKind::Access);
        assert_eq!(kind(Access { width: Width::W8, value: 256, ..access(0, 0, 0) }), WriteErrorKind::Access);
        let mut log = new();
        log.write_access(&access(0, 0, 0)).unwrap();
        assert_eq!(log.write_access(&access(0, 0, 0)).unwrap_err().kind(), WriteErrorKind::Order);
        assert!(LogWriter::new(std::string::String::new(), 0x10de, 0, "a\nR 4").is_err());
    }

    proptest! {
        #[test]
        fn any_time_survives(time_ns in any::<u64>()) {
            let mut log = LogWriter::new(std::string::String::new(), 0x10de, 0, "").unwrap();
            log.write_access(&access(0, time_ns, 1)).unwrap();
            let text = log.finish();
            let read = parse_any(&text).unwrap().accesses().next().unwrap().unwrap();
            prop_assert_eq!(read.time_ns, time_ns);
        }
    }
}
