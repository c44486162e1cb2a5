//! `nova device stress --plot`: how long removals took.

use std::path::Path;

use crate::error::Result;
use crate::output;
use crate::picture::{self, Bar, Chart, Content, Kind};
use crate::stress::{Part, Tallies};

/// Takes over what a part of the run has counted.
pub(super) fn take(part: Part, tallies: &Tallies, bars: &mut Vec<Bar>) {
    let other = part == Part::Threads;
    bars.extend(tallies.remove_ns.steps().map(|(step, height)| Bar { step, height, other }));
}

/// Draws it.
pub(super) fn write(file: &Path, kind: Kind, bars: Vec<Bar>) -> Result<()> {
    let removals: u64 = bars.iter().map(|bar| bar.height).sum();
    let chart = Chart {
        title: format!("{removals} removals; blue: simulated time, orange: threads, real time"),
        x: "time a removal took".to_owned(),
        y: "removals".to_owned(),
        content: Content::Bars(bars),
    };
    picture::write(file, kind, &chart)?;
    output::note(format_args!("{}: {removals} removals", file.display()));
    Ok(())
}
