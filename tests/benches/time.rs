//! The validated 64-bit read of the GPU's time: what it costs, and how many accesses it makes.
//!
//! The goal is three reads of the bus on the common path. `-- --accesses` reports how many there are, on every chip
//! and through both views of the counter; `tests/time_reads.rs` holds the number.

mod suite;
#[path = "suite/window.rs"]
mod window;

use std::hint::black_box;
use std::time::Duration;

use nova_core::bus::{Bus, Io};
use nova_core::chip::{Chip, Chipset};
use nova_core::driver;
use nova_core::lifecycle::Outside;
use nova_core::regs::vf::{NV_VIRTUAL_FUNCTION_TIME_0, NV_VIRTUAL_FUNCTION_TIME_1};
use nova_core::units::pri::Checked;
use nova_core::units::timer::{View, time};
use nova_sim_glue::gpu::{Gpu, SimBus, SimConfig};
use nova_tests::bench::Bench;
use suite::{Case, timed};

/// Reads in the report, for each chip and view.
const READS: u64 = 100_000;

fn identified(chipset: Chipset) -> (SimBus, Chip) {
    let bus = SimBus::new(&Gpu::new(SimConfig::new(chipset)));
    let chip = Chip::identify(Io::new(&bus)).expect("a chip that works");
    (bus, chip)
}

/// Three reads by hand: high, low, high again.
fn three_reads(io: Io<'_, impl Bus>) -> Option<u64> {
    let high = io.read(NV_VIRTUAL_FUNCTION_TIME_1).ok()?.get();
    let low = io.read(NV_VIRTUAL_FUNCTION_TIME_0).ok()?.get();
    let again = io.read(NV_VIRTUAL_FUNCTION_TIME_1).ok()?.get();
    (high == again).then_some(u64::from(high) << 32 | u64::from(low))
}

fn mmio_by_hand(n: u64) -> Duration {
    let bus = window::mapped();
    timed(n, || {
        black_box(three_reads(Io::new(&bus)));
    })
}

fn mmio_validated(n: u64) -> Duration {
    let (_, chip) = identified(Chipset::GA102);
    let bus = window::mapped();
    let io = Checked::new(Io::new(&bus), chip.boot0());
    timed(n, || {
        let _ = black_box(time(io, View::VirtualFunction));
    })
}

fn sim_by_hand(n: u64) -> Duration {
    let (bus, _) = identified(Chipset::GA102);
    timed(n, || {
        black_box(three_reads(Io::new(&bus)));
    })
}

fn sim_validated(n: u64) -> Duration {
    let (bus, chip) = identified(Chipset::GA102);
    let io = Checked::new(Io::new(&bus), chip.boot0());
    timed(n, || {
        let _ = black_box(time(io, View::VirtualFunction));
    })
}

/// In the world, by a client of the bound driver.
fn world_client(n: u64) -> Duration {
    let bench = Bench::new(1, Chipset::GA102);
    bench.probe().expect("binds");
    let client = bench.client().expect("opens");
    let outside = &mut Outside::new();
    timed(n, || {
        let _ = black_box(client.call(outside, driver::Gpu::time));
    })
}

const CASES: &[Case] = &[
    Case::new("time/mmio, three reads by hand", mmio_by_hand),
    Case::new("time/mmio, validated", mmio_validated).against("time/mmio, three reads by hand"),
    Case::new("time/sim, three reads by hand", sim_by_hand),
    Case::new("time/sim, validated", sim_validated).against("time/sim, three reads by hand"),
    Case::new("time/world, validated, through the gate", world_client)
        .against("time/sim, three reads by hand")
        .counted(500),
];

/// Prints how many accesses a read made, over many reads.
fn report() {
    println!("bus accesses per validated read of the time, over {READS} reads each:");
    for chipset in Chipset::ALL {
        for (name, view) in [("PTIMER", View::Ptimer), ("virtual function", View::VirtualFunction)] {
            let (bus, chip) = identified(*chipset);
            let io = Checked::new(Io::new(&bus), chip.boot0());
            // [fewer than three, three, more than three]
            let mut reads = [0_u64; 3];
            for _ in 0..READS {
                let mark = bus.gpu().mark();
                let _ = black_box(time(io, view));
                let accesses = mark.accesses();
                reads[usize::from(accesses >= 3) + usize::from(accesses > 3)] += 1;
            }
            let [fewer, three, more] = reads;
            println!("  {chipset}, {name}: three in {three}, more in {more}, fewer in {fewer}");
        }
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--accesses") {
        report();
    } else {
        suite::main(CASES);
    }
}
