//! Gates: what an entry costs, alone and with a reader on every core, and what a drain costs.
//!
//! An entry is in, one register read from memory, out. The peers are what a driver would otherwise keep a
//! resource alive with: epochs, hazard slots, locks, reference counts. The goal: ours on std takes at most
//! 0.6 of the time of the best crate.
//!
//! `-- --sizes` prints the bytes of a gate.

mod suite;
#[path = "suite/window.rs"]
mod window;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, RwLock, Weak};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use nova_backends::gate::{AsymmetricGate, Fences, Process, Rows, SLOTS, ThreadPlace, mode};
use nova_backends::mmio::Mmio;
use nova_core::bus::Io;
use nova_core::lifecycle::{CounterGate, Gate, ShardedGate};
use nova_core::regs::ptimer::NV_PTIMER_TIME_0;
use suite::{Case, timed};

/// Threads in the cases with a reader on every core.
const READERS: usize = 2;

type Counter<const N: usize> = CounterGate<N>;
type Sharded<const N: usize> = ShardedGate<ThreadPlace, 4, N>;
type Barriers<const N: usize> = AsymmetricGate<N>;
type Fenced<const N: usize> = AsymmetricGate<N, Fences>;

/// Something that keeps a register window usable while one reads.
trait Guarded: Sync {
    fn new() -> Self;
    /// One entry, through a lane where there are lanes.
    fn read(&self, lane: usize);
}

#[inline(always)]
fn read(window: &Mmio) {
    let Ok(value) = Io::new(window).read(NV_PTIMER_TIME_0);
    black_box(value.get());
}

/// Nothing guards it: what is left of an entry when the gate is taken away.
struct Bound(Mmio);

impl Guarded for Bound {
    fn new() -> Self {
        Self(window::mapped())
    }
    #[inline(always)]
    fn read(&self, _lane: usize) {
        read(&self.0);
    }
}

struct Gated<G> {
    gate: G,
    window: Mmio,
}

impl<G: Gate> Guarded for Gated<G> {
    fn new() -> Self {
        let gate = G::NEW;
        gate.open();
        Self { gate, window: window::mapped() }
    }
    #[inline(always)]
    fn read(&self, lane: usize) {
        if let Some(pass) = self.gate.enter(lane) {
            read(&self.window);
            self.gate.leave(lane, pass);
        }
    }
}

struct Crossbeam(Mmio);

impl Guarded for Crossbeam {
    fn new() -> Self {
        Self(window::mapped())
    }
    #[inline(always)]
    fn read(&self, _lane: usize) {
        let _guard = crossbeam_epoch::pin();
        read(&self.0);
    }
}

struct Swapped(ArcSwap<Mmio>);

impl Guarded for Swapped {
    fn new() -> Self {
        Self(ArcSwap::from_pointee(window::mapped()))
    }
    #[inline(always)]
    fn read(&self, _lane: usize) {
        read(&self.0.load());
    }
}

struct Seize(seize::Collector, Mmio);

impl Guarded for Seize {
    fn new() -> Self {
        Self(seize::Collector::new(), window::mapped())
    }
    #[inline(always)]
    fn read(&self, _lane: usize) {
        let _guard = self.0.enter();
        read(&self.1);
    }
}

struct Sdd(Mmio);

impl Guarded for Sdd {
    fn new() -> Self {
        Self(window::mapped())
    }
    #[inline(always)]
    fn read(&self, _lane: usize) {
        let _guard = sdd::Guard::new();
        read(&self.0);
    }
}

impl Guarded for RwLock<Mmio> {
    fn new() -> Self {
        Self::new(window::mapped())
    }
    #[inline(always)]
    fn read(&self, _lane: usize) {
        read(&Self::read(self).expect("nobody panics"));
    }
}

impl Guarded for parking_lot::RwLock<Mmio> {
    fn new() -> Self {
        Self::new(window::mapped())
    }
    #[inline(always)]
    fn read(&self, _lane: usize) {
        read(&Self::read(self));
    }
}

impl Guarded for Mutex<Mmio> {
    fn new() -> Self {
        Self::new(window::mapped())
    }
    #[inline(always)]
    fn read(&self, _lane: usize) {
        read(&self.lock().expect("nobody panics"));
    }
}

/// What keeps the window, and what a user has.
struct Counted(#[expect(dead_code, reason = "keeps it")] Arc<Mmio>, Weak<Mmio>);

impl Guarded for Counted {
    fn new() -> Self {
        let strong = Arc::new(window::mapped());
        let weak = Arc::downgrade(&strong);
        Self(strong, weak)
    }
    #[inline(always)]
    fn read(&self, _lane: usize) {
        read(&self.1.upgrade().expect("there is another"));
    }
}

/// Alone.
fn entry<T: Guarded>(n: u64) -> Duration {
    let guarded = Box::new(T::new());
    let (guarded, lane) = (black_box(&*guarded), black_box(3));
    // What the first entry of a thread does besides is not an entry's cost.
    guarded.read(lane);
    timed(n, || guarded.read(lane))
}

/// On every core at once, all through the same object; the time of the slower.
fn readers<T: Guarded>(n: u64) -> Duration {
    let guarded = Box::new(T::new());
    let start = Barrier::new(READERS);
    thread::scope(|scope| {
        let reader = || {
            let (guarded, lane) = (black_box(&*guarded), black_box(3));
            guarded.read(lane);
            start.wait();
            timed(n, || guarded.read(lane))
        };
        let others: Vec<_> = (1..READERS).map(|_| scope.spawn(reader)).collect();
        let mine = reader();
        others.into_iter().map(|other| other.join().expect("no panic")).fold(mine, Duration::max)
    })
}

/// Has `f` run while another thread of the process does, so that a barrier has somebody to go to.
fn in_company(f: impl FnOnce() -> Duration) -> Duration {
    let (stop, begun) = (AtomicBool::new(false), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            begun.wait();
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        begun.wait();
        let took = f();
        stop.store(true, Ordering::Relaxed);
        took
    })
}

