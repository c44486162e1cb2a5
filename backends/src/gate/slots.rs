//! Numbers for threads: which row of every gate is whose.
//!
//! A thread gets the lowest free number when it first enters a gate (for its next entry), and gives it back
//! when it ends. What its first entry does besides is to register a thread-local destructor, which may
//! allocate.
//!
//! **Signal handlers.** Later entries neither allocate nor lock, so a handler may make them. Where a handler
//! may be its thread's first visitor, the thread calls [`prepare_thread`] before, or the handler goes through
//! [`in_signal_handler`]; it is counted in the shared row then. A handler that interrupts its thread in the
//! middle of getting a number shares as well.

extern crate std;

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};
use std::thread_local;

use nova_core::lifecycle::Place;

/// Rows of a gate.
pub(super) const ROWS: usize = 64;
/// How many threads at a time have a row of their own; more share the last one.
pub const SLOTS: usize = ROWS - 1;

// In `SLOT`, where it is no slot. All are the last row's number, modulo `ROWS`.
/// Has not asked yet.
const NONE: u32 = SLOTS as u32;
/// Shares, and does not ask: is just asking, or is in a signal handler.
const SHARES: u32 = NONE + ROWS as u32;
/// Shares for ever: the thread is ending.
const ENDED: u32 = SHARES + ROWS as u32;
/// All of `TAKEN`.
const FULL: u64 = (1 << SLOTS) - 1;

/// A bit for each slot that has an owner.
static TAKEN: AtomicU64 = AtomicU64::new(0);
/// Above every slot that ever had one.
static USED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    // Without a destructor and constant: reading it is one instruction. Atomic for the sake of signal
    // handlers.
    static SLOT: AtomicU32 = const { AtomicU32::new(NONE) };
    static GIVE_BACK: GiveBack = const { GiveBack };
}

/// Gives the thread's slot back when the thread ends.
struct GiveBack;

impl Drop for GiveBack {
    fn drop(&mut self) {
        let slot = SLOT.with(|slot| slot.swap(ENDED, Ordering::Relaxed));
        if (slot as usize) < SLOTS {
            // Release: the plain stores of this owner come before those of the next.
            TAKEN.fetch_and(!(1 << slot), Ordering::Release);
        }
    }
}

/// The thread's slot, or a number that is none.
#[inline]
pub(super) fn mine() -> usize {
    SLOT.with(|slot| slot.load(Ordering::Relaxed)) as usize
}

/// Above every slot that had an owner before.
pub(super) fn used() -> usize {
    USED.load(Ordering::Acquire) as usize
}

/// Gets the thread a slot, if there is one and it has none.
#[cold]
pub(super) fn claim() {
    SLOT.with(|mine| {
        // Looks first, for the threads that there were no slots for, which come here each time.
        if mine.load(Ordering::Relaxed) != NONE || TAKEN.load(Ordering::Relaxed) == FULL {
            return;
        }
        // From here on a handler that comes in between shares.
        mine.store(SHARES, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        // Before there is anything to give back; fails while the thread's last destructors run.
        let kept = GIVE_BACK.try_with(|_| ()).is_ok();
        let then = if kept { take().unwrap_or(NONE) } else { ENDED };
        compiler_fence(Ordering::SeqCst);
        mine.store(then, Ordering::Relaxed);
    });
}

/// Becomes the owner of the lowest free slot.
fn take() -> Option<u32> {
    let lowest = |taken: u64| (taken != FULL).then(|| taken | (taken + 1));
    // Acquire: after the stores of the owner before.
    let taken = TAKEN.fetch_update(Ordering::Acquire, Ordering::Relaxed, lowest).ok()?;
    let slot = taken.trailing_ones();
    // Before the first entry with it, so that who looks after a barrier sees it if it sees that.
    USED.fetch_max(slot + 1, Ordering::AcqRel);
    Some(slot)
}

/// Gets the calling thread its row now instead of at its first entry. False if it has to share one.
pub fn prepare_thread() -> bool {
    claim();
    mine() < SLOTS
}

/// Runs `f` without getting the thread a row of its own, which is not for signal handlers.
pub fn in_signal_handler<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(u32);
    impl Drop for Restore {
        fn drop(&mut self) {
            if self.0 == NONE {
                SLOT.with(|slot| slot.store(NONE, Ordering::Relaxed));
            }
        }
    }
    let before = mine() as u32;
    if before == NONE {
        SLOT.with(|slot| slot.store(SHARES, Ordering::Relaxed));
    }
    let _restore = Restore(before);
    f()
}

/// For [`ShardedGate`](nova_core::lifecycle::ShardedGate): a thread's place is its slot.
#[derive(Debug)]
pub struct ThreadPlace;

impl Place for ThreadPlace {
    #[inline]
    fn here() -> usize {
        let slot = mine();
        if slot >= SLOTS {
            claim();
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::AsymmetricGate;
    use nova_core::lifecycle::Gate as _;
    use std::thread;

    #[test]
    fn a_thread_keeps_its_slot_and_gives_it_back() {
        let first = thread::spawn(|| {
            assert!(prepare_thread());
            assert!(prepare_thread());
            let slot = mine();
            claim();
            assert_eq!(mine(), slot);
            slot
        });
        let first = first.join().expect("no panic");
        assert!(first < SLOTS);
        assert!(used() > first);
    }

    #[test]
    fn a_handler_does_not_get_its_thread_a_slot() {
        thread::spawn(|| {
            let there = in_signal_handler(|| {
                claim();
                mine()
            });
            assert!(there >= SLOTS);
            assert!(mine() >= SLOTS);
            assert!(prepare_thread());
            let slot = mine();
            assert_eq!(in_signal_handler(mine), slot, "one that it has, it uses");
        })
        .join()
        .expect("no panic");
    }

    #[test]
    fn who_comes_first_or_when_there_are_no_slots_left_shares() {
        use std::sync::{Arc, Barrier};
        let all = Arc::new(Barrier::new(ROWS));
        let threads: std::vec::Vec<_> = (0..ROWS)
            .map(|_| {
                let all = all.clone();
                thread::spawn(move || {
                    let (prepared, slot) = (prepare_thread(), mine());
                    all.wait();
                    assert_eq!(prepared, slot < SLOTS);
                    prepared
                })
            })
            .collect();
        let own = threads.into_iter().map(|thread| thread.join().expect("no panic")).filter(|own| *own);
        assert!(own.count() <= SLOTS, "more threads than slots have one");
        // They are free again; and the first visit gets a thread its own, for the next one.
        thread::spawn(|| {
            assert!(ThreadPlace::here() >= SLOTS);
            assert!(mine() < SLOTS);
            assert_eq!(ThreadPlace::here(), mine());
        })
        .join()
        .expect("no panic");
        thread::spawn(|| {
            let gate: AsymmetricGate<1> = AsymmetricGate::NEW;
            gate.open();
            let pass = gate.enter(0).expect("open");
            gate.leave(0, pass);
            assert!(mine() < SLOTS);
        })
        .join()
        .expect("no panic");
    }

    #[test]
    fn a_thread_that_ends_shares() {
        struct Last;
        impl Drop for Last {
            fn drop(&mut self) {
                // `GIVE_BACK` was made after this one, so it is gone already.
                assert!(!prepare_thread());
            }
        }
        thread_local!(static LAST: Last = const { Last });
        thread::spawn(|| {
            LAST.with(|_| ());
            assert!(prepare_thread());
        })
        .join()
        .expect("no panic");
    }
}
