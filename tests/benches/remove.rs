//! Remove: by the number of entries, and by what readers do meanwhile; and how large things are.
//!
//! The peers revoke one resource at a time, as `Revocable` does: each has a lock or a pointer of its own, and each is
//! taken away by itself. `-- --sizes` prints bytes.

mod suite;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use nova_backends::gate::AsymmetricGate;
use nova_core::hal::Nanos;
use nova_core::lifecycle::{Bound, CounterGate, Device, Outside, Session};
use nova_tests::idle::{Counters, Gates, IdleHost, Many, Silence};
use suite::Case;

/// Gates with membarrier.
enum Asymmetric {}

impl Gates for Asymmetric {
    type Gate<const N: usize> = AsymmetricGate<N>;
}

type Subject<G, const N: usize, const CAPACITY: usize> = Device<Many<G, N>, CAPACITY>;

/// On a thread with room for a large device, which is made on the stack.
fn on_a_large_stack(f: impl FnOnce() -> Duration + Send) -> Duration {
    std::thread::scope(|scope| {
        let large = std::thread::Builder::new().stack_size(256 << 20);
        large.spawn_scoped(scope, f).expect("a thread").join().expect("no panic")
    })
}

/// Removes a device with `N` entries `n` times; binding it is not counted.
fn entries<G: Gates, const N: usize, const CAPACITY: usize>(n: u64) -> Duration {
    on_a_large_stack(|| {
        let device = Arc::new(Subject::<G, N, CAPACITY>::new());
        let outside = &mut Outside::new();
        let mut took = Duration::ZERO;
        for _ in 0..n {
            device.probe(outside, device.clone(), IdleHost::new(), Silence).expect("binds");
            let start = Instant::now();
            black_box(device.remove(outside)).expect("is removed");
            took += start.elapsed();
        }
        took
    })
}

/// Removes a device while a thread calls it all the time.
fn busy<G: Gates>(n: u64) -> Duration {
    let device = Arc::new(Subject::<G, 15, 16>::new());
    let outside = &mut Outside::new();
    let mut took = Duration::ZERO;
    for _ in 0..n {
        device.probe(outside, device.clone(), IdleHost::new(), Silence).expect("binds");
        let client = Session::open(device.clone(), &Many::<G, 15>::CLIENT).expect("opens");
        let running = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let outside = &mut Outside::new();
                let call = |cx: &Bound<'_, Many<G, 15>>| {
                    black_box(cx.data());
                    Ok(())
                };
                while client.call(outside, call).is_ok() {
                    running.store(true, Ordering::Relaxed);
                }
            });
            while !running.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            let start = Instant::now();
            black_box(device.remove(outside)).expect("is removed");
            took += start.elapsed();
        });
    }
    took
}

/// Asks a device to go with somebody inside: how long the answer takes that names who it is.
fn stuck<G: Gates>(n: u64) -> Duration {
    let device = Arc::new(Subject::<G, 15, 16>::new());
    let outside = &mut Outside::new();
    device.probe(outside, device.clone(), IdleHost::new(), Silence).expect("binds");
    let client = Session::open(device.clone(), &Many::<G, 15>::CLIENT).expect("opens");
    let took = client.call(outside, |_| {
        Ok(suite::timed(n, || {
            black_box(device.remove_within(&mut Outside::new(), Nanos::ZERO))
                .expect_err("somebody is inside");
        }))
    });
    device.remove(outside).expect("is removed");
    took.expect("was let in")
}

/// Revokes `N` resources, each behind a lock of its own.
fn locks<const N: usize>(n: u64) -> Duration {
    let resources: Vec<_> = (0..N).map(|_| Arc::new(RwLock::new(Some(Box::new(0_u64))))).collect();
    let mut took = Duration::ZERO;
    for _ in 0..n {
        let start = Instant::now();
        for resource in &resources {
            drop(resource.write().expect("no panic").take());
        }
        took += start.elapsed();
        for resource in &resources {
            *resource.write().expect("no panic") = Some(Box::new(0));
        }
    }
    took
}

