//! The algorithm: a row of counters for each thread, and barriers that the closing side pays for.
//!
//! # Why it is sound
//!
//! A visitor counts itself in, then looks whether the gate is closed. The closing side sets CLOSED, then
//! looks who is counted. At least one must see the other, so neither's read may overtake its own write. That
//! takes a barrier on *both* sides. Here the visitor's is only the compiler's, and the closing side's
//! ([`Barriers::heavy`]) makes every running thread execute a real one, at some point between two of its
//! instructions. This is the pair `asymmetric_thread_fence_light` and `_heavy` of C++ proposal P1202: each
//! heavy one is ordered with every light one as if both were `fence(SeqCst)`, and that is how the model
//! checkers see them (`nova_core::sync::compiler_fence`). A gate with the FENCE bit has real fences on both
//! sides.
//!
//! 1. *After `close`, `enter` fails.* CLOSED is set in `word` by a read-modify-write; whoever comes later
//!    reads that write or one after it, and only `open` takes the bit away.
//! 2. *Nobody counted means that everybody has left.* `busy(0)` looks once more after its heavy barrier H,
//!    which comes after the setting of CLOSED. Let V be a visitor that got in, with its light barrier L
//!    between counting and looking. If H were before L, V would have seen CLOSED. So L is before H, and the
//!    look after H reads V's count, or a later value of that counter. Later values come from the row's owner,
//!    who is at or above V's count until V leaves (visits of a thread nest; a handler that interrupts puts
//!    back what it found; the next owner of a row adds on top). So a zero was written by or after V's
//!    leaving. Every write that lowers a counter is a Release, and those of one owner are ordered by program,
//!    those of successive owners by the handing over of the row; the look is an Acquire. Hence what V did is
//!    visible. The shared row has many writers at a time: all its writes are read-modify-writes, so what says
//!    that nobody is inside (there it is not zero, but `NOBODY`) is in the release sequence of everything
//!    that lowered it.
//! 3. *What was before `open` is visible inside.* `open` clears CLOSED with Release. Zero in `word` (or
//!    FENCE) comes from an `open`, and the visitor's look is an Acquire.
//!
//! A gate begins with FENCE, and loses it for good at the first `open` at which barriers can be had. It never
//! comes back: a visitor that came in without a fence can only be found by a barrier, however long that was
//! ago. Where the barrier fails (a sandbox that was put up later), `busy` cannot rule out that somebody is
//! inside, and says so.
#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::mem;

use nova_core::sync::{AtomicU32, Ordering, compiler_fence, fence};

/// In `word`: nobody gets in.
const CLOSED: u32 = 1;
/// In `word`: visitors fence, because nobody else does it for them.
const FENCE: u32 = 2;
/// What a counter of the shared row begins with, so that it never looks like one of a row of one's own.
const NOBODY: u32 = 1 << 31;
/// Where a counter of the shared row takes nobody more; above is room for those that are being turned away.
const CROWDED: u32 = NOBODY + (1 << 30);

/// What makes other threads' memory accesses ordered from afar.
///
/// # Safety
///
/// When `heavy` returns true, then every other thread that runs this gate's code has executed a full memory
/// barrier between the call and the return, and the caller at both ends; in the sense of C++ P1202, it was an
/// `asymmetric_thread_fence_heavy`.
pub unsafe trait Barriers: Send + Sync + 'static {
    /// Whether `heavy` can be had. Asked at each `open`.
    fn light() -> bool;
    /// Has everybody execute a barrier; false if that was not possible.
    fn heavy() -> bool;
}

/// The counters of one thread: 128 bytes apart, as processors fetch cache lines of 64 in pairs.
#[repr(align(128))]
struct Row<const N: usize>([AtomicU32; N]);

/// Apart from what visitors write.
#[repr(align(128))]
struct Alone(AtomicU32);

/// A gate of `N` lanes and `S` rows, for threads that have numbers.
///
/// It has the methods of [`Gate`](nova_core::lifecycle::Gate), with the thread's number in addition: its
/// *slot*. A slot below `S - 1` has one owner at a time, and who gets it next synchronises with the one
/// before. Threads without one give `S - 1` and share the last row. Numbers are taken modulo `S`, which is
/// best a power of two.
///
/// It has `S * N * 4` bytes, each row rounded up to 128, and 128 for the word that says whether it is open.
pub struct Rows<B, const S: usize, const N: usize> {
    counts: [Row<N>; S],
    word: Alone,
    barriers: PhantomData<fn() -> B>,
}

/// In which row a visitor is counted. It goes back on the thread that got it.
#[derive(Debug, Clone, Copy)]
pub struct RowPass {
    slot: usize,
    not_send: PhantomData<*const ()>,
}

impl<const N: usize> Row<N> {
    #[allow(clippy::forget_non_drop, reason = "a model checker's atomic has a destructor")]
    const fn new(count: u32) -> Self {
        // One by one: an atomic cannot be copied.
        let mut row = Self([const { AtomicU32::new(0) }; N]);
        let mut lane = 0;
        while lane < N {
            mem::forget(mem::replace(&mut row.0[lane], AtomicU32::new(count)));
            lane += 1;
        }
        row
    }
}

