//! Short notes that are written and read by anybody at any time: who is inside since when, what happened.
//!
//! Three 32-bit words, because not every processor has atomic ones of 64 bits.

use crate::hal::Instant;
use crate::sync::{AtomicU32, Ordering, fence};

/// A key of 16 bits with a time. Zero is no key.
pub(super) struct Note {
    /// The key in the low half; above it how often the note was written, and [`WRITING`].
    head: AtomicU32,
    high: AtomicU32,
    low: AtomicU32,
}

/// Set while somebody writes.
const WRITING: u32 = 1 << 31;
/// One more writing.
const ONCE: u32 = 1 << 16;

impl Note {
    pub(super) const fn new() -> Self {
        Self { head: AtomicU32::new(0), high: AtomicU32::new(0), low: AtomicU32::new(0) }
    }

    /// Writes a note over the one that is there, or, with `only_free`, only if there is none. False when it
    /// was not written: there is one, or somebody is writing it at this moment.
    pub(super) fn write(&self, key: u16, at: Instant, only_free: bool) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        if head & WRITING != 0 || (only_free && head as u16 != 0) {
            return false;
        }
        let next = (head & !0xFFFF).wrapping_add(ONCE) & !WRITING;
        if self.head.compare_exchange(head, next | WRITING, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return false;
        }
        // A reader who sees one of the two words below sees the head above.
        fence(Ordering::Release);
        self.high.store((at.0 >> 32) as u32, Ordering::Relaxed);
        self.low.store(at.0 as u32, Ordering::Relaxed);
        self.head.store(next | u32::from(key), Ordering::Release);
        true
    }

    /// Takes the note away. Only for the one who wrote it.
    pub(super) fn clear(&self) {
        self.head.fetch_and(!0xFFFF, Ordering::Release);
    }

    /// The note, if there is one and nobody is writing it.
    pub(super) fn read(&self) -> Option<(u16, Instant)> {
        let head = self.head.load(Ordering::Acquire);
        let time = u64::from(self.high.load(Ordering::Relaxed)) << 32;
        let time = time | u64::from(self.low.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let same = self.head.load(Ordering::Relaxed) == head;
        (same && head & WRITING == 0 && head as u16 != 0).then_some((head as u16, Instant(time)))
    }

    /// Makes every object that a model checker keeps for this note.
    #[cfg(any(nova_model = "loom", nova_model = "shuttle"))]
    pub(super) fn touch(&self) {
        let _ = self.read();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Instant = Instant(0x1234_5678_9ABC_DEF0);

    #[test]
    fn what_is_written_is_read_until_it_is_cleared() {
        let note = Note::new();
        assert_eq!(note.read(), None);
        assert!(note.write(7, LATE, true));
        assert_eq!(note.read(), Some((7, LATE)));
        note.clear();
        assert_eq!(note.read(), None);
    }

    #[test]
    fn a_note_is_taken_or_written_over_as_asked() {
        let note = Note::new();
        assert!(note.write(7, LATE, true));
        assert!(!note.write(8, Instant(1), true));
        assert_eq!(note.read(), Some((7, LATE)));
        assert!(note.write(8, Instant(1), false));
        assert_eq!(note.read(), Some((8, Instant(1))));
    }

    #[test]
    fn a_note_in_the_making_is_neither_read_nor_written() {
        let note = Note::new();
        note.head.store(WRITING | 7, Ordering::Relaxed);
        assert_eq!(note.read(), None);
        assert!(!note.write(8, LATE, false));
    }

    #[test]
    fn counting_the_writings_wraps() {
        let note = Note::new();
        note.head.store(0x7FFF_0003, Ordering::Relaxed);
        assert!(note.write(8, LATE, false));
        assert_eq!(note.read(), Some((8, LATE)));
        assert_eq!(note.head.load(Ordering::Relaxed), 8);
    }
}

/// Under loom: a note that is read while others write has the key and the time of one writing.
#[cfg(all(test, nova_model = "loom"))]
mod model {
    extern crate std;

    use super::*;
    use std::format;
    use std::io::Write as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering as O};

    use loom::thread;

    /// A time whose two halves are the key.
    fn time(key: u16) -> Instant {
        Instant(u64::from(key) << 32 | u64::from(key))
    }

    fn whole(read: Option<(u16, Instant)>) {
        assert!(read.is_none_or(|(key, at)| at == time(key)), "of two writings: {read:?}");
    }

    fn explore(name: &str, model: impl Fn(&Arc<Note>) + Send + Sync + 'static) {
        let executions = Arc::new(AtomicU64::new(0));
        let counted = executions.clone();
        loom::model(move || {
            counted.fetch_add(1, O::Relaxed);
            let note = Arc::new(Note::new());
            note.touch();
            assert!(note.write(1, time(1), true));
            model(&note);
        });
        let executions = executions.load(O::Relaxed);
        let line = format!("model: {name} | threads 2 | preemptions unbounded | executions {executions}\n");
        let _ = std::io::stdout().write_all(line.as_bytes());
    }

    #[test]
    fn a_note_that_is_written_over_is_read_whole() {
        explore("note-written-over", |note| {
            let writer = note.clone();
            let writer = thread::spawn(move || writer.write(2, time(2), false));
            whole(note.read());
            assert!(writer.join().expect("no panic"));
            assert_eq!(note.read(), Some((2, time(2))));
        });
    }

    #[test]
    fn a_free_note_is_taken_by_one() {
        explore("note-taken-once", |note| {
            note.clear();
            let other = note.clone();
            let other = thread::spawn(move || other.write(2, time(2), true));
            let taken = note.write(3, time(3), true);
            assert_ne!(taken, other.join().expect("no panic"), "both have it, or nobody");
            assert_eq!(note.read(), Some(if taken { (3, time(3)) } else { (2, time(2)) }));
        });
    }

    #[test]
    fn a_note_that_is_cleared_and_taken_again_is_read_whole() {
        explore("note-taken-again", |note| {
            let other = note.clone();
            let other = thread::spawn(move || {
                other.write(2, time(2), true);
                whole(other.read());
            });
            note.clear();
            note.write(3, time(3), true);
            whole(note.read());
            other.join().expect("no panic");
            whole(note.read());
        });
    }
}
