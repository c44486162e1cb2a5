//! What several threads can see of a gate.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nova_core::lifecycle::Gate;

use crate::conformance::Broken;

/// In the payload while it is "freed".
const POISON: u32 = u32::MAX;
/// Words of the payload, which a visitor must see all of or none.
const WORDS: usize = 4;
/// Calls of `relax` after which a role gives up: a gate that never empties must not hang its host.
const PATIENCE: u32 = 1 << 24;
/// Looks at the freed payload's marks in each round.
const LOOKS: u32 = 32;

/// A gate with a payload behind it, which `V` visitors use while one closer frees it and makes it anew.
///
/// The host runs [`visit`](Self::visit) for each number below `V` and [`close`](Self::close) at the same
/// time, on threads of its own, and then asks for the [`verdict`](Self::verdict). The payload is of relaxed
/// atomics: they order nothing by themselves, and a broken gate shows without undefined behaviour.
///
/// * A visitor never sees poison, and sees what was written before the gate was opened, completely (promises
///   1, 3).
/// * Each visit adds one to a word of the visitor's, with a load and a store. The closer takes those words
///   away with loads and stores while nobody can be inside. If either works on what is out of date, the sums
///   differ (promises 2, 3).
#[derive(Debug)]
pub struct Arena<G, const V: usize> {
    gate: G,
    payload: [AtomicU32; WORDS],
    marks: [Mark; V],
    /// Which life the payload is in, as far as the closer has told.
    life: AtomicU32,
    stop: AtomicBool,
    /// What was found first.
    broken: AtomicU32,
    taken: AtomicU32,
}

/// A visitor's words, on cache lines of their own: they shall not slow down the race.
#[derive(Debug)]
#[repr(align(128))]
struct Mark {
    /// Visits that the closer has not taken yet. Written behind the gate only.
    fresh: AtomicU32,
    /// All visits. The visitor's own.
    total: AtomicU32,
}

/// How much happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Visits that were let in.
    pub visits: u32,
    /// Lives of the payload.
    pub lives: u32,
}

const WHY: [&str; 6] = [
    "",
    "a visitor saw what had been freed",
    "a visitor did not see all that was written before the gate was opened",
    "somebody was inside a gate that was closed and empty",
    "the gate never became empty",
    "what visitors wrote inside, and what the closer saw of it, differ",
];
const FREED: u32 = 1;
const TORN: u32 = 2;
const INSIDE: u32 = 3;
const NEVER: u32 = 4;
const LOST: u32 = 5;

impl<G: Gate, const V: usize> Arena<G, V> {
    /// With a new gate.
    #[expect(clippy::new_without_default, reason = "for a static")]
    pub const fn new() -> Self {
        Self {
            gate: G::NEW,
            payload: [const { AtomicU32::new(POISON) }; WORDS],
            marks: [const { Mark { fresh: AtomicU32::new(0), total: AtomicU32::new(0) } }; V],
            life: AtomicU32::new(0),
            stop: AtomicBool::new(false),
            broken: AtomicU32::new(0),
            taken: AtomicU32::new(0),
        }
    }

    /// A visitor: comes in through `lane`, nested every so often, until the closer has ended. `relax` is
    /// called between visits, with the number of the visit; a host yields there, now and then.
    pub fn visit(&self, number: usize, lane: usize, mut relax: impl FnMut(u64)) {
        let Some(mark) = self.marks.get(number) else { return };
        let mut tries = 0_u64;
        while !self.stop.load(Ordering::Relaxed) {
            let known = self.life.load(Ordering::Relaxed);
            if let Some(outer) = self.gate.enter(lane) {
                self.inside(mark, known);
                if tries % 8 == 0 {
                    if let Some(inner) = self.gate.enter(lane) {
                        self.inside(mark, known);
                        self.gate.leave(lane, inner);
                    }
                }
                self.gate.leave(lane, outer);
            }
            tries += 1;
            relax(tries);
        }
    }

    /// What a visitor does inside. A signal handler may do it as well, with a mark of its own.
    fn inside(&self, mark: &Mark, known: u32) {
        let [first, others @ ..] = &self.payload;
        let seen = first.load(Ordering::Relaxed);
        let fresh = mark.fresh.load(Ordering::Relaxed);
        if seen == POISON {
            self.found(FREED);
        } else if seen < known || others.iter().any(|word| word.load(Ordering::Relaxed) != seen) {
            self.found(TORN);
        }
        mark.fresh.store(fresh.wrapping_add(1), Ordering::Relaxed);
        // Only this visitor's, so it need not be behind the gate.
        mark.total.store(mark.total.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// One visit, for roles that the host makes up itself, as a signal handler. False if it was refused.
    pub fn visit_once(&self, number: usize, lane: usize) -> bool {
        let Some(mark) = self.marks.get(number) else { return false };
        let known = self.life.load(Ordering::Relaxed);
        let Some(pass) = self.gate.enter(lane) else { return false };
        self.inside(mark, known);
        self.gate.leave(lane, pass);
        true
    }

    /// The closer: so many lives, and the end of all visitors. `relax` is called when there is somebody to
    /// wait for.
    pub fn close(&self, lives: u32, mut relax: impl FnMut()) {
        for life in 1..=lives {
            self.payload.iter().for_each(|word| word.store(life, Ordering::Relaxed));
            // Before the opening, so that who is let in by it knows at least this much.
            self.life.store(life, Ordering::Relaxed);
            self.gate.open();
            self.wait(|| self.marks.iter().any(|mark| mark.fresh.load(Ordering::Relaxed) > 0), &mut relax);
            self.gate.close();
            if !self.wait(|| self.gate.busy(0).is_none(), &mut relax) {
                self.found(NEVER);
            }
            if self.broken.load(Ordering::Relaxed) != 0 {
                break;
            }
            self.free();
        }
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What is done while nobody can be inside.
    fn free(&self) {
        self.payload.iter().for_each(|word| word.store(POISON, Ordering::Relaxed));
        for mark in &self.marks {
            let fresh = mark.fresh.load(Ordering::Relaxed);
            mark.fresh.store(0, Ordering::Relaxed);
            self.taken.store(self.taken.load(Ordering::Relaxed).wrapping_add(fresh), Ordering::Relaxed);
        }
        // Long enough that who is inside after all shows himself.
        for _ in 0..LOOKS {
            if self.marks.iter().any(|mark| mark.fresh.load(Ordering::Relaxed) != 0) {
                return self.found(INSIDE);
            }
        }
    }

    /// Waits until `done`, or something was found. False if it takes for ever.
    fn wait(&self, done: impl Fn() -> bool, relax: &mut impl FnMut()) -> bool {
        for _ in 0..PATIENCE {
            if done() || self.broken.load(Ordering::Relaxed) != 0 {
                return true;
            }
            relax();
        }
        false
    }

    fn found(&self, what: u32) {
        let _ = self.broken.compare_exchange(0, what, Ordering::Relaxed, Ordering::Relaxed);
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What came of it, when all roles have ended.
    ///
    /// # Errors
    ///
    /// What was found first.
    pub fn verdict(&self) -> Result<Summary, Broken> {
        let visits = self.marks.iter().map(|mark| mark.total.load(Ordering::Relaxed)).sum();
        let mut found = self.broken.load(Ordering::Relaxed);
        if found == 0 && visits != self.taken.load(Ordering::Relaxed) {
            found = LOST;
        }
        match WHY.get(found as usize) {
            Some(why) if found != 0 => Err(Broken { case: "visitors and a closer at the same time", why }),
            _ => Ok(Summary { visits, lives: self.life.load(Ordering::Relaxed) }),
        }
    }
}
