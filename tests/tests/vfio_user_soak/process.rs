//! What a soak costs this process.

use std::fs::{read_dir, read_to_string};
use std::time::Instant;

/// What may come on top: allocators keep what they had, and threads of other tests run beside.
const ROOM_KIB: u64 = 32 << 10;
const ROOM_FILES: usize = 200;

/// Memory and files at the start, and at the end of a run's first part, after which nothing may grow.
pub(crate) struct Watch {
    what: &'static str,
    begin: Instant,
    before: (u64, usize),
    warm: Option<(u64, usize)>,
}

impl Watch {
    pub(crate) fn start(what: &'static str) -> Self {
        Self { what, begin: Instant::now(), before: (rss(), files()), warm: None }
    }

    /// Every buffer has been as large as it gets; calls after the first do nothing.
    pub(crate) fn warm(&mut self) {
        self.warm.get_or_insert_with(|| (rss(), files()));
    }

    /// Prints all of it.
    ///
    /// # Panics
    ///
    /// When more memory or more files are used than after the first part.
    pub(crate) fn end(self, messages: u64, found: &str) {
        let seconds = self.begin.elapsed().as_secs_f64();
        let (warm, after) = (self.warm.unwrap_or(self.before), (rss(), files()));
        println!(
            "{}: {messages} messages in {seconds:.1} s; RSS {} KiB before, {} KiB warm, {} KiB after; {} files open \
             before, {} warm, {} after; {found}",
            self.what, self.before.0, warm.0, after.0, self.before.1, warm.1, after.1
        );
        assert!(after.0 < warm.0 + ROOM_KIB, "{}: memory has grown by {} KiB", self.what, after.0 - warm.0);
        assert!(after.1 < warm.1 + ROOM_FILES, "{}: {} more files are open", self.what, after.1 - warm.1);
    }
}

/// Resident memory in KiB.
fn rss() -> u64 {
    let status = read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process with memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn files() -> usize {
    read_dir("/proc/self/fd").expect("procfs").count()
}
