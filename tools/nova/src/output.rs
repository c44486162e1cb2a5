//! What goes to standard output: tables for people, JSON for scripts.
//!
//! Output is gathered and written when the command has succeeded, so a failing one leaves nothing
//! behind. A command that goes on for a while flushes as it goes.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Version of the JSON objects. It changes when a field changes its meaning or goes away.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// Columns between tabs, without heads, alignment and colour: for cut, sort and awk.
    Plain,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Ndjson,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    fn enabled(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !refused && io::stdout().is_terminal()
            }
        }
    }
}

/// A colour with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// All is well.
    Good,
    /// Something is wrong.
    Bad,
    /// Less important.
    Dim,
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct Out {
    format: Format,
    color: bool,
    buffer: Vec<u8>,
}

impl Out {
    /// Output in this form.
    pub(crate) fn new(format: Format, color: Color) -> Self {
        Self { format, color: format == Format::Table && color.enabled(), buffer: Vec::new() }
    }

    /// How data is printed.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether there are colours.
    #[cfg(feature = "tui")]
    pub(crate) fn has_color(&self) -> bool {
        self.color
    }

    /// Whether this is text, not JSON.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.format, Format::Table | Format::Plain)
    }

    /// Prints a line of text.
    pub(crate) fn line(&mut self, text: impl Display) {
        // Writing to a Vec cannot fail.
        let _ = writeln!(self.buffer, "{text}");
    }

    /// Prints text as it is, whatever the form.
    pub(crate) fn raw(&mut self, text: &[u8]) {
        self.buffer.extend_from_slice(text);
    }

    /// Prints an object: over several lines as `json`, on one as `ndjson`.
    ///
    /// # Errors
    ///
    /// When it cannot be made into JSON.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<()> {
        if self.format == Format::Ndjson {
            return self.record(value);
        }
        let text = versioned(value).and_then(|value| serde_json::to_string_pretty(&value));
        self.line(text.map_err(|error| json_error(&error))?);
        Ok(())
    }

    /// Prints an object on one line, whatever the form: one of many.
    ///
    /// # Errors
    ///
    /// When it cannot be made into JSON.
    pub(crate) fn record(&mut self, value: &impl Serialize) -> Result<()> {
        let text = versioned(value).and_then(|value| serde_json::to_string(&value));
        self.line(text.map_err(|error| json_error(&error))?);
        Ok(())
    }

    /// Prints a table.
    pub(crate) fn table(&mut self, table: &Table) {
        if self.format == Format::Plain {
            for row in table.row_iter() {
                let cells: Vec<_> = row.cell_iter().map(|cell| one_line(&cell.content())).collect();
                self.line(cells.join("\t"));
            }
            return;
        }
        for line in table.lines() {
            self.line(line.trim_end());
        }
    }

    /// Prints names and values, one pair per line.
    pub(crate) fn pairs(&mut self, rows: &[(&str, String)]) {
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in rows {
            match self.format {
                Format::Plain => self.line(format_args!("{name}\t{}", one_line(value))),
                _ => self.line(format_args!("{name:width$}  {value}")),
            }
        }
    }

    /// `text` in a colour, where there are colours.
    pub(crate) fn paint(&self, tone: Tone, text: impl Display) -> String {
        let code = match tone {
            _ if !self.color => return text.to_string(),
            Tone::Good => "32;1",
            Tone::Bad => "31;1",
            Tone::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Writes what has been gathered.
    ///
    /// # Errors
    ///
    /// [`Error::closed`] when nobody reads any more.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.buffer)?;
        self.buffer.clear();
        stdout.flush()?;
        Ok(())
    }
}

/// An object with its `schema_version`, before everything else.
fn versioned(value: &impl Serialize) -> serde_json::Result<Value> {
    let Value::Object(fields) = serde_json::to_value(value)? else { return serde_json::to_value(value) };
    let mut object = Map::new();
    object.insert("schema_version".into(), SCHEMA_VERSION.into());
    object.extend(fields);
    Ok(Value::Object(object))
}

fn json_error(error: &serde_json::Error) -> Error {
    Error::usage(format!("cannot be written as JSON: {error}"))
}

/// A table with these column heads and no lines.
pub(crate) fn table<const N: usize>(heads: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(heads);
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A cell that stays one: neither a line nor a column ends in it.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// A 32-bit word as all output has it.
pub(crate) fn hex(word: u32) -> String {
    format!("{word:#010x}")
}

/// An offset in BAR0 as all output has it.
pub(crate) fn offset(bytes: u32) -> String {
    format!("{bytes:#08x}")
}

/// A message to people, on standard error.
pub(crate) fn note(text: impl Display) {
    // Nobody to tell if it fails.
    let _ = writeln!(io::stderr(), "{text}");
}
