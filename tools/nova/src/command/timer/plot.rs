//! `nova timer --plot`: the GPU's clock against the host's.

use std::path::Path;

use nova_core::hal::Nanos;
use nova_core::units::timer::View;

use super::Args;
use crate::clock::Clock;
use crate::command::Context;
use crate::error::Result;
use crate::output;
use crate::picture::{self, Chart, Content, Curve, Picture};

/// Reads both clocks again and again, and draws how far one runs from the other.
pub(super) fn run(file: &Path, args: &Args, cx: &mut Context) -> Result<()> {
    let format = picture::kind_of(file)?;
    let opened = cx.open()?;
    let mut time = Clock::of(&opened)?;
    let mut points = Vec::new();
    let mut first = None;
    let mut took = Nanos(0);
    for reading in 0..args.readings {
        if reading > 0 {
            time.pass(args.every);
        }
        let gpu = time.read(View::VirtualFunction)?;
        let host = opened.machine.now();
        let (first_gpu, first_host) = *first.get_or_insert((gpu, host));
        let (gpu, host) = (gpu.wrapping_sub(first_gpu), host.saturating_sub(first_host));
        took = Nanos(host);
        #[allow(clippy::cast_precision_loss, reason = "a picture has a thousand dots")]
        points.push((host as f64 / 1e6, gpu.cast_signed().wrapping_sub(host.cast_signed()) as f64));
    }
    let last = points.last().copied().unwrap_or_default();
    let chart = Chart {
        title: format!("{}: {:+.0} ns from the host's clock after {:.1} ms", opened.spec, last.1, last.0),
        x: "host time, ms".to_owned(),
        y: "GPU clock ahead, ns".to_owned(),
        content: Content::Curve(Curve(points)),
    };
    picture::write(file, format, &chart)?;
    if !cx.out.is_text() {
        return cx.out.object(&Picture::new(file, format, args.readings.into()));
    }
    cx.out.line(format_args!("{}: {} readings", file.display(), args.readings));
    output::note(format_args!("the GPU's clock ran {:+.0} ns from the host's in {took}", last.1));
    Ok(())
}
