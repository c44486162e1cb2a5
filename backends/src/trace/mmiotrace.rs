//! Linux mmiotrace, as the kernel's `Documentation/trace/mmiotrace.rst` describes it.
//!
//! The log speaks of physical addresses. Where the GPU's registers are, it says in the PCIDEV
//! line of the device; a log without any such line has them in the first mapping of 16 MiB.

use nova_core::bus::WINDOW_SIZE;

use super::line::Line;
use super::{Error, ErrorKind, Event, Header, PciDevice};
use crate::access::{Access, Op, Width};
use crate::number;

const NVIDIA: u16 = 0x10DE;

/// Reads a log line by line.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    lines: u64,
    seq: u64,
    /// The device that was asked for; otherwise the first that fits.
    only: Option<u16>,
    /// Whether the log names devices, so that mappings need not be guessed from.
    names_devices: bool,
    registers: Option<Range>,
}

#[derive(Debug, Clone, Copy)]
struct Range {
    start: u64,
    len: u64,
}

impl Decoder {
    /// A decoder of the accesses to the first NVIDIA GPU that the log names.
    pub const fn new() -> Self {
        Self { lines: 0, seq: 0, only: None, names_devices: false, registers: None }
    }

    /// A decoder of the accesses to one device of several: bus number in the high byte, device and
    /// function in the low one.
    pub const fn of_device(bus_devfn: u16) -> Self {
        Self { lines: 0, seq: 0, only: Some(bus_devfn), names_devices: false, registers: None }
    }

    /// A decoder that counts lines after so many that said nothing.
    pub(super) const fn after(lines: u64) -> Self {
        Self { lines, ..Self::new() }
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
        let event = match word {
            "R" => self.access(Op::Read, &mut line)?,
            "W" => self.access(Op::Write, &mut line)?,
            "MAP" => self.map(&mut line)?,
            "UNMAP" => Event::Unmap { time_ns: time(&mut line)?, id: line.number("map id", 10)? },
            "UNKNOWN" => unknown(&mut line)?,
            "MARK" => Event::Mark { time_ns: time(&mut line)?, text: line.rest() },
            "VERSION" => Event::Header(Header { version: line.number("version", 10)?, attributes: "" }),
            "PCIDEV" => self.device(&mut line)?,
            "LSPCI" => Event::Comment(line.rest()),
            _ => return Err(line.error(ErrorKind::Keyword)),
        };
        Ok(Some(event))
    }

