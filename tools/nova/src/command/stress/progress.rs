//! The progress bar, for people at a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::stress::Part;

/// A bar on standard error; nothing when that is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    by_rounds: bool,
}

impl Progress {
    /// A bar that runs to `rounds`, or to the end of `limit`.
    pub(super) fn new(part: Part, rounds: Option<u64>, limit: Duration) -> Self {
        let bar = ProgressBar::new(rounds.unwrap_or(limit.as_millis() as u64));
        if let Ok(style) = ProgressStyle::with_template("{prefix:>8} [{bar:32}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(part.name());
        Self { bar, by_rounds: rounds.is_some() }
    }

    /// So many rounds are done, after so long.
    pub(super) fn at(&self, done: u64, elapsed: Duration) {
        self.bar.set_position(if self.by_rounds { done } else { elapsed.as_millis() as u64 });
        self.bar.set_message(format!("{done} rounds"));
    }

    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
