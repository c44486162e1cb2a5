//! The whole driver on every simulated chip: bind, time, alarm, interrupt, sleep, remove, bind again.

use nova_core::Error;
use nova_core::bus::{Offset, Place};
use nova_core::chip::{Chipset, Family};
use nova_core::driver::Gpu;
use nova_core::hal::Nanos;
use nova_core::lifecycle::{Outside, Refused, SessionError, State};
use nova_sim_glue::gpu::SimConfig;
use nova_sim_glue::world::WorldConfig;
use nova_tests::bench::Bench;

fn for_every_chip(test: impl Fn(&Bench)) {
    for (seed, chipset) in (1..).zip(Chipset::ALL) {
        let bench = Bench::new(seed, *chipset);
        test(&bench);
        bench.world.check();
    }
}

#[test]
fn binds_and_is_removed_without_a_trace() {
    for_every_chip(|bench| {
        for _ in 0..3 {
            bench.probe().expect("binds");
            assert_eq!(bench.device.state(), State::Bound);
            bench.world.run_for(Nanos::from_millis(250));
            let removed = bench.device.remove(&mut Outside::new()).expect("is removed");
            assert!(!removed.lost && removed.failed.is_none());
            bench.world.expect_no_access(&bench.gpu);
            bench.world.run_for(Nanos::from_millis(250));
            assert_eq!(bench.world.live_registrations(), 0);
            bench.gpu.with(|gpu| {
                assert!(gpu.lines().are_quiet());
                assert_eq!(gpu.flush_page(), 0);
            });
        }
    });
}

#[test]
fn alarms_arrive_by_interrupt_and_never_early() {
    for_every_chip(|bench| {
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        for after in [Nanos(0), Nanos(40), Nanos::from_micros(1), Nanos::from_millis(1), Nanos::from_secs(10)]
        {
            let late = bench.alarm(&client, after).expect("fires");
            assert!(late < 1_000_000, "{late} ns late");
        }
        let missed = client.call(&mut Outside::new(), |cx| Ok(cx.data().missed_interrupts()));
        assert_eq!(missed, Ok(0), "an alarm came by the backstop only");
        let spurious = client.call(&mut Outside::new(), |cx| Ok(Gpu::intr(cx).counts().spurious));
        assert_eq!(spurious, Ok(0), "a message led nowhere");
        bench.device.remove(&mut Outside::new()).expect("is removed");
        let late = client.call(&mut Outside::new(), |_| Ok(()));
        assert_eq!(late, Err(SessionError::Refused(Refused::Removed)));
    });
}

#[test]
fn a_time_set_forward_fires_what_it_passes_and_one_set_back_does_not() {
    const HOUR: u64 = 3_600_000_000_000;
    for_every_chip(|bench| {
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        let mut outside = Outside::new();
        let (start, id) = client
            .call(&mut outside, |cx| {
                let start = Gpu::time(cx)?;
                Ok((start, Gpu::schedule(cx, start + HOUR)?))
            })
            .expect("schedules");
        let mut set = |ns| {
            client.call(&mut outside, |cx| {
                Gpu::timer(cx).set(ns)?;
                Ok((Gpu::timer(cx).now()?, Gpu::timer(cx).armed(), Gpu::fired(cx, id)))
            })
        };
        let (now, armed, fired) = set(start - HOUR).expect("is set back");
        assert!((start - HOUR - 32..start).contains(&now), "{now}");
        assert_eq!((armed, fired), (1, None));
        let (now, armed, fired) = set(start + 2 * HOUR).expect("is set forward");
        assert!(now >= start + 2 * HOUR - 32, "{now}");
        assert!(armed == 0 && fired.is_some_and(|fired| fired.seen >= fired.at), "{armed}, {fired:?}");
        let missed = client.call(&mut outside, |cx| Ok(cx.data().missed_interrupts()));
        assert_eq!(missed, Ok(0), "the alarm was found by the backstop");
        bench.device.remove(&mut outside).expect("is removed");
    });
}

#[test]
fn a_time_that_the_mask_protects_is_not_set() {
    let config = SimConfig { time_writable: false, ..SimConfig::new(Chipset::TU102) };
    let bench = Bench::with(1, WorldConfig::default(), config);
    bench.probe().expect("binds");
    let client = bench.client().expect("opens");
    let set = client.call(&mut Outside::new(), |cx| Gpu::timer(cx).set(0));
    let protected = Error::Protected { register: "NV_PTIMER_TIME_0" };
    assert_eq!(set, Err(SessionError::Driver(protected)));
}

