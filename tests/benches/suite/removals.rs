//! Removals on real threads, under load: how long they take, as a distribution.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_core::chip::Chipset;
use nova_core::driver::{Gpu, GpuDevice};
use nova_core::lifecycle::{Outside, Session};
use nova_sim_glue::gpu::SimConfig;
use nova_sim_glue::threads::{ThreadHost, Threads};

/// How many.
const REMOVALS: usize = 2_000;
/// How long the load runs before each.
const LOADED: Duration = Duration::from_micros(300);

/// Binds the GPU driver on the free-running host, lets work, interrupts and alarms run, removes it; prints quantiles.
pub(crate) fn print() {
    let threads = Threads::new(1);
    let gpu = threads.power_on(SimConfig::new(Chipset::GA102));
    let device = Arc::new(GpuDevice::<ThreadHost>::new());
    let outside = &mut Outside::new();
    let mut took: Vec<_> = (0..REMOVALS)
        .map(|_| {
            let (host, bus) = threads.attach(&gpu);
            device.probe(outside, device.clone(), host, bus).expect("binds");
            let client = Session::open(device.clone(), &Gpu::CLIENT).expect("opens");
            let loaded = client.call(outside, |cx| {
                Gpu::set_load(cx, true);
                Gpu::schedule(cx, Gpu::time(cx)? + 200_000)
            });
            loaded.expect("the device is there");
            std::thread::sleep(LOADED);
            let start = Instant::now();
            device.remove(outside).expect("is removed");
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    let quantile = |per_mille: usize| took[(took.len() - 1) * per_mille / 1_000];
    println!(
        "{REMOVALS} removals under load on threads: fastest {:?}, median {:?}, 90 % {:?}, 99 % {:?}, slowest {:?}",
        quantile(0),
        quantile(500),
        quantile(900),
        quantile(990),
        quantile(1_000)
    );
}