impl<B: Barriers, const S: usize, const N: usize> Rows<B, S, N> {
    /// Closed, and nobody inside.
    #[expect(clippy::new_without_default, reason = "a gate is made in a constant")]
    #[allow(clippy::forget_non_drop, reason = "a model checker's atomic has a destructor")]
    pub const fn new() -> Self {
        let mut counts = [const { Row::new(0) }; S];
        mem::forget(mem::replace(&mut counts[S - 1], Row::new(NOBODY)));
        Self { counts, word: Alone(AtomicU32::new(CLOSED | FENCE)), barriers: PhantomData }
    }

    /// Tries to go in through `lane`, as the owner of `slot`. Calls `stranger` before one is counted who has
    /// none.
    #[inline]
    pub fn enter(&self, slot: usize, lane: usize, stranger: impl FnOnce()) -> Option<RowPass> {
        let slot = slot % S;
        let count = self.counts[slot].0.get(lane)?;
        // What is not open, without fences, in one's own row, and for the first time has one branch. So who
        // comes to a closed gate is turned away without a write, and a storm does not keep `busy` from seeing
        // zero.
        let inside = if self.word.0.load(Ordering::Relaxed) | count.load(Ordering::Relaxed) == 0 {
            // A constant: a sum would have to wait for the store of the last leaving.
            count.store(1, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
            self.word.0.load(Ordering::Acquire) == 0 || self.look_again(count)
        } else {
            self.enter_otherwise(slot, count, stranger)
        };
        // The same slot on all paths: the compiler finds the counter once for coming and going.
        inside.then_some(RowPass { slot, not_send: PhantomData })
    }

    #[cold]
    fn enter_otherwise(&self, slot: usize, count: &AtomicU32, stranger: impl FnOnce()) -> bool {
        if self.word.0.load(Ordering::Relaxed) & CLOSED != 0 {
            return false;
        }
        if !Self::is_shared(slot) {
            let Some(more) = count.load(Ordering::Relaxed).checked_add(1) else { return false };
            count.store(more, Ordering::Relaxed);
            return self.look_again(count);
        }
        stranger();
        let before = count.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let inside = before < CROWDED && self.word.0.load(Ordering::Acquire) & CLOSED == 0;
        if !inside {
            count.fetch_sub(1, Ordering::Release);
        }
        inside
    }

    /// Looks whether the gate is open, with a fence, and takes the count back if it is not.
    #[cold]
    fn look_again(&self, count: &AtomicU32) -> bool {
        fence(Ordering::SeqCst);
        let inside = self.word.0.load(Ordering::Acquire) & CLOSED == 0;
        if !inside {
            lower(count);
        }
        inside
    }

    /// Goes out through the same lane.
    #[inline]
    pub fn leave(&self, lane: usize, pass: RowPass) {
        let Some(count) = self.counts[pass.slot % S].0.get(lane) else { return };
        if count.load(Ordering::Relaxed) == 1 {
            count.store(0, Ordering::Release);
        } else {
            Self::leave_otherwise(pass.slot, count);
        }
    }

    #[cold]
    fn leave_otherwise(slot: usize, count: &AtomicU32) {
        if Self::is_shared(slot) {
            count.fetch_sub(1, Ordering::Release);
        } else {
            lower(count);
        }
    }

    const fn is_shared(slot: usize) -> bool {
        slot % S == S - 1
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.word.0.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Lets visitors in.
    pub fn open(&self) {
        let clear = if B::light() { CLOSED | FENCE } else { CLOSED };
        self.word.0.fetch_and(!clear, Ordering::AcqRel);
    }

    /// The first lane at or after `from` that somebody is inside of. `used` gives a number above all slots
    /// that have had an owner; whoever gets a slot has raised it before.
    ///
    /// The barrier is here and not in `close`, because a zero has to be seen after one, and who still sees
    /// somebody needs none. When it fails, the answer for `from == 0` is lane 0: somebody may be inside.
    pub fn busy(&self, from: usize, used: impl Fn() -> usize) -> Option<usize> {
        let seen = self.look(from, used());
        let word = self.word.0.load(Ordering::Acquire);
        // The promise is about all lanes of a closed gate; the rest is information.
        if seen.is_some() || from != 0 || word & CLOSED == 0 || N == 0 {
            return seen;
        }
        let ordered = if word & FENCE == 0 {
            B::heavy()
        } else {
            fence(Ordering::SeqCst);
            true
        };
        if ordered { self.look(0, used()) } else { Some(0) }
    }

    fn look(&self, from: usize, used: usize) -> Option<usize> {
        let row_of = |slot: usize| {
            self.counts.get(slot).map(|row| (row, if Self::is_shared(slot) { NOBODY } else { 0 }))
        };
        let rows = (0..used.min(S - 1)).chain([S - 1]).filter_map(row_of);
        // Row by row, for the caches; each only up to the lane that is known already.
        let end = rows.fold(N, |end, (row, nobody)| {
            let is_busy =
                |lane: &usize| row.0.get(*lane).is_some_and(|count| count.load(Ordering::Acquire) != nobody);
            (from..end).find(is_busy).unwrap_or(end)
        });
        (end < N).then_some(end)
    }
}

/// One fewer inside, in a row of one's own.
fn lower(count: &AtomicU32) {
    // Wraps where somebody leaves who is not inside: then the gate stays busy, which is the safe side.
    count.store(count.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Release);
}

impl<B: Barriers, const S: usize, const N: usize> fmt::Debug for Rows<B, S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("word", &self.word.0.load(Ordering::Relaxed))
            .field("first_busy", &self.look(0, S))
            .finish_non_exhaustive()
    }
}
