//! The charts.

use nova_core::hal::Nanos;
use plotters::chart::ChartContext;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, Circle, Color as _, DrawingBackend, IntoDrawingArea as _, IntoFont as _,
    LineSeries, RGBColor, Rectangle, WHITE,
};

/// What to draw.
pub(crate) struct Chart {
    /// Above it.
    pub(crate) title: String,
    /// Of the horizontal axis.
    pub(crate) x: String,
    /// Of the vertical axis.
    pub(crate) y: String,
    /// What is in it.
    pub(crate) content: Content,
}

/// What is in a chart.
pub(crate) enum Content {
    /// Dots in rows that have names.
    Dots(Dots),
    /// A line.
    Curve(Curve),
    /// Bars along steps of a doubling of time, four to each.
    Bars(Vec<Bar>),
}

/// Dots in rows.
pub(crate) struct Dots {
    /// The names, from the bottom.
    pub(crate) rows: Vec<String>,
    /// Place on the horizontal axis, row, and whether it is of the second kind.
    pub(crate) dots: Vec<(f64, usize, bool)>,
}

/// A line through points.
pub(crate) struct Curve(pub(crate) Vec<(f64, f64)>);

/// A bar at a step, and whether it is of the second kind.
pub(crate) struct Bar {
    pub(crate) step: u32,
    pub(crate) height: u64,
    pub(crate) other: bool,
}

const ONE: RGBColor = RGBColor(0, 90, 156);
const OTHER: RGBColor = RGBColor(200, 80, 0);

/// Draws a chart.
pub(super) fn draw<B: DrawingBackend>(backend: B, chart: &Chart) -> Result<(), String> {
    let told = |error: DrawingAreaErrorKind<B::ErrorType>| error.to_string();
    let area = backend.into_drawing_area();
    area.fill(&WHITE).map_err(told)?;
    let Extent { x, y, labels } = extent(&chart.content);
    let mut context = ChartBuilder::on(&area)
        .caption(&chart.title, ("sans-serif", 22).into_font())
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(labels)
        .build_cartesian_2d(x.0..x.1, y.0..y.1)
        .map_err(told)?;
    #[allow(clippy::cast_sign_loss, reason = "a power of two is none")]
    let span = |step: &f64| Nanos((step / 4.0).exp2() as u64).to_string();
    let whole = |height: &f64| format!("{height:.0}");
    let name = |row: &f64| row_name(chart, *row);
    let mut mesh = context.configure_mesh();
    mesh.x_desc(&chart.x)
        .y_desc(&chart.y)
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 16));
    if let Content::Dots(Dots { rows, .. }) = &chart.content {
        mesh.y_labels(rows.len().max(2)).y_label_formatter(&name).disable_y_mesh();
    }
    if matches!(chart.content, Content::Bars(_)) {
        mesh.x_label_formatter(&span).y_label_formatter(&whole);
    }
    mesh.draw().map_err(told)?;
    fill(&mut context, &chart.content).map_err(told)?;
    area.present().map_err(told)
}

/// What a chart spans, and the width of the labels on its left.
struct Extent {
    x: (f64, f64),
    y: (f64, f64),
    labels: u32,
}

fn extent(content: &Content) -> Extent {
    match content {
        Content::Dots(Dots { rows, dots }) => Extent {
            x: padded(range(dots.iter().map(|dot| dot.0)), 0.01),
            y: (-0.5, count(rows.len()) - 0.5),
            labels: 220,
        },
        Content::Curve(Curve(points)) => Extent {
            x: padded(range(points.iter().map(|point| point.0)), 0.01),
            y: padded(range(points.iter().map(|point| point.1)), 0.05),
            labels: 110,
        },
        Content::Bars(bars) => {
            let places = bars.iter().flat_map(|bar| [f64::from(bar.step), f64::from(bar.step + 1)]);
            let most = bars.iter().map(|bar| bar.height).max().unwrap_or(0);
            Extent { x: range(places), y: (0.0, number(most) * 1.05 + 1.0), labels: 110 }
        }
    }
}

type Context<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws what is in it.
fn fill<B: DrawingBackend>(
    context: &mut Context<'_, B>,
    content: &Content,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    match content {
        Content::Dots(Dots { dots, .. }) => {
            let dot = |(x, row, other): &(f64, usize, bool)| {
                let (color, shift) = if *other { (OTHER, 0.15) } else { (ONE, -0.15) };
                Circle::new((*x, count(*row) + shift), 2, color.filled())
            };
            context.draw_series(dots.iter().map(dot))?;
        }
        Content::Curve(Curve(points)) => {
            context.draw_series(LineSeries::new(points.iter().copied(), ONE.stroke_width(2)))?;
        }
        Content::Bars(bars) => {
            let bar = |bar: &Bar| {
                let (color, shift) = if bar.other { (OTHER, 0.5) } else { (ONE, 0.0) };
                let left = f64::from(bar.step) + shift;
                Rectangle::new([(left, 0.0), (left + 0.5, number(bar.height))], color.filled())
            };
            context.draw_series(bars.iter().map(bar))?;
        }
    }
    Ok(())
}

/// The name of a row, at its place only.
fn row_name(chart: &Chart, row: f64) -> String {
    let Content::Dots(Dots { rows, .. }) = &chart.content else { return String::new() };
    let place = row.round();
    if (row - place).abs() > 0.01 || place < 0.0 {
        return String::new();
    }
    #[allow(clippy::cast_sign_loss, reason = "negative ones have left")]
    rows.get(place as usize).cloned().unwrap_or_default()
}

/// From the least to the most, and never nothing.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (least, most) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    match most - least {
        span if span > 0.0 => (least, most),
        _ if least.is_finite() => (least - 1.0, least + 1.0),
        _ => (0.0, 1.0),
    }
}

/// With some room at both ends, so that nothing lies on the edge.
fn padded((least, most): (f64, f64), part: f64) -> (f64, f64) {
    let room = (most - least) * part;
    (least - room, most + room)
}

#[allow(clippy::cast_precision_loss, reason = "a picture has a thousand dots")]
fn count(value: usize) -> f64 {
    value as f64
}

#[allow(clippy::cast_precision_loss, reason = "a picture has a thousand dots")]
fn number(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_never_empty() {
        assert_eq!(range([].into_iter()), (0.0, 1.0));
        assert_eq!(range([5.0].into_iter()), (4.0, 6.0));
        assert_eq!(range([1.0, 3.0, 2.0].into_iter()), (1.0, 3.0));
    }
}
