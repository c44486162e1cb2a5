//! Measures plain register reads through the typed bus: `cargo run --release -p nova-sim-glue --example speed`.

use std::hint::black_box;
use std::time::Instant;

use nova_core::bus::Io;
use nova_core::chip::Chipset;
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_core::regs::ptimer::{NV_PTIMER_ALARM_0, NV_PTIMER_TIME_0};
use nova_sim_glue::gpu::{Gpu, SimBus, SimConfig};

const READS: u32 = 20_000_000;

fn measure(what: &str, mut read: impl FnMut() -> u32) {
    let start = Instant::now();
    for _ in 0..READS {
        black_box(read());
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{what:<24} {:>6.1} million/s", f64::from(READS) / seconds / 1e6);
}

fn main() {
    let gpu = Gpu::new(SimConfig::new(Chipset::GA102));
    let bus = SimBus::new(&gpu);
    let io = Io::new(&bus);
    measure("reads of BOOT_0", || io.read(NV_PMC_BOOT_0).map_or(0, |value| value.get()));
    measure("reads of TIME_0", || io.read(NV_PTIMER_TIME_0).map_or(0, |value| value.get()));
    measure("writes of ALARM_0", || io.write_word(NV_PTIMER_ALARM_0, 0x1000).map_or(1, |()| 0));
}
