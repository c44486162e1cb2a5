//! Drawing the model.

use nova_core::hal::Nanos;
use nova_core::units::pri::PriKind;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Margin, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Clear, Dataset, GraphType, Paragraph, Wrap};

use super::keys::KEYS;
use super::model::{Interrupt, Model, Row};
use crate::decode;

/// The least that all of it fits in.
const LEAST: (u16, u16) = (76, 20);

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model<'_>, color: bool) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("{} by {} characters, at least; q quits", LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let head_lines = device(model, area.width.saturating_sub(2));
    let head_height = Constraint::Length(if head_lines.len() > 1 { 4 } else { 3 });
    let [head, body, foot] =
        Layout::vertical([head_height, Constraint::Min(8), Constraint::Length(1)]).areas(area);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(65), Constraint::Percentage(35)]).areas(body);
    let [time, interrupts, events] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(8), Constraint::Fill(1)]).areas(right);
    boxed(frame, head, "device", head_lines);
    registers(frame, left, model, color);
    timer(frame, time, model, color);
    boxed(frame, interrupts, "interrupts", sources(model));
    boxed(frame, events, "events", happened(model));
    frame.render_widget(Paragraph::new(footer(model)), foot);
    if model.shows_help() {
        help(frame, area);
    }
}

/// Lines in a box; what is too long goes on below.
fn boxed(frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Line<'static>>) {
    let block = Block::bordered().title(format!(" {title} "));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

/// What it is and how it is, on two lines where one is too narrow.
fn device(model: &Model<'_>, width: u16) -> Vec<Line<'static>> {
    let time = model.time.map_or_else(|| "no time".to_owned(), |ns| format!("{ns} ns"));
    let driver =
        model.kernel_driver.as_ref().map(|name| format!("  kernel driver {name}")).unwrap_or_default();
    let (what, how) =
        (format!("{}  {}", model.device, model.chip), format!("{}  {time}{driver}", model.state));
    let one = Line::from(format!("{what}  {how}"));
    if one.width() <= usize::from(width) { vec![one] } else { vec![Line::from(what), Line::from(how)] }
}

fn footer(model: &Model<'_>) -> String {
    let state = if model.is_paused() { "paused" } else { "live" };
    let load = if model.has_load() { "  load on" } else { "" };
    format!(" {state}, every {}, look {}{load}   ? keys  q quit", model.interval(), model.looks)
}

fn registers(frame: &mut Frame<'_>, area: Rect, model: &Model<'_>, color: bool) {
    let inner = area.inner(Margin::new(1, 1));
    let widest = model.rows.iter().map(|row| row.target.name().chars().count()).max().unwrap_or(0);
    // A mark, a blank and ten digits.
    let column = widest.min(usize::from(inner.width).saturating_sub(12));
    let shown =
        model.rows.iter().skip(model.top).flat_map(|row| register(row, column, color, model.is_gone()));
    let lines: Vec<_> = shown.take(inner.height.into()).collect();
    let title = format!(" registers, from {} of {} ", model.top + 1, model.rows.len());
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(title)), area);
}

/// A register, and below it its fields; what has just changed stands out.
fn register(row: &Row, column: usize, color: bool, gone: bool) -> Vec<Line<'static>> {
    let line = |indent: &str, changed: bool, name: &str, value: &str| {
        let mark = if changed { "*" } else { " " };
        let name = fitted(name, column.saturating_sub(indent.len()));
        let style = if changed { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        let style = if changed && color { style.fg(Color::Yellow) } else { style };
        Line::from(Span::styled(format!("{indent}{mark}{name} {value}"), style))
    };
    let changed = row.before.is_some() && row.value != row.before;
    let value = row.value.map_or_else(|| "-".to_owned(), |value| decode::hex(value, row.target.width));
    let mut lines = vec![line("", changed, &row.target.name(), &value)];
    let (Some(value), Some(entry)) = (row.value, row.target.entry()) else { return lines };
    if gone {
        return lines;
    }
    if let Some(kind) = PriKind::of(value) {
        lines.push(Line::from(format!("   {}", kind.meaning())));
        return lines;
    }
    let before = row.before.map(|before| decode::fields(entry, before));
    for (place, field) in decode::fields(entry, value).into_iter().enumerate() {
        let old = before.as_ref().and_then(|fields| fields.get(place));
        let named = field.named.map_or_else(|| format!("{:#x}", field.value), str::to_owned);
        lines.push(line("  ", old.is_some_and(|old| *old != field), field.name, &named));
    }
    lines
}

/// A name that takes as much room as there is.
fn fitted(name: &str, room: usize) -> String {
    if name.chars().count() <= room {
        return format!("{name:room$}");
    }
    name.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// How far the GPU's clock is ahead of the host's, over time.
fn timer(frame: &mut Frame<'_>, area: Rect, model: &Model<'_>, color: bool) {
    #[allow(clippy::cast_precision_loss, reason = "a screen has a few hundred dots")]
    let points: Vec<_> =
        model.samples.iter().map(|sample| (sample.host as f64, sample.drift() as f64)).collect();
    let Some(last) = model.samples.back() else {
        return boxed(frame, area, "clock", vec![Line::from("no time to show")]);
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
    let block = Block::bordered()
        .title(format!(" clock drift: {:+} ns ", last.drift()))
        .title_bottom(format!(" over {} ", Nanos(last.host)));
    let chart = Chart::new(vec![line])
        .block(block)
        .x_axis(Axis::default().bounds(x))
        .y_axis(Axis::default().bounds(y).labels([label(y[0]), label(y[1])]));
    frame.render_widget(chart, area);
}

fn sources(model: &Model<'_>) -> Vec<Line<'static>> {
    if model.interrupts.is_empty() {
        return vec![Line::from("no driver of ours is bound")];
    }
    let line = |source: &Interrupt| Line::from(format!("{:>7} {}", source.count, source.name));
    model.interrupts.iter().map(line).collect()
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