/// Open, close, and see that nobody is inside.
fn drain<G: Gate>(n: u64) -> Duration {
    let gate = Box::new(G::NEW);
    in_company(|| {
        timed(n, || {
            gate.open();
            gate.close();
            assert_eq!(black_box(&*gate).busy(0), None);
        })
    })
}

/// The same while the process has one thread.
fn drain_alone<G: Gate>(n: u64) -> Duration {
    let gate = Box::new(G::NEW);
    timed(n, || {
        gate.open();
        gate.close();
        assert_eq!(black_box(&*gate).busy(0), None);
    })
}

/// As if as many threads as there are rows had been there.
fn drain_all_rows(n: u64) -> Duration {
    let rows = Box::new(Rows::<Process, 64, 16>::new());
    in_company(|| {
        timed(n, || {
            rows.open();
            rows.close();
            assert_eq!(black_box(&*rows).busy(0, || SLOTS), None);
        })
    })
}

/// An entry at a gate that is closed.
fn refused<G: Gate>(n: u64) -> Duration {
    let gate = Box::new(G::NEW);
    timed(n, || {
        black_box(black_box(&*gate).enter(3).is_some());
    })
}

macro_rules! compared {
    ($group:literal, $run:ident, $counted:expr) => {
        [
            Case::new(concat!($group, "/AsymmetricGate"), $run::<Gated<Barriers<16>>>).counted($counted),
            against_ours!($group, "/bound borrow", $run::<Bound>, $counted),
            against_ours!($group, "/AsymmetricGate, fences", $run::<Gated<Fenced<16>>>, $counted),
            against_ours!($group, "/ShardedGate", $run::<Gated<Sharded<16>>>, $counted),
            against_ours!($group, "/CounterGate", $run::<Gated<Counter<16>>>, $counted),
            against_ours!($group, "/seize enter", $run::<Seize>, $counted),
            against_ours!($group, "/crossbeam-epoch pin", $run::<Crossbeam>, $counted),
            against_ours!($group, "/sdd guard", $run::<Sdd>, $counted),
            against_ours!($group, "/arc-swap load", $run::<Swapped>, $counted),
            against_ours!($group, "/Weak upgrade", $run::<Counted>, $counted),
            against_ours!($group, "/std RwLock read", $run::<RwLock<Mmio>>, $counted),
            against_ours!($group, "/parking_lot RwLock read", $run::<parking_lot::RwLock<Mmio>>, $counted),
            against_ours!($group, "/std Mutex", $run::<Mutex<Mmio>>, $counted),
        ]
    };
}

macro_rules! against_ours {
    ($group:literal, $name:literal, $run:expr, $counted:expr) => {
        Case::new(concat!($group, $name), $run).against(concat!($group, "/AsymmetricGate")).counted($counted)
    };
}

const DRAINS: [Case; 16] = [
    Case::new("drain/CounterGate, 1 lane", drain::<Counter<1>>).counted(0),
    Case::new("drain/CounterGate, 16 lanes", drain::<Counter<16>>).counted(0),
    Case::new("drain/CounterGate, 64 lanes", drain::<Counter<64>>).counted(0),
    Case::new("drain/ShardedGate of 4, 1 lane", drain::<Sharded<1>>).counted(0),
    Case::new("drain/ShardedGate of 4, 16 lanes", drain::<Sharded<16>>).counted(0),
    Case::new("drain/ShardedGate of 4, 64 lanes", drain::<Sharded<64>>).counted(0),
    Case::new("drain/AsymmetricGate, 1 lane", drain::<Barriers<1>>).counted(0),
    Case::new("drain/AsymmetricGate, 16 lanes", drain::<Barriers<16>>).counted(0),
    Case::new("drain/AsymmetricGate, 64 lanes", drain::<Barriers<64>>).counted(0),
    Case::new("drain/AsymmetricGate, 16 lanes, all 64 rows", drain_all_rows).counted(0),
    Case::new("drain/AsymmetricGate, 16 lanes, one thread", drain_alone::<Barriers<16>>).counted(0),
    Case::new("drain/AsymmetricGate, fences, 1 lane", drain::<Fenced<1>>).counted(0),
    Case::new("drain/AsymmetricGate, fences, 16 lanes", drain::<Fenced<16>>).counted(0),
    Case::new("drain/AsymmetricGate, fences, 64 lanes", drain::<Fenced<64>>).counted(0),
    Case::new("refused/CounterGate", refused::<Counter<16>>),
    Case::new("refused/AsymmetricGate", refused::<Barriers<16>>),
];

fn sizes() {
    macro_rules! row {
        ($name:literal, $gate:ident) => {
            println!(
                "| {} | {} | {} | {} |",
                $name,
                size_of::<$gate<1>>(),
                size_of::<$gate<16>>(),
                size_of::<$gate<64>>()
            );
        };
    }
    println!("| bytes of a gate | 1 lane | 16 lanes | 64 lanes |\n|---|---|---|---|");
    row!("CounterGate", Counter);
    row!("ShardedGate of 4", Sharded);
    row!("AsymmetricGate", Barriers);
}

fn main() {
    if std::env::args().any(|argument| argument == "--sizes") {
        return sizes();
    }
    eprintln!("barriers: {}", mode());
    let entries = compared!("entry", entry, 1_000);
    let readers = compared!("readers", readers, 0);
    suite::main(&entries.into_iter().chain(readers).chain(DRAINS).collect::<Vec<_>>());
}
