//! Recognising a source that comes too often.

use heapless::LinearMap;

use super::{MAX_COUNTED, Source};
use crate::hal::{Instant, Nanos};

/// The window in which occurrences are counted.
const WINDOW: Nanos = Nanos::from_millis(10);
/// How many of them in one window are a storm: one every ten microseconds leaves no time for work.
const LIMIT: u32 = 1_000;

/// Occurrences per source in the current window.
pub(super) struct Storms {
    windows: LinearMap<Source, (Instant, u32), MAX_COUNTED>,
}

impl Storms {
    pub(super) const fn new() -> Self {
        Self { windows: LinearMap::new() }
    }

    /// Counts an occurrence; `true` when it makes a storm.
    pub(super) fn came(&mut self, source: Source, now: Instant) -> bool {
        if let Some((start, count)) = self.windows.get_mut(&source) {
            if now.since(*start) > WINDOW {
                (*start, *count) = (now, 0);
            }
            *count += 1;
            return *count >= LIMIT;
        }
        // More sources than places: those past the bound are not watched.
        let _ = self.windows.insert(source, (now, 1));
        false
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
}
