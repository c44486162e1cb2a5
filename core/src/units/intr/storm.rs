//! Recognising a source that comes too often, and messages that lead nowhere.

use heapless::LinearMap;

use super::{MAX_COUNTED, Source};
use crate::hal::{Instant, Nanos};

/// The window in which occurrences are counted.
const WINDOW: Nanos = Nanos::from_millis(10);
/// How many of them in one window are a storm: one every ten microseconds leaves no time for work.
const LIMIT: u32 = 1_000;
/// How many messages in one window may find nothing, or nothing that can be read.
const EMPTY_LIMIT: u32 = 100;

/// Occurrences since the start of a window.
#[derive(Clone, Copy)]
struct Window {
    start: Instant,
    count: u32,
}

impl Window {
    const fn new(now: Instant) -> Self {
        Self { start: now, count: 0 }
    }

    /// Counts an occurrence; gives how many there are in this window.
    fn came(&mut self, now: Instant) -> u32 {
        if now.since(self.start) > WINDOW {
            *self = Self::new(now);
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

/// Occurrences per source in the current window.
pub(super) struct Storms {
    windows: LinearMap<Source, Window, MAX_COUNTED>,
    empty: Window,
}

impl Storms {
    pub(super) const fn new() -> Self {
        Self { windows: LinearMap::new(), empty: Window::new(Instant(0)) }
    }

    /// Counts an occurrence; `true` when it makes a storm.
    pub(super) fn came(&mut self, source: Source, now: Instant) -> bool {
        if let Some(window) = self.windows.get_mut(&source) {
            return window.came(now) >= LIMIT;
        }
        let mut window = Window::new(now);
        window.came(now);
        // More sources than places: those past the bound are not watched.
        let _ = self.windows.insert(source, window);
        false
    }

    /// Counts a message without anything to serve; `true` when there are so many that something is
    /// pending that cannot be seen or cleared.
    pub(super) fn came_empty(&mut self, now: Instant) -> bool {
        self.empty.came(now) >= EMPTY_LIMIT
    }

    /// Starts a source's count anew.
    pub(super) fn forget(&mut self, source: Source) {
        self.windows.remove(&source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_source_is_no_storm_and_a_stuck_one_is() {
        let mut storms = Storms::new();
        for n in 0..100_000u64 {
            assert!(!storms.came(Source::ALARM, Instant(n * 20_000)));
        }
        let came =
            |storms: &mut Storms| (0..LIMIT).any(|n| storms.came(Source::COUNTDOWN, Instant(n.into())));
        assert!(came(&mut storms));
        storms.forget(Source::COUNTDOWN);
        assert!(!storms.came(Source::COUNTDOWN, Instant(0)));
    }

    #[test]
    fn empty_messages_in_a_row_are_a_storm_and_now_and_then_are_none() {
        let mut storms = Storms::new();
        assert!((0..10_000u64).all(|n| !storms.came_empty(Instant(n * 1_000_000))));
        assert!((0..EMPTY_LIMIT).any(|_| storms.came_empty(Instant(u64::MAX))));
    }
}
