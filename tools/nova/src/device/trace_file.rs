//! A trace, read whole: its accesses, and what its other lines say.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use nova_backends::access::{Access, Op, Width};
use nova_backends::trace::{ErrorKind, Event, parse_any};
use nova_core::chip::{Chipset, Family};

use super::{PciId, quoted};
use crate::error::{Error, Result};
use crate::output;

/// The longest trace in bytes: it is read whole.
const MOST: u64 = 1 << 30;

/// A trace in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct TraceFile {
    /// The accesses, in order.
    pub(crate) accesses: Vec<Access>,
    /// Remarks of the recorder: before which access, when, and what.
    pub(crate) marks: Vec<(usize, u64, String)>,
    /// Attributes of nova's own traces.
    pub(crate) attributes: Vec<(String, String)>,
    /// The traced GPU, in an mmiotrace log.
    pub(crate) pci: Option<PciId>,
    /// Size of its BAR0.
    pub(crate) bar0_size: Option<u64>,
    /// The driver that was traced.
    pub(crate) driver: Option<String>,
    /// Accesses that were lost.
    pub(crate) lost: u64,
    /// Whether it has nova's end line.
    ended: bool,
    /// Whether it is in nova's own format.
    native: bool,
    /// Accesses to something else, or that the tracer could not decode.
    pub(crate) foreign: u64,
}

impl TraceFile {
    /// Reads a trace in either format.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a line makes no sense.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let wrong = |what: String| {
            Error::usage(format!("{}: {what}", path.display())).next("nova trace record -o FILE all")
        };
        let fail = |error: &io::Error| Error::file("read", path, error);
        // Looked at before it is opened: opening a FIFO waits for somebody to write to it.
        let about = fs::metadata(path).map_err(|error| fail(&error))?;
        if about.is_dir() {
            return Err(wrong("it is a directory, so not a trace".into()));
        }
        if !about.is_file() {
            return Err(wrong("it is no regular file, so not a trace".into()));
        }
        let mut bytes = Vec::new();
        if about.len() <= MOST {
            let file = File::open(path).map_err(|error| fail(&error))?;
            file.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| fail(&error))?;
        }
        // Some files, those of /proc for one, are longer than they say.
        if about.len().max(bytes.len() as u64) > MOST {
            return Err(wrong(format!("a trace of more than {} MiB is not read", MOST >> 20)));
        }
        let text = str::from_utf8(&bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            wrong(format!("line {line}: it is not text, so not a trace"))
        })?;
        let file = Self::parse(text).map_err(|error| match error.kind {
            ErrorKind::Format | ErrorKind::Version => wrong(error.to_string()),
            _ => {
                let name = path.display().to_string();
                Error::usage(format!("{name}: {error}")).next(format!(
                    "sed -n {}p {}",
                    error.line,
                    quoted(&name)
                ))
            }
        })?;
        file.check(path)?;
        Ok(file)
    }

    /// Whether a trace that reads well can be what it seems to be.
    fn check(&self, path: &Path) -> Result<()> {
        let native = self.native;
        let file = path.display();
        if let Some(chip) = self.attribute("chip").filter(|chip| Chipset::by_name(chip).is_none()) {
            return Err(
                Error::usage(format!("{file}: chip={chip} is no chip that nova knows")).next("nova list")
            );
        }
        if !native && self.accesses.is_empty() {
            return Err(Error::not_found(format!("{file} has no access to the registers of a GPU"))
                .next(format!("grep -c '^[RW] ' {}", quoted(&file.to_string()))));
        }
        if native && !self.ended {
            output::note(format_args!("{file}: no end line: the trace may be cut off"));
        }
        Ok(())
    }

    /// Reads the text of a trace.
    ///
    /// # Errors
    ///
    /// The first line that makes no sense.
    pub(crate) fn parse(text: &str) -> Result<Self, nova_backends::trace::Error> {
        let mut file = Self { native: is_native(text), ..Self::default() };
        for event in parse_any(text)? {
            file.take(event?);
        }
        Ok(file)
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Access(access) => self.accesses.push(access),
            Event::Mark { time_ns, text } => self.marks.push((self.accesses.len(), time_ns, text.to_owned())),
            Event::Header(header) => {
                let pairs = header.attributes().map(|(key, value)| (key.to_owned(), value.to_owned()));
                self.attributes.extend(pairs);
            }
            Event::Device(device) if device.vendor == nova_vfio_glue::sysfs::VENDOR && self.pci.is_none() => {
                self.pci =
                    Some(PciId { vendor: device.vendor, device: device.device, class: None, revision: None });
                self.bar0_size = Some(device.sizes[0]);
                self.driver = (!device.driver.is_empty()).then(|| device.driver.to_owned());
            }
            Event::End { .. } => self.ended = true,
            Event::Gap { lost } => self.lost = self.lost.saturating_add(lost),
            Event::Foreign { .. } | Event::Unknown { .. } => self.foreign += 1,
            _ => (),
        }
    }

    /// Whether it is in nova's own format.
    pub(crate) fn is_native(&self) -> bool {
        self.native
    }

    /// An attribute of nova's own traces.
    pub(crate) fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// The chip that was traced: what the header says, or else BOOT_0 as the trace has it.
    pub(crate) fn chipset(&self) -> Option<Chipset> {
        let said = self.attribute("chip").and_then(Chipset::by_name);
        said.or_else(|| Chipset::from_id(self.first_read(0)? >> 20 & 0x1ff))
    }

    /// Whose registers the trace is about.
    pub(crate) fn family(&self) -> Option<Family> {
        self.chipset().map(Chipset::family)
    }

    /// What the first good read of a register answered.
    pub(crate) fn first_read(&self, offset: u32) -> Option<u32> {
        let wanted = |access: &&Access| {
            access.op == Op::Read
                && access.width == Width::W32
                && access.offset == offset
                && access.error.is_none()
        };
        self.accesses.iter().find(wanted).map(|access| access.value)
    }
}

/// Whether this is nova's own format, which unlike the other has an end line.
fn is_native(text: &str) -> bool {
    let mut lines =
        text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next().is_some_and(|line| line.starts_with("nova-trace"))
}
