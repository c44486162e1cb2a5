//! Drawing the model.

use nova_core::hal::Nanos;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Clear, Dataset, GraphType, Paragraph};

use super::keys::KEYS;
use super::model::{Model, Row};
use crate::decode;

/// The least that all of it fits in.
const LEAST: (u16, u16) = (60, 18);

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model<'_>, color: bool) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("{} by {} characters, at least; q quits", LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(3), Constraint::Min(8), Constraint::Length(1)]).areas(area);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(62), Constraint::Percentage(38)]).areas(body);
    let [time, interrupts, events] =
        Layout::vertical([Constraint::Percentage(45), Constraint::Length(6), Constraint::Min(3)])
            .areas(right);
    frame.render_widget(Paragraph::new(device(model)).block(Block::bordered().title(" device ")), head);
    registers(frame, left, model, color);
    timer(frame, time, model, color);
    frame.render_widget(
        Paragraph::new(sources(model)).block(Block::bordered().title(" interrupts ")),
        interrupts,
    );
    frame.render_widget(Paragraph::new(happened(model)).block(Block::bordered().title(" events ")), events);
    frame.render_widget(Paragraph::new(footer(model)), foot);
    if model.shows_help() {
        help(frame, area);
    }
}

fn device(model: &Model<'_>) -> String {
    let time = model.time.map_or_else(|| "no time".to_owned(), |ns| format!("{ns} ns"));
    let driver =
        model.kernel_driver.as_ref().map(|name| format!("  kernel driver {name}")).unwrap_or_default();
    format!("{}  {}  {}  {time}{driver}", model.device, model.chip, model.state)
}

fn footer(model: &Model<'_>) -> String {
    let state = if model.is_paused() { "paused" } else { "live" };
    let load = if model.has_load() { "  load on" } else { "" };
    format!(" {state}, every {}, look {}{load}   ? keys  q quit", model.interval(), model.looks)
}

fn registers(frame: &mut Frame<'_>, area: Rect, model: &Model<'_>, color: bool) {
    let height = usize::from(area.height.saturating_sub(2));
    let shown = model.rows.iter().skip(model.top).flat_map(|row| register(row, color)).take(height);
    let title = format!(" registers, from {} of {} ", model.top + 1, model.rows.len());
    let lines: Vec<_> = shown.collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(title)), area);
}

/// A register, and below it its fields; what has just changed stands out.
fn register(row: &Row, color: bool) -> Vec<Line<'static>> {
    let changed = row.before.is_some() && row.value != row.before;
    let mark = if changed { "*" } else { " " };
    let value = row.value.map_or_else(|| "-".to_owned(), |value| decode::hex(value, row.target.width));
    let strong = |on: bool| {
        let style = if on { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        if on && color { style.fg(Color::Yellow) } else { style }
    };
    let mut lines =
        vec![Line::from(Span::styled(format!("{mark}{} {value}", row.target.name()), strong(changed)))];
    let (Some(value), Some(entry)) = (row.value, row.target.entry()) else { return lines };
    let before = row.before.map(|before| decode::fields(entry, before));
    for (place, field) in decode::fields(entry, value).into_iter().enumerate() {
        let old = before.as_ref().and_then(|fields| fields.get(place));
        let new = old.is_some_and(|old| *old != field);
        let named = field.named.map_or_else(|| format!("{:#x}", field.value), str::to_owned);
        let mark = if new { "*" } else { " " };
        lines.push(Line::from(Span::styled(format!("  {mark}{} {named}", field.name), strong(new))));
    }
    lines
}

/// How far the GPU's clock is ahead of the host's, over time.
fn timer(frame: &mut Frame<'_>, area: Rect, model: &Model<'_>, color: bool) {
    #[allow(clippy::cast_precision_loss, reason = "a screen has a few hundred dots")]
    let points: Vec<_> =
        model.samples.iter().map(|sample| (sample.host as f64, sample.drift() as f64)).collect();
    let Some(last) = model.samples.back() else {
        frame
            .render_widget(Paragraph::new("no time to show").block(Block::bordered().title(" timer ")), area);
        return;
    };
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let least = points.iter().map(of).fold(f64::INFINITY, f64::min);
        let most = points.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        if most > least { [least, most] } else { [least - 1.0, least + 1.0] }
    };
    let (x, y) = (bounds(|point| point.0), bounds(|point| point.1));
    let style = if color { Style::new().fg(Color::Cyan) } else { Style::new() };
    let line =
        Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).style(style).data(&points);
    let label = |ns: f64| format!("{ns:.0}");
    let chart = Chart::new(vec![line])
        .block(Block::bordered().title(format!(" timer: {:+} ns after {} ", last.drift(), Nanos(last.host))))
        .x_axis(Axis::default().bounds(x))
        .y_axis(Axis::default().bounds(y).labels([label(y[0]), label(y[1])]));
    frame.render_widget(chart, area);
}

fn sources(model: &Model<'_>) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(model.messages.clone())];
    lines.extend(
        model.interrupts.iter().map(|source| Line::from(format!("{:>8}  {}", source.count, source.name))),
    );
    lines
}

fn happened(model: &Model<'_>) -> Vec<Line<'static>> {
    let line = |(at, what): (u64, String)| Line::from(format!("{:>10} {what}", Nanos(at).to_string()));
    model.events().into_iter().map(line).collect()
}

/// The keys, over everything else.
fn help(frame: &mut Frame<'_>, area: Rect) {
    let lines: Vec<_> = KEYS.iter().map(|(key, _, what)| Line::from(format!(" {key:8} {what}"))).collect();
    let (width, height) = (44.min(area.width), (lines.len() as u16 + 2).min(area.height));
    let place = Rect::new((area.width - width) / 2, (area.height - height) / 2, width, height);
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), place);
}
