//! The deterministic host: the same seed gives the same run, and rules that are broken are seen.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use common::{Toy, ToyDevice, device};
use nova_backends::faults::Faults;
use nova_core::bus::Io;
use nova_core::chip::Chipset;
use nova_core::hal::{Event, Host as _, Instant, Lock, Nanos};
use nova_core::lifecycle::{Outside, RemoveError, Session, State};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_sim_glue::Kind;
use nova_sim_glue::gpu::{Gpu, SimConfig};
use nova_sim_glue::world::{
    Record, Violation, What, World, WorldBus, WorldConfig, WorldEvent, WorldHost, WorldLock,
};
use proptest::prelude::*;

type Host = WorldHost;

struct Bench {
    world: World,
    gpu: Gpu,
    device: Arc<ToyDevice<Host>>,
}

impl Bench {
    fn new(seed: u64, chipset: Chipset) -> Self {
        // Often, so that short runs see much.
        let config = WorldConfig { preempt_every: 2, journal: 100_000, ..WorldConfig::default() };
        let world = World::with_config(seed, config);
        Self { world, gpu: Gpu::new(SimConfig::new(chipset)), device: device() }
    }

    fn probe(&self) {
        let (host, bus) = self.world.attach(&self.gpu);
        self.device.probe(&mut Outside::new(), self.device.clone(), host, bus).expect("probe");
    }

    /// Removes the device from whatever is running at some time, again and again until it is gone.
    fn remove_at(&self, at: Instant) {
        let (device, gpu) = (self.device.clone(), self.gpu.clone());
        self.world.post_until(at, Nanos::from_micros(1), "remove", move |world| {
            match device.remove_within(&mut Outside::new(), Nanos::ZERO) {
                Ok(_) | Err(RemoveError::State(_)) => {
                    world.expect_no_access(&gpu);
                    true
                }
                Err(_) => false,
            }
        });
    }

    /// A whole life under load, removed in the middle of it.
    fn live(&self) {
        self.probe();
        let session = Session::open(self.device.clone(), &Toy::<Host>::SESSIONS).expect("session");
        for at in 0..5 {
            let session = session.clone();
            self.world.post(Instant(at * 7_000), "queue", move |_| {
                // Refused once the device is on its way out.
                let _ = session.call(&mut Outside::new(), |bound| Ok(bound.queue(&Toy::<Host>::WORK)));
            });
        }
        self.remove_at(self.world.now() + Nanos(5_000 + self.world.random(60_000)));
        self.world.run_for(Nanos::from_micros(300));
    }

    fn assert_clean(&self) {
        self.world.check();
        assert_eq!(self.device.state(), State::Removed, "{}", self.world.whence());
        assert_eq!(self.world.live_registrations(), 0);
        assert_eq!(self.world.memory(&self.gpu).live_bytes(), 0);
        assert!(self.gpu.with(|gpu| gpu.lines()).are_quiet(), "{}", self.world.whence());
    }
}

fn run(seed: u64, chipset: Chipset) -> (Vec<Record>, u64, u64) {
    let bench = Bench::new(seed, chipset);
    for _ in 0..3 {
        bench.live();
        bench.assert_clean();
    }
    (bench.world.journal(), bench.world.digest(), bench.gpu.accesses())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_seed_gives_the_same_run(seed in any::<u64>(), chip in 0..Chipset::ALL.len()) {
        let chipset = Chipset::ALL[chip];
        prop_assert_eq!(run(seed, chipset), run(seed, chipset));
    }
}

#[test]
fn different_seeds_give_different_runs() {
    let mut digests: Vec<_> = (0..50).map(|seed| run(seed, Chipset::GA102).1).collect();
    digests.sort_unstable();
    digests.dedup();
    assert!(digests.len() > 45, "{} of 50", digests.len());
}

#[test]
fn removal_meets_callbacks_in_the_middle() {
    let mut blocked = 0;
    let mut nested = 0;
    for seed in 0..200 {
        let bench = Bench::new(seed, Chipset::TU102);
        bench.live();
        bench.assert_clean();
        let journal = bench.world.journal();
        let removals = journal.iter().filter(|record| record.what == What::Action("remove"));
        nested += removals.clone().filter(|record| record.depth > 1).count();
        blocked += removals.count() - 1;
    }
    assert!(blocked > 10 && nested > 10, "{blocked} blocked, {nested} nested");
}

#[test]
fn an_access_after_removal_is_a_violation_with_its_seed() {
    let bench = Bench::new(99, Chipset::GA102);
    let (_host, bus) = bench.world.attach::<WorldBus>(&bench.gpu);
    Io::new(&bus).read(NV_PMC_BOOT_0).unwrap();
    bench.world.check();
    bench.world.expect_no_access(&bench.gpu);
    Io::new(&bus).read(NV_PMC_BOOT_0).unwrap();
    assert_eq!(bench.world.violations(), [(0, Violation::AccessAfterRemoval)]);
    let message = panic_of(|| bench.world.check());
    assert!(message.contains("seed 99, step 0") && message.contains("VIOLATION"), "{message}");
}