#[test]
fn software_interrupts_and_countdowns_are_counted() {
    use nova_core::units::intr::Source;
    for_every_chip(|bench| {
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        let mut outside = Outside::new();
        for turn in 1..=10 {
            client.call(&mut outside, Gpu::trigger).expect("triggers");
            bench.world.run_for(Nanos::from_micros(100));
            let count = client.call(&mut outside, |cx| Ok(Gpu::intr(cx).count_of(Source::CPU_DOORBELL)));
            assert_eq!(count, Ok(turn));
        }
        client.call(&mut outside, |cx| Gpu::timer(cx).countdown(50)).expect("counts down");
        bench.world.run_for(Nanos::from_millis(1));
        let count = client.call(&mut outside, |cx| Ok(Gpu::intr(cx).count_of(Source::COUNTDOWN)));
        assert_eq!(count, Ok(1));
        bench.device.remove(&mut outside).expect("is removed");
    });
}

#[test]
fn enables_that_somebody_left_behind_are_cleared() {
    use nova_core::regs::{intr, pmc};
    let set = |bench: &Bench, offset: u32| {
        let at = Offset::<u32>::new(offset).expect("inside");
        bench.gpu.with(|gpu| gpu.write(at, u32::MAX, 0));
    };
    for_every_chip(|bench| {
        for leaf in 0..8 {
            let place = intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_SET.at(leaf).expect("eight leaves");
            set(bench, Place::offset(place).bytes());
        }
        if bench.gpu.with(|gpu| gpu.family()) == Family::Tu102 {
            for tree in 0..2 {
                set(bench, Place::offset(pmc::NV_PMC_INTR_EN_SET.at(tree).expect("two trees")).bytes());
            }
        }
        bench.probe().expect("binds");
        bench.device.remove(&mut Outside::new()).expect("is removed");
        assert!(bench.gpu.with(|gpu| gpu.lines().are_quiet()), "{:?}", bench.gpu.with(|gpu| gpu.lines()));
    });
}

#[test]
fn an_alarm_survives_sleep() {
    for_every_chip(|bench| {
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        let mut outside = Outside::new();
        let limit = Nanos::from_secs(1);
        let id =
            client.call(&mut outside, |cx| Gpu::schedule(cx, Gpu::time(cx)? + 5_000_000)).expect("schedules");
        bench.device.suspend(&mut outside, limit).expect("sleeps");
        bench.world.expect_no_access(&bench.gpu);
        bench.world.run_for(Nanos::from_millis(20));
        bench.gpu.with(nova_sim_glue::gpu::SimGpu::lower_fence);
        let asleep = client.call(&mut outside, |_| Ok(()));
        assert_eq!(asleep, Err(SessionError::Refused(Refused::Suspended)));
        bench.device.resume(&mut outside).expect("wakes up");
        bench.world.run_for(Nanos::from_millis(1));
        let fired = client.call(&mut outside, |cx| Ok(Gpu::fired(cx, id))).expect("is bound");
        assert!(fired.is_some(), "the alarm was forgotten");
        bench.device.remove(&mut outside).expect("is removed");
    });
}

#[test]
fn remove_leaves_every_register_as_probe_found_it() {
    for_every_chip(|bench| {
        let all = || -> Vec<(String, u32)> {
            let family = bench.gpu.with(|gpu| gpu.family());
            // PROM and PRAMIN are windows, not state.
            nova_core::regs::all()
                .filter(|found| found.families().contains(family) && found.entry.count <= 512)
                .flat_map(|found| found.elements().collect::<Vec<_>>())
                .filter_map(|found| {
                    let at = Offset::new(found.offset()).ok()?;
                    Some((found.to_string(), bench.gpu.with(|gpu| gpu.peek(at))?))
                })
                .collect()
        };
        let before = all();
        bench.probe().expect("binds");
        bench.world.run_for(Nanos::from_millis(250));
        bench.device.remove(&mut Outside::new()).expect("is removed");
        let after = all();
        let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
        assert!(changed.is_empty(), "{changed:?}");
    });
}
