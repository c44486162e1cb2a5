//! Lifecycles: whole ones in the deterministic world, what the gate costs at an entry, and how long a removal takes.
//!
//! The goal is 20 thousand full lifecycles (probe, 100 operations, remove) per second in the deterministic world.

#[path = "suite/removals.rs"]
mod removals;
mod suite;
#[path = "suite/window.rs"]
mod window;

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use nova_backends::mmio::Mmio;
use nova_core::Error;
use nova_core::bus::Io;
use nova_core::chip::Chipset;
use nova_core::driver::Gpu;
use nova_core::hal::{Callback, Nanos};
use nova_core::lifecycle::{
    Bound, BusOf, Device, Driver, Outside, Probing, Session, SessionEntry, Token, WorkEntry, stage,
};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_core::regs::ptimer::NV_PTIMER_TIME_0;
use nova_sim_glue::Handle;
use nova_sim_glue::gpu::SimConfig;
use nova_sim_glue::world::WorldConfig;
use nova_tests::bench::{Bench, Client};
use nova_tests::idle::IdleHost;
use nova_tests::toy::{self, Plan};
use nova_tests::toybench::ToyBench;
use suite::{Case, timed};

/// Operations in a lifecycle.
const OPERATIONS: u64 = 100;

/// Whole lifecycles of the GPU driver, with `operation` done a hundred times in each.
fn gpu(chipset: Chipset, n: u64, operation: impl Fn(&Client, &mut Outside, u64)) -> Duration {
    let bench = Bench::new(1, chipset);
    let outside = &mut Outside::new();
    let took = timed(n, || {
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        for number in 0..OPERATIONS {
            operation(&client, outside, number);
        }
        bench.device.remove(outside).expect("is removed");
    });
    bench.world.check();
    assert_eq!(bench.world.live_registrations(), 0);
    took
}

/// An operation: one call through the gate that reads one register.
fn read(client: &Client, outside: &mut Outside, _number: u64) {
    let read = client.call(outside, |cx| Gpu::io(cx).read(NV_PMC_BOOT_0));
    black_box(read).expect("the device is there");
}

/// An operation: one call through the gate that reads the time, three accesses.
fn time(client: &Client, outside: &mut Outside, _number: u64) {
    black_box(client.call(outside, Gpu::time)).expect("the device is there");
}

/// An operation of ten kinds in turns: register reads, times, an alarm set and taken back, an interrupt that the
/// GPU is made to raise and that comes back through the whole interrupt path to a work item.
fn mixed(client: &Client, outside: &mut Outside, number: u64) {
    match number % 10 {
        0 => client.call(outside, |cx| {
            let id = Gpu::schedule(cx, Gpu::time(cx)? + 1_000_000)?;
            Gpu::cancel(cx, id).map(drop)
        }),
        5 => client.call(outside, Gpu::trigger),
        2 | 4 | 6 | 8 => client.call(outside, |cx| Gpu::time(cx).map(drop)),
        _ => client.call(outside, |cx| Gpu::io(cx).read(NV_PMC_BOOT_0).map(drop)),
    }
    .expect("the device is there");
}

/// Starts the load: work that queues itself again, reads the time, and raises an interrupt every fourth time.
fn load(client: &Client, outside: &mut Outside) {
    let started = client.call(outside, |cx| {
        Gpu::set_load(cx, true);
        Ok(())
    });
    started.expect("the device is there");
}

/// Whole lifecycles of the GPU driver in which the scheduler is told a hundred times to run what is ready: a callback of
/// the load, and whatever comes on top of it.
fn gpu_callbacks(n: u64) -> Duration {
    let bench = Bench::new(1, Chipset::GA102);
    let outside = &mut Outside::new();
    let took = timed(n, || {
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        load(&client, outside);
        for _ in 0..OPERATIONS {
            assert!(bench.world.step(), "the load goes on");
        }
        bench.device.remove(outside).expect("is removed");
    });
    bench.world.check();
    took
}

