//! A validated 64-bit read of the time is three reads of the bus, no more, unless a word wraps in between.

use nova_core::chip::Chipset;
use nova_core::driver::Gpu;
use nova_core::lifecycle::Outside;
use nova_core::units::timer::View;
use nova_sim_glue::gpu::{SimConfig, Stats};
use nova_sim_glue::world::WorldConfig;
use nova_tests::bench::Bench;

const VIEWS: [View; 2] = [View::Ptimer, View::VirtualFunction];

/// One read of the time on a chip whose counter starts at `time_ns`; and what went over the bus for it.
fn one_read(chipset: Chipset, view: View, time_ns: u64) -> (u64, Stats, Stats) {
    // Nothing comes in between, so every access is the read's own.
    let calm = WorldConfig { preempt_every: 0, ..WorldConfig::default() };
    let bench = Bench::with(1, calm, SimConfig { time_ns, ..SimConfig::new(chipset) });
    bench.probe().expect("binds");
    let client = bench.client().expect("opens");
    let stats = || bench.gpu.with(|gpu| gpu.stats());
    let before = stats();
    let now = client
        .call(&mut Outside::new(), |cx| Gpu::timer(cx).now_through(view))
        .unwrap_or_else(|error| panic!("{chipset}, {view:?}: {error}"));
    (now, before, stats())
}

#[test]
fn the_common_path_is_three_reads_on_every_chip_through_both_views() {
    // Far from a wrap, and the low word looks like no error pattern.
    const START: u64 = 401_000_000 << 32;
    for chipset in Chipset::ALL {
        for view in VIEWS {
            let (now, before, after) = one_read(*chipset, view, START);
            assert!((START..START + 1_000_000_000).contains(&now), "{chipset}, {view:?}: {now}");
            assert_eq!(after.reads - before.reads, 3, "{chipset}, {view:?}");
            assert_eq!(after.accesses() - before.accesses(), 3, "{chipset}, {view:?}: something was written");
            assert_eq!(after.undecoded_reads, before.undecoded_reads, "{chipset}, {view:?}");
        }
    }
}

#[test]
fn a_wrap_in_the_middle_costs_three_reads_more() {
    const WRAP: u64 = 401_000_001 << 32;
    for view in VIEWS {
        let mut seen = [false; 2];
        // The probe takes some microseconds, so somewhere in here the read meets the wrap.
        for ahead in (0..100_000).step_by(96) {
            let (now, before, after) = one_read(Chipset::GA102, view, WRAP - ahead);
            assert!((WRAP - ahead..WRAP + 1_000_000).contains(&now), "{view:?}, {ahead} ns ahead: {now}");
            match after.reads - before.reads {
                3 => seen[0] = true,
                6 => seen[1] = true,
                other => panic!("{view:?}, {ahead} ns ahead: {other} reads"),
            }
        }
        assert_eq!(seen, [true; 2], "{view:?}: the wrap was not met");
    }
}
