//! Pictures: charts as SVG or PNG, by the file's name.

mod bitmap;
mod charts;
mod letters;

use std::path::Path;

use plotters::prelude::{DrawingBackend, SVGBackend};
use serde::Serialize;

use crate::error::{Code, Error, Result};
use crate::files;
use crate::output::SCHEMA_VERSION;

pub(crate) use charts::{Bar, Chart, Content, Curve, Dots};

/// Width and height in dots.
const SIZE: (u32, u32) = (1200, 600);

/// The kind of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Lines and text.
    Svg,
    /// Dots.
    Png,
}

/// A picture that was drawn, as JSON has it.
#[derive(Serialize)]
pub(crate) struct Picture {
    schema_version: u32,
    file: String,
    format: Kind,
    /// Accesses or readings.
    points: u64,
}

impl Picture {
    /// The picture in this file.
    pub(crate) fn new(file: &Path, format: Kind, points: u64) -> Self {
        Self { schema_version: SCHEMA_VERSION, file: file.display().to_string(), format, points }
    }
}

/// The kind that a file's name asks for; told before any work is done.
///
/// # Errors
///
/// When it is neither, or no file can be written there.
pub(crate) fn kind_of(path: &Path) -> Result<Kind> {
    let kind = match path.extension().and_then(|end| end.to_str()) {
        Some(end) if end.eq_ignore_ascii_case("svg") => Kind::Svg,
        Some(end) if end.eq_ignore_ascii_case("png") => Kind::Png,
        _ => {
            let name = path.display();
            return Err(Error::usage(format!("{name}: a picture's name ends in .svg or .png"))
                .next(path.with_extension("svg").display().to_string()));
        }
    };
    files::check(path)?;
    Ok(kind)
}

/// Draws a chart and writes it.
///
/// # Errors
///
/// When it cannot be drawn or written.
pub(crate) fn write(path: &Path, kind: Kind, chart: &Chart) -> Result<()> {
    let content = match kind {
        Kind::Svg => {
            let mut text = String::new();
            draw(SVGBackend::with_string(&mut text, SIZE), chart)?;
            text.into_bytes()
        }
        Kind::Png => bitmap::png(SIZE, |backend| draw(backend, chart))?,
    };
    files::save(path, &content)
}

fn draw<B: DrawingBackend>(backend: B, chart: &Chart) -> Result<()> {
    charts::draw(backend, chart)
        .map_err(|what| Error::new(Code::Refused, format!("cannot draw the picture: {what}")))
}
