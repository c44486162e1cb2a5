//! The lifecycle against its reference model, over a million races of a removal with something else.
//!
//! A failure prints the shortest sequence found and the command that replays it:
//! `NOVA_MACHINE_SEED=<seed> cargo test --release -p nova-tests --test machine`.
//!
//! Mistakes that were planted in the lifecycle, and after how many sequences each was caught:
//!
//! | mistake | sequences |
//! |---|---|
//! | suspend does not close the gate | 15 |
//! | the generation of a ticket is not looked at | 1 |
//! | a loss is not told to the children | 41 |
//! | teardown in one pass | 1 |
//! | undone first to last | 1 |
//! | waiters are not woken by a removal | 1162 |
//! | parked entries are not replayed | 15 |
//! | `Lose` is legal from `Removed` | 3 |
//! | a removal that gives up counts as done | 1 |
//! | the first child goes first | 26 |
//! | a removal does not ask the parent whether the device is gone | 61 |
//! | a parent wakes children that slept before | 144 |
//! | a request for removal lives on in the next binding | 6 |
//! | a device that sleeps is talked to when it is removed | 6 |
//! | a callback that finds the device gone does not lose it | 11 |
//! | a loss during probe goes unnoticed | 16 |
//! | a child wakes up under a parent that sleeps | 50 |
//! | a suspend that fails does not wake the steps that slept | 187 |

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nova_tests::machine::{Beat, Call, Command, HUB, PARTS, Seen, Step, run};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Threads, each with worlds of its own: the two cores of a small machine.
const THREADS: u64 = 2;

#[test]
fn a_million_races_end_as_the_model_says() {
    if let Some(seed) = std::env::var("NOVA_MACHINE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let seen = try_seed(&sequence(), seed).unwrap_or_else(|wrong| panic!("{wrong}"));
        return println!("seed {seed}: {seen:?}");
    }
    let full = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
    let goal = u64::from(nova_tests::cases(full));
    let started = Instant::now();
    let stop = &AtomicBool::new(false);
    let mut all = Seen::default();
    let mut sequences = 0;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || share(thread, goal / THREADS, stop))).collect();
        for thread in threads {
            let (seen, count) = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.add(seen);
            sequences += count;
        }
    });
    let races = all.races;
    let seconds = started.elapsed().as_secs_f64();
    println!("machine: races {races} | sequences {sequences} | seed {FIRST} | seconds {seconds:.1}");
    println!("{all:?}");
    assert!(races >= goal);
}

/// The first seed; each thread has 2^32 of them.
const FIRST: u64 = 1;

/// Runs sequences until there were so many races. The same sequences every time.
fn share(thread: u64, goal: u64, stop: &AtomicBool) -> (Seen, u64) {
    let strategy = sequence();
    let mut all = Seen::default();
    let mut count = 0;
    while all.races <= goal && !stop.load(Ordering::Relaxed) {
        match try_seed(&strategy, FIRST + (thread << 32) + count) {
            Ok(seen) => all.add(seen),
            Err(wrong) => {
                stop.store(true, Ordering::Relaxed);
                panic!("after {count} sequences and {} races: {wrong}", all.races);
            }
        }
        count += 1;
    }
    (all, count)
}

/// Makes the sequence of `seed`, runs it, and shrinks it if it goes wrong. The error is what went wrong in
/// the shortest sequence found, and how to see it again.
fn try_seed(strategy: &impl Strategy<Value = Vec<Beat>>, seed: u64) -> Result<Seen, String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tree = strategy.new_tree(&mut runner).map_err(|reason| reason.to_string())?;
    let seen = Cell::new(Seen::default());
    let result = runner.run_one(tree, |beats| {
        seen.set(run(seed, &beats).map_err(TestCaseError::fail)?);
        Ok(())
    });
    result.map(|_| seen.get()).map_err(|error| {
        format!(
            "{error}\nreplay with NOVA_MACHINE_SEED={seed} cargo test --release -p nova-tests --test machine"
        )
    })
}

/// Any sequence.
fn sequence() -> impl Strategy<Value = Vec<Beat>> {
    let beat = (command(), vec((0..3_000_u16, command()), 0..4));
    vec(beat.prop_map(|(command, posted)| Beat { command, posted }), 1..60)
}

fn command() -> impl Strategy<Value = Command> {
    let call = (part(), 0..3_usize, any::<bool>(), any::<u8>(), vec(simple(), 0..3));
    let call = call.prop_map(|(part, session, queue, request, meanwhile)| {
        Command::Call(Call { part, session, queue, request: request > 200, meanwhile })
    });
    prop_oneof![8 => simple(), 2 => call]
}

fn part() -> impl Strategy<Value = usize> {
    0..PARTS
}

fn leaf() -> impl Strategy<Value = usize> {
    HUB + 1..PARTS
}

/// Everything but calls in which something else happens.
fn simple() -> impl Strategy<Value = Command> {
    let step = prop_oneof![
        Just(Step::Attach),
        (0..2_u8).prop_map(Step::Up),
        (0..2_u8).prop_map(Step::Down),
        (0..2_u8).prop_map(Step::Sleep),
        (0..2_u8).prop_map(Step::Wake),
    ];
    prop_oneof![
        9 => Just(Command::Probe(HUB)),
        6 => leaf().prop_map(Command::Probe),
        1 => leaf().prop_map(Command::Join),
        1 => leaf().prop_map(Command::LetGo),
        24 => (part(), prop_oneof![Just(0), Just(1_000), Just(9_000)])
            .prop_map(|(part, limit)| Command::Remove(part, limit)),
        3 => part().prop_map(Command::RemoveIfRequested),
        3 => part().prop_map(Command::Suspend),
        4 => part().prop_map(Command::Resume),
        1 => part().prop_map(Command::Lose),
        1 => Just(Command::Unplug),
        1 => Just(Command::Replug),
        2 => (part(), step).prop_map(|(part, step)| Command::Fail(part, step)),
        4 => part().prop_map(Command::Open),
        1 => (part(), 0..3_usize).prop_map(|(part, session)| Command::Wait(part, session)),
        1 => Just(Command::Rest),
    ]
}
