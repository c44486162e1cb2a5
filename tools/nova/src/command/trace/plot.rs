//! `nova trace plot`: accesses over time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nova_backends::access::Op;
use nova_core::regs;

use crate::command::Context;
use crate::device::TraceFile;
use crate::error::{Error, Result};
use crate::picture::{self, Chart, Content, Dots, Picture};

/// What to draw.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The trace.
    file: PathBuf,
    /// The picture to write: FILE.svg or FILE.png.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Only accesses to this unit, by register.
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
}

/// The most rows of a picture; more have no room.
const MOST: usize = 40;

/// Draws a row for each unit, or for each register of one, in the order of their addresses.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let format = picture::kind_of(&args.output)?;
    let trace = TraceFile::read(&args.file)?;
    let family = trace.family();
    let (file, unit) = (args.file.display(), args.unit.as_deref());
    let wanted: Vec<_> =
        trace.accesses.iter().filter(|access| super::show::of_unit(access, unit, family)).collect();
    let Some(first) = wanted.first().map(|access| access.time_ns) else {
        let what = unit.map_or_else(
            || format!("{file} has no accesses"),
            |unit| format!("{file} has no access to {unit}"),
        );
        return Err(Error::not_found(what).next(format!("nova trace show {file} --summary")));
    };
    let row_of = |access: &nova_backends::access::Access| match unit {
        None => regs::unit_of(access.offset).unwrap_or("(unknown)").to_owned(),
        Some(_) => super::show::found(access, family)
            .map_or_else(|| crate::output::offset(access.offset), |found| found.to_string()),
    };
    // The rows, by the first address in each.
    let mut places: BTreeMap<String, u32> = BTreeMap::new();
    for access in &wanted {
        let place = places.entry(row_of(access)).or_insert(access.offset);
        *place = access.offset.min(*place);
    }
    let mut rows: Vec<_> = places.into_iter().map(|(name, place)| (place, name)).collect();
    rows.sort();
    if rows.len() > MOST {
        let what = format!("{} rows have no room in a picture; it has {MOST}", rows.len());
        return Err(Error::usage(what).next(format!("nova trace show {file} --summary")));
    }
    let rows: Vec<_> = rows.into_iter().map(|(_, name)| name).collect();
    let dots = wanted.iter().filter_map(|access| {
        let name = row_of(access);
        let row = rows.iter().position(|row| *row == name)?;
        #[allow(clippy::cast_precision_loss, reason = "a picture has a thousand dots")]
        Some(((access.time_ns.saturating_sub(first)) as f64 / 1e6, row, access.op == Op::Write))
    });
    let dots: Vec<_> = dots.collect();
    let chip = trace.chipset().map_or_else(|| "unknown chip".to_owned(), |chipset| chipset.to_string());
    let points = dots.len();
    let chart = Chart {
        title: format!("{chip}: {points} accesses; blue: reads, orange: writes"),
        x: "time, ms".to_owned(),
        y: if unit.is_some() { "register" } else { "unit" }.to_owned(),
        content: Content::Dots(Dots { rows, dots }),
    };
    picture::write(&args.output, format, &chart)?;
    if !cx.out.is_text() {
        return cx.out.object(&Picture::new(&args.output, format, points as u64));
    }
    cx.out.line(format_args!("{}: {points} accesses", args.output.display()));
    Ok(())
}