    /// `R width time map-id physical value pc pid`; the last two are not used and not checked.
    fn access<'a>(&mut self, op: Op, line: &mut Line<'a>) -> Result<Event<'a>, Error> {
        let bytes = line.number("width", 10)?;
        let width = Width::from_bytes(bytes);
        // The complaint about a width has to wait until it is known that the access is to a register.
        let unfit = line.error(ErrorKind::Width { bytes });
        let time_ns = time(line)?;
        line.number("map id", 10)?;
        let physical = line.prefixed("physical address")?;
        let registers = self.registers.ok_or_else(|| line.error(ErrorKind::NoBar))?;
        let Some(offset) = registers.offset_of(physical) else {
            line.prefixed("value")?;
            return Ok(Event::Foreign { time_ns, op, physical });
        };
        let width = width.ok_or(unfit)?;
        width.check(offset).map_err(|error| line.error(ErrorKind::Offset(error)))?;
        let value = line.prefixed("value")?;
        let fits = u32::try_from(value).ok().filter(|value| *value <= width.max());
        let value = fits.ok_or_else(|| line.error(ErrorKind::Wide))?;

        let seq = self.seq;
        // At one access per nanosecond this overflows after 584 years.
        self.seq = seq.saturating_add(1);
        Ok(Event::Access(Access { seq, time_ns, op, width, offset, value, error: None }))
    }

    /// `MAP time map-id physical virtual length pc pid`.
    fn map<'a>(&mut self, line: &mut Line<'a>) -> Result<Event<'a>, Error> {
        let time_ns = time(line)?;
        let id = line.number("map id", 10)?;
        let physical = line.prefixed("physical address")?;
        line.prefixed("virtual address")?;
        let len = line.prefixed("length")?;
        if self.registers.is_none() && !self.names_devices && len == u64::from(WINDOW_SIZE) {
            self.registers = Some(Range { start: physical, len });
        }
        Ok(Event::Map { time_ns, id, physical, len })
    }

    /// `PCIDEV busdevfn vendordevice irq bar*7 size*7 driver`, all in hexadecimal without `0x`.
    fn device<'a>(&mut self, line: &mut Line<'a>) -> Result<Event<'a>, Error> {
        let bus_devfn = line.number("bus, device and function", 16)?;
        let bus_devfn = line.parsed("bus, device and function", u16::try_from(bus_devfn).ok())?;
        let id = line.number("vendor and device", 16)?;
        let id = line.parsed("vendor and device", u32::try_from(id).ok())?;
        line.number("interrupt", 16)?;
        let mut bars = [0; 7];
        for bar in &mut bars {
            // The low four bits of a memory BAR are flags.
            *bar = line.number("BAR", 16)? & !0xF;
        }
        let mut sizes = [0; 7];
        for size in &mut sizes {
            *size = line.number("size of a BAR", 16)?;
        }
        let (vendor, device) = ((id >> 16) as u16, id as u16);
        self.names_devices = true;
        let wanted = match self.only {
            Some(only) => only == bus_devfn,
            // The audio function of a GPU is NVIDIA's too, but has a small BAR0.
            None => vendor == NVIDIA && sizes[0] >= u64::from(WINDOW_SIZE),
        };
        if wanted && self.registers.is_none() {
            self.registers = Some(Range { start: bars[0], len: sizes[0] });
        }
        Ok(Event::Device(PciDevice { bus_devfn, vendor, device, bars, sizes, driver: line.rest() }))
    }
}

impl Range {
    fn offset_of(self, physical: u64) -> Option<u32> {
        let distance = physical.checked_sub(self.start).filter(|distance| *distance < self.len)?;
        // A BAR of more than 4 GiB has no registers up there; what does not fit is outside anyway.
        Some(u32::try_from(distance).unwrap_or(u32::MAX))
    }
}

/// Whether a log can start with this word.
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(word, "R" | "W" | "MAP" | "UNMAP" | "UNKNOWN" | "MARK" | "VERSION" | "PCIDEV" | "LSPCI")
}

/// `UNKNOWN time map-id physical data pc pid`.
fn unknown<'a>(line: &mut Line<'a>) -> Result<Event<'a>, Error> {
    let time_ns = time(line)?;
    line.number("map id", 10)?;
    Ok(Event::Unknown { time_ns, physical: line.prefixed("physical address")? })
}

/// Seconds with up to nine decimals, in nanoseconds.
fn time(line: &mut Line<'_>) -> Result<u64, Error> {
    let word = line.take("time")?;
    line.parsed("time in seconds", nanoseconds(word))
}

fn nanoseconds(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let places = u32::try_from(fraction.len()).ok()?;
    let scale = 10_u64.pow(9_u32.checked_sub(places)?);
    let whole = number::parse_digits(seconds, 10)?.checked_mul(1_000_000_000)?;
    whole.checked_add(number::parse_digits(fraction, 10)?.checked_mul(scale)?)
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn times_are_exact_and_do_not_overflow() {
        assert_eq!(nanoseconds("12.001842"), Some(12_001_842_000));
        assert_eq!(nanoseconds("0.000001"), Some(1_000));
        assert_eq!(nanoseconds("7"), Some(7_000_000_000));
        assert_eq!(nanoseconds("1.123456789"), Some(1_123_456_789));
        assert_eq!(nanoseconds("18446744073.709551615"), Some(u64::MAX));
        for wrong in ["18446744073.709551616", "1.1234567890", "1.", ".5", "-1.0", "1.-5", "1.+5", "1e3", ""]
        {
            assert_eq!(nanoseconds(wrong), None, "{wrong}");
        }
    }
}
