//! The log: defmt's own decoder, one line per message.

use std::io::{self, Read, Write};

use anyhow::{Context, Result, bail};
use defmt_decoder::{DecodeError, Frame, Locations, Table};

/// Decodes everything that `input` gives and writes it to `output`, a message at a time.
pub(crate) fn print(firmware: &[u8], mut input: impl Read, mut output: impl Write) -> Result<()> {
    let table = Table::parse(firmware)?.context("the firmware has no defmt messages (no .defmt section)")?;
    let locations = table.get_locations(firmware)?;
    let mut decoder = table.new_stream_decoder();
    let mut buffer = [0; 4096];
    let mut lines = Lines::default();
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
                    lines.write(&mut output, &frame, &locations)?;
                    messages += 1;
                }
                Err(DecodeError::UnexpectedEof) => break,
                Err(DecodeError::Malformed) => malformed += 1,
            }
        }
        output.flush()?;
    }
    lines.tell_repeats(&mut output)?;
    match (messages, malformed) {
        (0, 0) => bail!("the firmware has said nothing"),
        (_, 0) => Ok(()),
        _ => bail!("{malformed} messages of the firmware could not be decoded"),
    }
}

/// Writes messages as lines; what is said many times in a row, once.
#[derive(Default)]
struct Lines {
    last: String,
    repeats: u32,
}

impl Lines {
    fn write(&mut self, output: &mut impl Write, frame: &Frame<'_>, locations: &Locations) -> io::Result<()> {
        let level = frame.level().map_or("-", |level| level.as_str());
        let mut text = format!("{level:5} {}", frame.display_message());
        // What is wrong says where it was said.
        if let Some(at) = locations.get(&frame.index()).filter(|_| matches!(level, "warn" | "error")) {
            text = format!("{text}  ({}:{})", at.file.display(), at.line);
        }
        let time = frame.display_timestamp().map(|time| time.to_string()).unwrap_or_default();
        self.write_text(output, &time, text)
    }

    fn write_text(&mut self, output: &mut impl Write, time: &str, text: String) -> io::Result<()> {
        if text == self.last {
            self.repeats += 1;
            return Ok(());
        }
        self.tell_repeats(output)?;
        writeln!(output, "{time:>12} {text}")?;
        self.last = text;
        Ok(())
    }

    fn tell_repeats(&mut self, output: &mut impl Write) -> io::Result<()> {
        match std::mem::take(&mut self.repeats) {
            0 => Ok(()),
            repeats => writeln!(output, "{:>12} (the same, {repeats} more)", ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_counted() {
        let (mut lines, mut output) = (Lines::default(), Vec::new());
        for (time, text) in [("1", "a"), ("2", "b"), ("3", "b"), ("4", "b"), ("5", "c"), ("6", "c")] {
            lines.write_text(&mut output, time, text.to_owned()).unwrap();
        }
        lines.tell_repeats(&mut output).unwrap();
        let expected = "           1 a\n           2 b\n             (the same, 2 more)\n           5 c\n             (the same, 1 more)\n";
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }
}