/// Revokes `N` resources, each behind an `ArcSwap` of its own.
fn swaps<const N: usize>(n: u64) -> Duration {
    let resources: Vec<_> = (0..N).map(|_| ArcSwapOption::from_pointee(0_u64)).collect();
    let mut took = Duration::ZERO;
    for _ in 0..n {
        let start = Instant::now();
        for resource in &resources {
            drop(resource.swap(None));
        }
        took += start.elapsed();
        for resource in &resources {
            resource.store(Some(Arc::new(0)));
        }
    }
    took
}

fn sizes() {
    let of = |what: &str, bytes: usize| println!("{bytes:>8}  {what}");
    of("Device with 16 entries, counter gate", size_of::<Subject<Counters, 15, 16>>());
    of("Device with 32 entries, counter gate", size_of::<Subject<Counters, 31, 32>>());
    let per_entry = size_of::<Subject<Counters, 31, 32>>() - size_of::<Subject<Counters, 15, 16>>();
    of("of these, per entry", per_entry / 16);
    of("Device with 16 entries, asymmetric gate", size_of::<Subject<Asymmetric, 15, 16>>());
    of("CounterGate with 16 lanes", size_of::<CounterGate<16>>());
    of("AsymmetricGate with 16 lanes", size_of::<AsymmetricGate<16>>());
    of("Session, whose handle is an Arc", size_of::<Session<Arc<Subject<Counters, 15, 16>>>>());
}

const CASES: &[Case] = &[
    Case::new("entries/1, one resource behind an RwLock", locks::<1>).counted(0),
    Case::new("entries/64 resources behind RwLocks", locks::<64>).counted(0),
    Case::new("entries/4096 resources behind RwLocks", locks::<4096>).counted(0),
    Case::new("entries/64 resources behind ArcSwaps", swaps::<64>)
        .against("entries/64 resources behind RwLocks")
        .counted(0),
    Case::new("entries/4096 resources behind ArcSwaps", swaps::<4096>)
        .against("entries/4096 resources behind RwLocks")
        .counted(0),
    Case::new("entries/1 entry, counter gate", entries::<Counters, 1, 2>).counted(0),
    Case::new("entries/64 entries, counter gate", entries::<Counters, 64, 65>)
        .against("entries/1 entry, counter gate")
        .counted(0),
    Case::new("entries/4096 entries, counter gate", entries::<Counters, 4096, 4097>)
        .against("entries/1 entry, counter gate")
        .counted(0),
    Case::new("entries/1 entry, asymmetric gate", entries::<Asymmetric, 1, 2>).counted(0),
    Case::new("entries/64 entries, asymmetric gate", entries::<Asymmetric, 64, 65>)
        .against("entries/1 entry, asymmetric gate")
        .counted(0),
    Case::new("entries/4096 entries, asymmetric gate", entries::<Asymmetric, 4096, 4097>)
        .against("entries/1 entry, asymmetric gate")
        .counted(0),
    Case::new("readers/idle, counter gate", entries::<Counters, 15, 16>).counted(0),
    Case::new("readers/busy, counter gate", busy::<Counters>)
        .against("readers/idle, counter gate")
        .counted(0),
    Case::new("readers/stuck, the answer, counter gate", stuck::<Counters>)
        .against("readers/idle, counter gate")
        .counted(0),
    Case::new("readers/idle, asymmetric gate", entries::<Asymmetric, 15, 16>).counted(0),
    Case::new("readers/busy, asymmetric gate", busy::<Asymmetric>)
        .against("readers/idle, asymmetric gate")
        .counted(0),
    Case::new("readers/stuck, the answer, asymmetric gate", stuck::<Asymmetric>)
        .against("readers/idle, asymmetric gate")
        .counted(0),
];

fn main() {
    if std::env::args().any(|argument| argument == "--sizes") {
        return sizes();
    }
    suite::main(CASES);
}
