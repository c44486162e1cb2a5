//! Measures whole lifecycles in a deterministic world: probe, about a hundred operations, remove.
//!
//! `cargo run --release -p nova-sim-glue --example lifecycles`

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::{Toy, device};
use nova_core::chip::Chipset;
use nova_core::hal::Nanos;
use nova_core::lifecycle::{Outside, Session};
use nova_core::regs::ptimer::NV_PTIMER_TIME_0;
use nova_sim_glue::gpu::{Gpu, SimConfig};
use nova_sim_glue::world::{World, WorldBus, WorldHost};

const LIFECYCLES: u32 = 20_000;
const CALLS: u32 = 100;

type Host = WorldHost<WorldBus>;

fn main() {
    let world = World::new(1);
    let gpu = Gpu::new(SimConfig::new(Chipset::GA102));
    let device = device::<Host>();
    let outside = &mut Outside::new();
    let start = Instant::now();
    for _ in 0..LIFECYCLES {
        let (host, bus) = world.attach(&gpu);
        device.probe(outside, device.clone(), host, bus).expect("probe");
        let session = Session::open(device.clone(), &Toy::<Host>::SESSIONS).expect("session");
        for _ in 0..CALLS {
            let call = session.call(outside, |bound| {
                bound.io().read(NV_PTIMER_TIME_0)?;
                Ok(bound.queue(&Toy::<Host>::WORK))
            });
            call.expect("call").expect("work");
        }
        world.run_for(Nanos::from_micros(20));
        device.remove(outside).expect("remove");
    }
    let seconds = start.elapsed().as_secs_f64();
    let calls: u64 = nova_sim_glue::Kind::ALL.iter().map(|kind| world.tally(*kind).called()).sum();
    let accesses = gpu.accesses();
    println!("{:.0} lifecycles/s", f64::from(LIFECYCLES) / seconds);
    println!(
        "each: {CALLS} session calls, {} callbacks, {} accesses",
        calls / u64::from(LIFECYCLES),
        accesses / u64::from(LIFECYCLES)
    );
    world.check();
    assert_eq!(world.live_registrations(), 0);
}
