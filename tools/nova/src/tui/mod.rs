//! `nova tui`: a device on a full screen.
//!
//! [`model`] is what is known of the device, and changes only when time passes or a key is pressed; [`view`] draws it;
//! [`screen`] has the terminal, and gives it back whatever happens.

mod keys;
mod model;
mod screen;
#[cfg(test)]
mod tests;
mod view;

use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEventKind};
use nova_core::hal::Nanos;

use crate::device::Opened;
use crate::error::{Code, Error, Result};
use crate::expr::Target;
use keys::Action;
use model::Model;
use screen::Screen;

/// How to begin.
pub(crate) struct Options {
    /// The registers to show.
    pub(crate) registers: Vec<Target>,
    /// Time from one look to the next.
    pub(crate) interval: Nanos,
    /// Whether nothing happens until a key is pressed.
    pub(crate) paused: bool,
    /// Whether to use colours.
    pub(crate) color: bool,
}

/// Shows the device until somebody has seen enough.
///
/// # Errors
///
/// When there is no terminal, or the device fails.
pub(crate) fn run(opened: &Opened, options: Options) -> Result<()> {
    let color = options.color;
    let mut model = Model::new(opened, options)?;
    let mut screen = Screen::open()?;
    let ended = show(&mut screen, &mut model, color);
    // In this order: what the device has to say at its end belongs on the screen of before.
    drop(screen);
    let removed = model.close();
    ended.and(removed)
}

fn show(screen: &mut Screen, model: &mut Model<'_>, color: bool) -> Result<()> {
    let fail = |error: std::io::Error| Error::new(Code::Refused, format!("the terminal fails: {error}"));
    let mut next = Instant::now();
    loop {
        screen.draw(|frame| view::draw(frame, model, color)).map_err(fail)?;
        let span = Duration::from_nanos(model.interval().get());
        let patience = if model.is_paused() {
            Duration::from_hours(1)
        } else {
            next.saturating_duration_since(Instant::now())
        };
        if event::poll(patience).map_err(fail)? {
            let Event::Key(key) = event::read().map_err(fail)? else { continue };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            match keys::action(key) {
                Some(Action::Quit) if model.shows_help() => model.act(Action::Help),
                Some(Action::Quit) => return Ok(()),
                Some(action) => model.act(action),
                None => (),
            }
        } else if !model.is_paused() {
            model.tick();
            next = Instant::now() + span;
        }
    }
}
