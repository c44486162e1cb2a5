//! `nova trace convert`.

use std::path::PathBuf;

use nova_backends::trace::{LogWriter, WriteError, Writer};
use serde::Serialize;

use crate::command::Context;
use crate::device::TraceFile;
use crate::error::{Error, Result};
use crate::files;
use crate::output::{self, SCHEMA_VERSION};

/// What to write where.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The trace.
    file: PathBuf,
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The format to write; the one that the trace is not in if not said.
    #[arg(long, value_enum)]
    to: Option<To>,
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum To {
    /// Compact, with errors, gaps and a checksum.
    Nova,
    /// What the Linux kernel's mmiotrace writes and other tools read.
    Mmiotrace,
}

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    file: String,
    format: To,
    accesses: usize,
    /// What the format has no word for: failed accesses and gaps, which became remarks, and accesses to something else
    /// than the registers, which are left out.
    not_kept: u64,
}

/// The first word of the remark in which a log keeps the attributes of nova's own format.
const ATTRIBUTES: &str = "nova-trace";

/// Reads all of it, and writes the other file when that went well.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let trace = TraceFile::read(&args.file)?;
    files::check(&args.output)?;
    let format = args.to.unwrap_or(if trace.is_native() { To::Mmiotrace } else { To::Nova });
    let fail = |error: WriteError| {
        Error::usage(error.to_string()).next(format!("nova trace show {}", args.file.display()))
    };
    let (text, not_kept) = match format {
        To::Nova => (native(&trace).map_err(fail)?, trace.foreign),
        To::Mmiotrace => log(&trace).map_err(fail)?,
    };
    files::save(&args.output, text.as_bytes())?;
    let file = args.output.display().to_string();
    let report =
        Report { schema_version: SCHEMA_VERSION, file, format, accesses: trace.accesses.len(), not_kept };
    if !cx.out.is_text() {
        return cx.out.object(&report);
    }
    cx.out.line(format_args!("{}: {} accesses", report.file, report.accesses));
    if not_kept > 0 {
        output::note(format_args!("{not_kept} lines have no counterpart in the other format"));
    }
    Ok(())
}

/// Nova's own format; attributes that a log kept for it come back.
fn native(trace: &TraceFile) -> Result<String, WriteError> {
    let word = |text: &str| text.replace(char::is_whitespace, "_");
    let mut attributes: Vec<_> = trace.attributes.clone();
    let kept = trace.marks.iter().find_map(|(_, _, text)| text.strip_prefix(ATTRIBUTES));
    let pairs = kept.unwrap_or_default().split_whitespace().filter_map(|pair| pair.split_once('='));
    attributes.extend(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let mut add = |key: &str, value: Option<String>| {
        // What the trace was made with says it all.
        if let (Some(value), None) = (value, kept) {
            attributes.push((key.to_owned(), word(&value)));
        }
    };
    add("chip", trace.chipset().map(|chipset| chipset.to_string().to_ascii_lowercase()));
    add("driver", trace.driver.clone());
    add("pci", trace.pci.map(|pci| format!("{:04x}:{:04x}", pci.vendor, pci.device)));
    let attributes: Vec<_> = attributes
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let mut writer = Writer::new(String::new(), &attributes)?;
    for piece in pieces(trace) {
        match piece {
            Piece::Access(access) => writer.write_access(access)?,
            Piece::Mark(_, text) if text.starts_with(ATTRIBUTES) => (),
            Piece::Mark(time_ns, text) => writer.write_mark(time_ns, format_args!("{text}"))?,
        }
    }
    writer.finish()
}

/// A log, and what it could not keep.
fn log(trace: &TraceFile) -> Result<(String, u64), WriteError> {
    let board = trace.chipset().and_then(|chipset| chipset.row().board).map(|board| board.device);
    let device = trace.pci.map(|pci| pci.device).or(board).unwrap_or(0);
    let driver = trace.driver.as_deref().unwrap_or("nova");
    let mut log = LogWriter::new(String::new(), nova_vfio_glue::sysfs::VENDOR, device, driver)?;
    if !trace.attributes.is_empty() {
        let pairs: Vec<_> = trace.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
        log.write_mark(0, format_args!("{ATTRIBUTES} {}", pairs.join(" ")))?;
    }
    for piece in pieces(trace) {
        match piece {
            Piece::Access(access) => log.write_access(access)?,
            Piece::Mark(time_ns, text) => log.write_mark(time_ns, format_args!("{text}"))?,
        }
    }
    let remarks = log.remarks();
    Ok((log.finish(), remarks.saturating_add(trace.foreign)))
}

/// A line of a trace that both formats have.
enum Piece<'a> {
    Access(&'a nova_backends::access::Access),
    Mark(u64, &'a str),
}

/// Accesses and remarks in their order.
fn pieces(trace: &TraceFile) -> impl Iterator<Item = Piece<'_>> {
    let mut marks = trace.marks.iter().peekable();
    let mut accesses = trace.accesses.iter().enumerate().peekable();
    std::iter::from_fn(move || {
        let at = accesses.peek().map_or(usize::MAX, |(at, _)| *at);
        if let Some((_, time_ns, text)) = marks.next_if(|(before, ..)| *before <= at) {
            return Some(Piece::Mark(*time_ns, text));
        }
        accesses.next().map(|(_, access)| Piece::Access(access))
    })
}
