//! Keys, and what they do: one table, which `?` shows.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Ends, or closes the list of keys.
    Quit,
    /// Shows the list of keys, or closes it.
    Help,
    /// Stops looking, or goes on.
    Pause,
    /// Looks once.
    Step,
    /// One register further down.
    Down,
    /// One register further up.
    Up,
    /// As many as fit further down.
    PageDown,
    /// As many as fit further up.
    PageUp,
    /// Raises a software interrupt.
    Trigger,
    /// Schedules an alarm and waits for it.
    Alarm,
    /// Switches the driver's own load on or off.
    Load,
    /// Looks more often.
    Faster,
    /// Looks less often.
    Slower,
}

/// A key, as the list shows it, and what it does.
pub(super) const KEYS: [(&str, Action, &str); 13] = [
    ("?", Action::Help, "these keys"),
    ("p", Action::Pause, "pause, or go on"),
    ("n", Action::Step, "look once, while paused"),
    ("j, Down", Action::Down, "next register"),
    ("k, Up", Action::Up, "register before"),
    ("PgDn", Action::PageDown, "a page of registers down"),
    ("PgUp", Action::PageUp, "a page of registers up"),
    ("t", Action::Trigger, "raise a software interrupt"),
    ("a", Action::Alarm, "wait for an alarm in 1 ms"),
    ("l", Action::Load, "the driver's own load on or off"),
    ("+", Action::Faster, "look twice as often"),
    ("-", Action::Slower, "look half as often"),
    ("q, Esc", Action::Quit, "quit"),
];

/// What a key does, if anything.
pub(super) fn action(key: KeyEvent) -> Option<Action> {
    Some(match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Action::Quit,
        KeyCode::Char('?') => Action::Help,
        KeyCode::Char('p') => Action::Pause,
        KeyCode::Char('n') => Action::Step,
        KeyCode::Char('j') | KeyCode::Down => Action::Down,
        KeyCode::Char('k') | KeyCode::Up => Action::Up,
        KeyCode::PageDown => Action::PageDown,
        KeyCode::PageUp => Action::PageUp,
        KeyCode::Char('t') => Action::Trigger,
        KeyCode::Char('a') => Action::Alarm,
        KeyCode::Char('l') => Action::Load,
        KeyCode::Char('+') => Action::Faster,
        KeyCode::Char('-') => Action::Slower,
        KeyCode::Char('q') | KeyCode::Esc => Action::Quit,
        _ => return None,
    })
}