#[test]
fn the_bus_can_be_decorated_and_its_delays_take_the_worlds_time() {
    type Slow = Faults<WorldBus, 2, Box<dyn Fn(u64) + Send + Sync>>;
    let world = World::new(12);
    let gpu = Gpu::new(SimConfig::new(Chipset::GA102));
    let (host, bus) = world.attach::<Slow>(&gpu);
    let delay = host.world().clone();
    let mut bus: Slow = Faults::with_delay(bus, Box::new(move |ns| delay.spend(ns)));
    bus.push("nth=2,read,delay=5000".parse().unwrap()).unwrap();
    bus.push("nth=3,all-ones".parse().unwrap()).unwrap();
    let read = || Io::new(&bus).read(NV_PMC_BOOT_0).unwrap().get();
    let (first, before) = (read(), world.now());
    assert_eq!(read(), first);
    assert!(world.now().since(before) > Nanos(5000));
    assert_eq!(read(), u32::MAX);
}

#[test]
fn a_lock_inside_itself_is_a_violation_with_its_seed() {
    let world = World::new(4711);
    let lock = WorldLock::new(1);
    let message = panic_of(|| lock.with(|_| lock.with(|_| ())));
    assert!(message.contains("seed 4711"), "{message}");
    assert_eq!(world.violations(), [(0, Violation::LockInsideItself)]);
}

#[test]
fn nobody_is_interrupted_inside_a_lock() {
    let config = WorldConfig { preempt_every: 1, ..WorldConfig::default() };
    let world = World::with_config(1, config);
    let gpu = Gpu::new(SimConfig::new(Chipset::GA102));
    let (_host, bus) = world.attach::<WorldBus>(&gpu);
    let ran = Arc::new(AtomicU32::new(0));
    let count = ran.clone();
    world.post(Instant(0), "count", move |_| {
        count.fetch_add(1, Relaxed);
    });
    WorldLock::new(()).with(|()| {
        for _ in 0..10 {
            Io::new(&bus).read(NV_PMC_BOOT_0).unwrap();
        }
    });
    assert_eq!(ran.load(Relaxed), 0);
    Io::new(&bus).read(NV_PMC_BOOT_0).unwrap();
    assert_eq!(ran.load(Relaxed), 1);
}

#[test]
fn a_wait_runs_the_world_and_ends_with_a_signal_or_its_time() {
    static EVENT: WorldEvent = WorldEvent::NEW;
    let world = World::new(5);
    world.post(Instant(10_000), "signal", |_| EVENT.signal());
    let seen = EVENT.epoch();
    EVENT.wait(seen, Instant(1_000_000));
    assert!(EVENT.epoch() != seen && world.now() < Instant(20_000));
    EVENT.wait(EVENT.epoch(), Instant(1_000_000));
    assert_eq!(world.now(), Instant(1_000_000));
}

#[test]
fn a_wait_that_nothing_will_end_is_reported_as_a_deadlock() {
    let _world = World::new(6);
    let event = WorldEvent::NEW;
    let message = panic_of(|| event.wait(event.epoch(), Instant(u64::MAX)));
    assert!(message.contains("seed 6"), "{message}");
}

#[test]
fn relax_gets_to_any_deadline_in_a_world_without_events() {
    let world = World::new(8);
    let gpu = Gpu::new(SimConfig::new(Chipset::GA102));
    let (host, _bus) = world.attach::<WorldBus>(&gpu);
    let mut turns = 0;
    while world.now() < Instant(0) + Nanos::from_secs(60) {
        host.relax();
        turns += 1;
    }
    assert!(turns < 1000, "{turns} turns");
}

#[test]
fn steps_end_when_nothing_will_ever_happen() {
    let world = World::new(9);
    assert!(!world.step());
    world.post(Instant(500), "one", |_| ());
    assert!(world.step());
    assert!(!world.step());
    assert!(world.now() >= Instant(500));
}

#[test]
fn a_request_for_removal_reaches_the_hook() {
    let bench = Bench::new(11, Chipset::GB202);
    bench.probe();
    let device = bench.device.clone();
    bench.world.on_removal_request(
        &bench.gpu,
        Arc::new(move |_| {
            device.remove(&mut Outside::new()).expect("nobody is inside");
        }),
    );
    let session = Session::open(bench.device.clone(), &Toy::<Host>::SESSIONS).expect("session");
    session
        .call(&mut Outside::new(), |bound| {
            bound.request_remove();
            Ok(())
        })
        .expect("call");
    bench.world.run_for(Nanos::from_micros(100));
    assert_eq!(bench.world.removal_requests(&bench.gpu), 1);
    bench.assert_clean();
}

#[test]
fn refusals_are_counted_apart() {
    let mut refused = 0;
    for seed in 0..100 {
        let bench = Bench::new(seed, Chipset::GA102);
        bench.live();
        refused += Kind::ALL.iter().map(|kind| bench.world.tally(*kind).refused).sum::<u64>();
        assert!(bench.world.tally(Kind::Work).called() > 0);
    }
    assert!(refused > 0, "no callback ever met a closed gate");
}

fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).err().expect("a panic");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}
