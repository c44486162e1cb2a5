//! L16: free in two passes. The naive one-pass teardown is kept here as a test double, and is caught.

use nova_core::lifecycle::{Teardown, two_pass};
use nova_tests::cases;
use proptest::prelude::*;

/// The mistake: quiesce a thing and free it, then the next.
fn one_pass(things: &mut impl Teardown) {
    while things.quiesce_last() {
        things.free_last();
    }
}

/// A thing that, while it is being quiesced, uses others one last time: a handler that finishes and
/// queues work, a flush that needs a buffer.
#[derive(Debug, Clone)]
struct Thing {
    uses: Vec<usize>,
}

/// What happened to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    AtWork,
    Quiet,
    Freed,
}

/// A set of things being taken down by some teardown, with what went wrong.
#[derive(Debug)]
struct Yard {
    things: Vec<Thing>,
    lives: Vec<Life>,
    used_after_free: Vec<(usize, usize)>,
    freed_at_work: Vec<usize>,
    order: Vec<(usize, Life)>,
}

impl Yard {
    fn new(things: Vec<Thing>) -> Self {
        let lives = vec![Life::AtWork; things.len()];
        Self { things, lives, used_after_free: vec![], freed_at_work: vec![], order: vec![] }
    }

    fn last(&self, life: impl Fn(Life) -> bool) -> Option<usize> {
        self.lives.iter().rposition(|l| life(*l))
    }

    fn is_sound(&self) -> bool {
        self.used_after_free.is_empty() && self.freed_at_work.is_empty()
    }
}

impl Teardown for Yard {
    fn quiesce_last(&mut self) -> bool {
        let Some(i) = self.last(|life| life == Life::AtWork) else { return false };
        for used in &self.things[i].uses {
            if self.lives[*used] == Life::Freed {
                self.used_after_free.push((i, *used));
            }
        }
        self.lives[i] = Life::Quiet;
        self.order.push((i, Life::Quiet));
        true
    }

    fn free_last(&mut self) -> bool {
        let Some(i) = self.last(|life| life != Life::Freed) else { return false };
        if self.lives[i] == Life::AtWork {
            self.freed_at_work.push(i);
        }
        self.lives[i] = Life::Freed;
        self.order.push((i, Life::Freed));
        true
    }
}

/// Any number of things, each using any others, earlier or later.
fn things() -> impl Strategy<Value = Vec<Thing>> {
    (1usize..24).prop_flat_map(|count| {
        let uses = prop::collection::vec(0..count, 0..4);
        prop::collection::vec(uses.prop_map(|uses| Thing { uses }), count)
    })
}

#[test]
fn l16_the_naive_teardown_reads_freed_memory() {
    // An interrupt, registered first, whose last run queues work that was registered after it.
    let things = vec![Thing { uses: vec![1] }, Thing { uses: vec![] }];
    let mut naive = Yard::new(things.clone());
    one_pass(&mut naive);
    assert_eq!(naive.used_after_free, [(0, 1)], "the test cannot see the mistake it is about");
    let mut ours = Yard::new(things);
    two_pass(&mut ours);
    assert!(ours.is_sound());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(2_000)))]

    #[test]
    fn l16_property_two_passes_are_sound_whatever_uses_whatever(things in things()) {
        let mut yard = Yard::new(things);
        two_pass(&mut yard);
        prop_assert!(yard.is_sound(), "{yard:?}");
        let count = yard.things.len();
        let reverse = |life| (0..count).rev().map(move |i| (i, life));
        let expected: Vec<_> = reverse(Life::Quiet).chain(reverse(Life::Freed)).collect();
        prop_assert_eq!(yard.order, expected);
    }

    #[test]
    fn l16_property_the_naive_teardown_is_caught_as_soon_as_something_uses_a_later_thing(things in things()) {
        let forward = things.iter().enumerate().any(|(i, thing)| thing.uses.iter().any(|used| *used > i));
        let mut yard = Yard::new(things);
        one_pass(&mut yard);
        prop_assert_eq!(yard.is_sound(), !forward);
    }
}
