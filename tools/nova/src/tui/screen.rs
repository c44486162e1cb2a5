//! The terminal, and giving it back.

use std::io::{self, IsTerminal as _, Stdout};
use std::panic;
use std::sync::Once;

use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

use crate::error::{Code, Error, Result};
use crate::signals;

static HOOK: Once = Once::new();

/// A screen of our own. When it is dropped, and at a panic or a signal, the terminal is as it was.
pub(super) struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) fn open() -> Result<Self> {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return Err(Error::new(Code::Refused, "a full screen needs a terminal, and this is none")
                .next("nova watch 'NV_PTIMER_TIME_*'"));
        }
        let fail = |error: io::Error| Error::new(Code::Refused, format!("cannot use the terminal: {error}"));
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                restore();
                before(panic);
            }));
        });
        signals::before_dying(give_up)?;
        enable_raw_mode().map_err(fail)?;
        // From here on dropping it gives the terminal back.
        let screen = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        screen.map(Self).map_err(|error| {
            restore();
            fail(error)
        })
    }

    /// Draws it anew.
    ///
    /// # Errors
    ///
    /// When the terminal takes nothing.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        // A terminal that knows it shows all of it at once.
        execute!(io::stdout(), BeginSynchronizedUpdate)?;
        self.0.draw(draw).map(drop)?;
        execute!(io::stdout(), EndSynchronizedUpdate)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. Doing it twice does no harm.
fn restore() {
    // Nobody is left to tell.
    let _ = disable_raw_mode();
    let _ = execute!(io::stdout(), EndSynchronizedUpdate, LeaveAlternateScreen, Show);
}

/// Gives the terminal back for good: what is drawn from now on waits for an end that comes first.
fn give_up() {
    let stdout = io::stdout().lock();
    restore();
    std::mem::forget(stdout);
}
