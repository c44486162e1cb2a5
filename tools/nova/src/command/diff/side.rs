//! One side of a comparison: registers and what they read, from wherever.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nova_backends::access::Op;
use nova_core::bus::Pure;
use nova_core::chip::{Chipset, Family};
use nova_core::regs::{self, Found};
use serde::Deserialize;

use super::Args;
use crate::command::dump;
use crate::device::{Opened, TraceFile, quoted};
use crate::error::{Error, Result};
use crate::expr::Target;
use crate::value;

/// The longest dump in bytes.
const MOST: u64 = 64 << 20;

/// Registers by offset and width.
pub(super) type Registers = BTreeMap<(u32, u32), (Target, u32)>;

/// One side.
pub(super) struct Side {
    /// As it was named.
    pub(super) source: String,
    /// The chip, as far as it is known.
    pub(super) chipset: Option<Chipset>,
    /// What its registers read.
    pub(super) registers: Registers,
}

impl Side {
    /// Reads a side: a file if there is one of this name, or else a device.
    ///
    /// # Errors
    ///
    /// When it is neither, or cannot be read.
    pub(super) fn open(text: &str, args: &Args) -> Result<Self> {
        let path = Path::new(text);
        let mut side = if path.is_file() {
            if is_dump(path) { Self::of_dump(path)? } else { Self::of_trace(path)? }
        } else {
            let fail = |error: Error| error.or_next(format!("ls {}", quoted(text)));
            Self::of_device(&Opened::open(text).map_err(fail)?, args)?
        };
        let wanted = places(&args.pattern);
        let ignored: Vec<_> = args.ignore.iter().flat_map(|glob| places(glob)).collect();
        side.registers.retain(|_, (target, _)| {
            let same = |found: &Found| target.found.is_some_and(|this| same_register(found, &this));
            (args.pattern == "*" || wanted.iter().any(same)) && !ignored.iter().any(same)
        });
        if side.registers.is_empty() {
            return Err(Error::not_found(format!("{text} has no register that fits {:?}", args.pattern))
                .next("nova reg find '*TIME*'"));
        }
        Ok(side)
    }

    fn of_device(opened: &Opened, args: &Args) -> Result<Self> {
        let chip = opened.identify()?;
        let taken = dump::take(regs::matching("*"), opened, &chip, args.elements, false)?;
        let registers = taken.values.into_iter().map(|(target, value)| (place(&target), (target, value)));
        let registers = registers.collect();
        Ok(Self { source: opened.spec.to_string(), chipset: Some(chip.chipset()), registers })
    }

    /// What each register read last; of one that was only written, what was written last.
    fn of_trace(path: &Path) -> Result<Self> {
        let trace = TraceFile::read(path)?;
        let family = trace.family();
        let mut registers = Registers::new();
        let mut read = std::collections::BTreeSet::new();
        for access in trace.accesses.iter().filter(|access| access.error.is_none()) {
            let target = target(access.offset, access.width.bytes(), family);
            if target.entry().is_some_and(|entry| entry.pure == Pure::No) {
                continue;
            }
            if access.op == Op::Read {
                read.insert(place(&target));
            } else if read.contains(&place(&target)) {
                continue;
            }
            registers.insert(place(&target), (target, access.value));
        }
        Ok(Self { source: path.display().to_string(), chipset: trace.chipset(), registers })
    }

    fn of_dump(path: &Path) -> Result<Self> {
        let wrong = |why: String| {
            Error::usage(format!("{}: {why}", path.display())).next("nova --format json dump > FILE")
        };
        let fail = |error: &std::io::Error| Error::file("read", path, error);
        if fs::metadata(path).map_err(|error| fail(&error))?.len() > MOST {
            return Err(wrong(format!("a dump of more than {} MiB is not read", MOST >> 20)));
        }
        let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
        let dump = Dump::parse(&text).map_err(|error| wrong(format!("no dump of nova: {error}")))?;
        let chipset = dump.chipset.as_deref().and_then(Chipset::by_name);
        let mut registers = Registers::new();
        for register in dump.registers {
            let number = |text: &str| value::word(text).map_err(|error| wrong(error.to_string()));
            let (offset, value) = (number(&register.offset)?, number(&register.value)?);
            if !matches!(register.width, 1 | 2 | 4) {
                return Err(wrong(format!("no register is {} bytes wide", register.width)));
            }
            let target = target(offset, register.width, chipset.map(Chipset::family));
            registers.insert(place(&target), (target, value));
        }
        Ok(Self { source: path.display().to_string(), chipset, registers })
    }
}

/// What `nova dump` writes, as far as it is needed.
#[derive(Deserialize)]
struct Dump {
    #[serde(default)]
    chipset: Option<String>,
    registers: Vec<Register>,
}

#[derive(Deserialize)]
struct Register {
    offset: String,
    width: u32,
    value: String,
}

impl Dump {
    /// One document, or an object for each register.
    fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text).or_else(|error| {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let registers: serde_json::Result<Vec<_>> = lines.map(serde_json::from_str).collect();
            // What is wrong with a document says more than that its first line is none.
            registers.map(|registers| Self { chipset: None, registers }).map_err(|_| error)
        })
    }
}

/// Whether a file starts as JSON does, which no trace does.
fn is_dump(path: &Path) -> bool {
    use std::io::Read as _;
    let mut start = [0; 64];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    start[..read].trim_ascii_start().starts_with(b"{")
}

fn target(offset: u32, width: u32, family: Option<Family>) -> Target {
    let found = regs::by_offset(offset, family).filter(|found| found.entry.width == width);
    Target { offset, width, found, field: None }
}

fn place(target: &Target) -> (u32, u32) {
    (target.offset, target.width)
}

/// The registers that a glob names, also without `NV_`.
fn places(glob: &str) -> Vec<Found> {
    let found: Vec<_> = regs::matching(glob).collect();
    if found.is_empty() { regs::matching(&format!("NV_{glob}")).collect() } else { found }
}

/// Whether two are elements of one array.
fn same_register(one: &Found, other: &Found) -> bool {
    one.entry.name == other.entry.name && one.instance == other.instance
}
