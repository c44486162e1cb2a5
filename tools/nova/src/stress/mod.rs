//! The lifecycle under load: probe, use, remove at the worst moment, check, bind again.
//!
//! [`world`] does it on the deterministic scheduler, where the seed decides what runs when and repeats
//! it; [`threads`] does it with real threads, whose races nobody chooses. Both share what clients do
//! ([`client`]) and what is counted ([`tallies`]).

mod client;
pub(crate) mod hang;
mod tallies;
mod threads;
mod world;

pub(crate) use tallies::{Entry, Tallies};

use nova_sim_glue::Rng;
use nova_sim_glue::gpu::SimConfig;

/// Which host a part of the run is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The deterministic scheduler.
    World,
    /// Real threads.
    Threads,
}

impl Part {
    /// The name on the command line and in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::Threads => "threads",
        }
    }
}

/// Bindings of one device in a round: often enough that sessions of the one before meet the next.
pub(crate) const BINDINGS: u32 = 4;

/// Runs rounds of `part` from number `first` on, while `more` says so; it is told how many are done.
///
/// `chip` gives the GPU of a round. A round of the world depends on nothing but its seed.
pub(crate) fn run(
    part: Part,
    seed: u64,
    first: u64,
    chip: impl Fn(u64) -> SimConfig,
    mut more: impl FnMut(u64) -> bool,
) -> Tallies {
    let tallies = std::sync::Arc::new(Tallies::default());
    let mut done = 0;
    while more(done) {
        let round = first + done;
        let seed = seed_of(seed, round);
        match part {
            Part::World => world::round(seed, round, chip(round), &tallies),
            Part::Threads => threads::round(seed, round, done == 0, chip(round), &tallies),
        }
        done += 1;
        tallies.rounds.add(1);
        if tallies.has_enough_violations() {
            break;
        }
    }
    std::sync::Arc::into_inner(tallies).unwrap_or_else(|| {
        // A callback or client that is still there after everything was dropped is a finding itself.
        let lost = Tallies::default();
        lost.violate(first + done, "something still holds the counters of the run");
        lost
    })
}

/// The seed of a round: far from those of its neighbours.
fn seed_of(seed: u64, round: u64) -> u64 {
    let mut rng = Rng::new(seed ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    rng.next()
}