/// Probe and remove, and nothing in between.
fn bind_and_remove(n: u64) -> Duration {
    let bench = Bench::new(1, Chipset::GA102);
    timed(n, || {
        bench.probe().expect("binds");
        bench.device.remove(&mut Outside::new()).expect("is removed");
    })
}

/// Whole lifecycles of the toy: probe, a hundred session calls with a register read each, remove.
fn toy(n: u64) -> Duration {
    let bench = ToyBench::new(1, Plan::default());
    let outside = &mut Outside::new();
    timed(n, || {
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        for _ in 0..OPERATIONS {
            let read = client.call(outside, |cx| {
                let Ok(value) = cx.io().read(NV_PMC_BOOT_0);
                Ok(value.get())
            });
            black_box(read).expect("the device is there");
        }
        bench.device.remove(outside).expect("is removed");
        // What the toy has written down would grow for ever.
        black_box(toy::read());
    })
}

/// A driver that does nothing, on mapped memory and an idle host.
struct Empty;

type EmptyDevice = Device<Empty, 16>;

impl Empty {
    const WORK: WorkEntry<Self> = WorkEntry::new(0, "work", |cx| {
        black_box(Self::read(cx));
        Ok(())
    });
    const CLIENT: SessionEntry<Self> = SessionEntry::new(1, "client");

    #[inline(always)]
    fn read<S: stage::Live>(cx: &Token<'_, Self, S>) -> u32 {
        let Ok(value) = cx.io().read(NV_PTIMER_TIME_0);
        value.get()
    }
}

impl Driver for Empty {
    type Host = IdleHost<Mmio>;
    type Error = Error;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &Self::Host) -> Result<Self, Error> {
        Ok(Self)
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), Error> {
        cx.work(&Self::WORK)?;
        cx.sessions(&Self::CLIENT)
    }
}

/// The empty driver, bound; and how its host would call it.
fn bound() -> (Arc<EmptyDevice>, Callback<Handle>) {
    let device = Arc::new(EmptyDevice::new());
    let host = IdleHost::<Mmio>::new();
    let bus = window::mapped();
    device.probe(&mut Outside::new(), device.clone(), host.clone(), bus).expect("binds");
    let callback = host.last();
    (device, callback)
}

/// Through `Device::enter`, as a host calls a work item: gate, table of entries, handler, one register read, out.
fn through_enter(n: u64) -> Duration {
    let (device, callback) = bound();
    let took = timed(n, || {
        black_box(callback.call());
    });
    device.remove(&mut Outside::new()).expect("is removed");
    took
}

