//! vfio-user against rust-vmm's crate: our server and theirs, our client and theirs, in one run.
//!
//! `cargo bench -p nova-tests --bench vfio_user` measures everything; `-- --round-trips`, `-- --syscalls`, `-- --bar1`
//! and `-- --idle` one thing. `docs/performance.md` is made of these.
//!
//! All four pairs read the same register in turns, some reads each, so that whatever else the machine does meets all of them.
//! Every round has its own median and 99th percentile, and a ratio is the median of the rounds' ratios.

#[path = "vfio_user/idle.rs"]
mod idle;
#[path = "vfio_user/mapped.rs"]
mod mapped;
#[path = "vfio_user/peers.rs"]
mod peers;
#[path = "vfio_user/syscalls.rs"]
mod syscalls;

use std::time::{Duration, Instant};

use peers::{Pair, Side};

/// Rounds, and reads of each pair in one and in a turn.
const ROUNDS: usize = 41;
const READS: usize = 4000;
const TURN: usize = 50;

/// Which pairs, and in this order.
const PAIRS: [(Side, Side); 4] = [
    (Side::RustVmm, Side::Nova),
    (Side::RustVmm, Side::RustVmm),
    (Side::Nova, Side::Nova),
    (Side::Nova, Side::RustVmm),
];
/// What is compared: a row, and the one it is held against.
const COMPARED: [(&str, usize, usize); 4] = [
    ("server, under rust-vmm's client", 0, 1),
    ("server, under our client", 2, 3),
    ("client, on our server", 2, 0),
    ("client, on rust-vmm's server", 3, 1),
];
const COLUMNS: [(&str, usize); 4] = [("fastest", 0), ("median", 500), ("99 %", 990), ("99.9 %", 999)];

/// What one round of one pair gave, by column, in us.
type Round = [f64; COLUMNS.len()];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).filter(|word| *word != "--bench").collect();
    // Without `--bench`, as `cargo test` calls it, once is enough to see that it runs.
    let long = words.len() < arguments.len();
    match words.as_slice() {
        [] => {
            round_trips(if long { ROUNDS } else { 1 });
            mapped::report(long);
            idle::report(long);
            if long {
                syscalls::report();
            }
        }
        ["--round-trips"] => round_trips(ROUNDS),
        ["--bar1"] => mapped::report(true),
        ["--idle"] => idle::report(true),
        ["--syscalls"] => syscalls::report(),
        // What `syscalls` starts under strace.
        ["--run", client, server, reads] => {
            let mut pair = Pair::new(Side::named(client), Side::named(server));
            for _ in 0..reads.parse().expect("a number of reads") {
                pair.read();
            }
        }
        other => panic!("no such arguments: {other:?}"),
    }
}

/// All pairs in turns.
fn round_trips(rounds: usize) {
    let mut pairs = PAIRS.map(|(client, server)| Pair::new(client, server));
    let mut found: [Vec<Round>; PAIRS.len()] = Default::default();
    for _ in 0..rounds {
        let mut samples = [const { Vec::new() }; PAIRS.len()];
        for _ in 0..READS / TURN {
            for (pair, samples) in pairs.iter_mut().zip(&mut samples) {
                turn(pair, samples);
            }
        }
        for (found, samples) in found.iter_mut().zip(&mut samples) {
            samples.sort_unstable();
            found.push(COLUMNS.map(|(_, per_mille)| at(samples, per_mille)));
        }
    }
    print(&found, rounds);
}

fn turn(pair: &mut Pair, into: &mut Vec<Duration>) {
    // The first read after others had their turn meets cold caches and a sleeping server on either side.
    pair.read();
    for _ in 0..TURN {
        let begin = Instant::now();
        pair.read();
        into.push(begin.elapsed());
    }
}

fn print(found: &[Vec<Round>; PAIRS.len()], rounds: usize) {
    let middle = |pair: usize, column: usize| median(found[pair].iter().map(|round| round[column]));
    println!("Round trip of a 4-byte read of BAR0, {rounds} rounds of {READS} reads of each pair, in us:\n");
    println!("| client | server | fastest | median | 99 % | 99.9 % |\n|---|---|---|---|---|---|");
    for (pair, (client, server)) in PAIRS.iter().enumerate() {
        let cells = cells(|column| format!("{:.1}", middle(pair, column)));
        println!("| {} | {} | {cells} |", client.name(), server.name());
    }
    println!("\nOurs by theirs, the median of the rounds' ratios:\n");
    println!("| ours by theirs | fastest | median | 99 % | 99.9 % |\n|---|---|---|---|---|");
    for (name, ours, theirs) in COMPARED {
        let ratio = |column: usize| {
            median(found[ours].iter().zip(&found[theirs]).map(|(ours, theirs)| ours[column] / theirs[column]))
        };
        println!("| {name} | {} |", cells(|column| format!("{:.2}", ratio(column))));
    }
    println!();
}

fn cells(cell: impl FnMut(usize) -> String) -> String {
    (0..COLUMNS.len()).map(cell).collect::<Vec<_>>().join(" | ")
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn at(sorted: &[Duration], per_mille: usize) -> f64 {
    let place = (sorted.len() * per_mille / 1000).min(sorted.len().saturating_sub(1));
    sorted[place].as_secs_f64() * 1e6
}
