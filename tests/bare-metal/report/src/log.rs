//! The log: defmt's own decoder, one line per message.

use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use defmt_decoder::{DecodeError, Frame, Locations, Table};

/// Decodes everything that `input` gives and writes it to `output`, a message at a time.
pub(crate) fn print(firmware: &[u8], mut input: impl Read, mut output: impl Write) -> Result<()> {
    let table = Table::parse(firmware)?.context("the firmware has no defmt messages (no .defmt section)")?;
    let locations = table.get_locations(firmware)?;
    let mut decoder = table.new_stream_decoder();
    let mut buffer = [0; 4096];
    let (mut messages, mut malformed) = (0_u32, 0_u32);
    loop {
        let read = input.read(&mut buffer).context("cannot read the log")?;
        if read == 0 {
            break;
        }
        decoder.received(&buffer[..read]);
        loop {
            match decoder.decode() {
                Ok(frame) => {
                    writeln!(output, "{}", line(&frame, &locations))?;
                    messages += 1;
                }
                Err(DecodeError::UnexpectedEof) => break,
                Err(DecodeError::Malformed) => malformed += 1,
            }
        }
        output.flush()?;
    }
    match (messages, malformed) {
        (0, 0) => bail!("the firmware has said nothing"),
        (_, 0) => Ok(()),
        _ => bail!("{malformed} messages of the firmware could not be decoded"),
    }
}

/// A message as a line; what is wrong says where it was said.
fn line(frame: &Frame<'_>, locations: &Locations) -> String {
    let time = frame.display_timestamp().map(|time| time.to_string()).unwrap_or_default();
    let level = frame.level().map_or("-", |level| level.as_str());
    let line = format!("{time:>12} {level:5} {}", frame.display_message());
    match locations.get(&frame.index()).filter(|_| matches!(level, "warn" | "error")) {
        Some(at) => format!("{line}  ({}:{})", at.file.display(), at.line),
        None => line,
    }
}