/// Through a session's call: the same without the handler's indirect call.
fn through_session(n: u64) -> Duration {
    let (device, _callback) = bound();
    let session = Session::open(device.clone(), &Empty::CLIENT).expect("opens");
    let outside = &mut Outside::new();
    let took = timed(n, || {
        let read = session.call(outside, |cx: &Bound<'_, Empty>| Ok(Empty::read(cx)));
        let _ = black_box(read);
    });
    device.remove(outside).expect("is removed");
    took
}

/// An entry that is refused, because the device has been removed.
fn refused(n: u64) -> Duration {
    let (device, callback) = bound();
    device.remove(&mut Outside::new()).expect("is removed");
    timed(n, || {
        black_box(callback.call());
    })
}

/// What a revocable resource guards in the peers: the window, there or not.
type Resource = Option<Mmio>;

fn resource() -> Resource {
    black_box(Some(window::mapped()))
}

/// A revoked resource has to be looked at, at each use.
#[inline(always)]
fn use_it(resource: &Resource) -> Option<u32> {
    let Ok(value) = Io::new(resource.as_ref()?).read(NV_PTIMER_TIME_0);
    Some(value.get())
}

/// Nothing guards it.
fn unguarded(n: u64) -> Duration {
    let resource = resource();
    timed(n, || {
        black_box(use_it(black_box(&resource)));
    })
}

/// The floor of every gate that counts: one atomic instruction in, one out.
fn atomic_pair(n: u64) -> Duration {
    let (count, resource) = (Arc::new(AtomicU32::new(0)), resource());
    timed(n, || {
        black_box(&count).fetch_add(1, Ordering::Acquire);
        black_box(use_it(&resource));
        count.fetch_sub(1, Ordering::Release);
    })
}

fn std_rwlock(n: u64) -> Duration {
    let lock = Arc::new(RwLock::new(resource()));
    timed(n, || {
        black_box(use_it(&black_box(&lock).read().expect("nobody panics")));
    })
}

fn parking_lot_rwlock(n: u64) -> Duration {
    let lock = Arc::new(parking_lot::RwLock::new(resource()));
    timed(n, || {
        black_box(use_it(&black_box(&lock).read()));
    })
}

fn std_mutex(n: u64) -> Duration {
    let lock = Arc::new(Mutex::new(resource()));
    timed(n, || {
        black_box(use_it(&black_box(&lock).lock().expect("nobody panics")));
    })
}

/// Times one part of something that is done `n` times: `f` gives the part's time.
fn timed_part(n: u64, f: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(f).take(usize::try_from(n).unwrap_or(usize::MAX)).sum()
}

/// Removal of the empty driver from an idle host: close, drain, two passes, drop.
fn remove_empty(n: u64) -> Duration {
    let device = Arc::new(EmptyDevice::new());
    let (outside, memory) = (&mut Outside::new(), window::memory());
    timed_part(n, || {
        // SAFETY: the window before this one was dropped when the device was removed.
        let bus = unsafe { window::mapped_at(memory) };
        device.probe(outside, device.clone(), IdleHost::new(), bus).expect("binds");
        let start = Instant::now();
        device.remove(outside).expect("is removed");
        start.elapsed()
    })
}

/// Removal of the GPU driver in a world, with alarms ahead and callbacks coming in between.
fn remove_gpu(n: u64) -> Duration {
    let bench = Bench::with(1, WorldConfig::default(), SimConfig::new(Chipset::GA102));
    let outside = &mut Outside::new();
    timed_part(n, || {
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        client.call(outside, |cx| Gpu::schedule(cx, Gpu::time(cx)? + 5_000)).expect("the device is there");
        load(&client, outside);
        bench.world.run_for(Nanos::from_micros(20));
        let start = Instant::now();
        bench.device.remove(outside).expect("is removed");
        start.elapsed()
    })
}

const CASES: &[Case] = &[
    Case::new("lifecycle/gpu, 100 register reads", |n| gpu(Chipset::GA102, n, read)).counted(50),
    Case::new("lifecycle/gpu, 100 time reads", |n| gpu(Chipset::GA102, n, time)).counted(50),
    Case::new("lifecycle/gpu, 100 mixed operations", |n| gpu(Chipset::GA102, n, mixed)).counted(50),
    Case::new("lifecycle/gpu tu102, 100 mixed operations", |n| gpu(Chipset::TU102, n, mixed)).counted(50),
    Case::new("lifecycle/gpu gb202, 100 mixed operations", |n| gpu(Chipset::GB202, n, mixed)).counted(50),
    Case::new("lifecycle/gpu, 100 callbacks", gpu_callbacks).counted(50),
    Case::new("lifecycle/gpu, probe and remove alone", bind_and_remove).counted(50),
    Case::new("lifecycle/toy, 100 register reads", toy).counted(50),
    Case::new("entry/no guard", unguarded),
    Case::new("entry/atomic add and subtract", atomic_pair),
    Case::new("entry/Device::enter", through_enter).against("entry/atomic add and subtract"),
    Case::new("entry/session call", through_session).against("entry/atomic add and subtract"),
    Case::new("entry/refused", refused),
    Case::new("entry/std RwLock read", std_rwlock).against("entry/atomic add and subtract"),
    Case::new("entry/parking_lot RwLock read", parking_lot_rwlock).against("entry/atomic add and subtract"),
    Case::new("entry/std Mutex", std_mutex).against("entry/atomic add and subtract"),
    Case::new("remove/empty driver, idle host", remove_empty).counted(0),
    Case::new("remove/gpu under load, world", remove_gpu).counted(0),
];

fn main() {
    if std::env::args().any(|argument| argument == "--removals") {
        removals::print();
    } else {
        suite::main(CASES);
    }
}
