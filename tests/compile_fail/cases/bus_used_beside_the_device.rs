//! E0382: from probe on, the bus belongs to the device.
#![allow(unused, unexpected_cfgs)]

use std::sync::Arc;

use nova_core::bus::Io;
use nova_core::lifecycle::Outside;
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_sim_glue::gpu::Gpu;
use nova_sim_glue::world::World;
use nova_tests::toy::ToyDevice;

fn bind(world: &World, gpu: &Gpu, device: &Arc<ToyDevice>) {
    let (host, bus) = world.attach(gpu);
    #[cfg(not(trybuild))]
    let _ = Io::new(&bus).read(NV_PMC_BOOT_0);
    let _ = device.probe(&mut Outside::new(), device.clone(), host, bus);
    #[cfg(trybuild)]
    let _ = Io::new(&bus).read(NV_PMC_BOOT_0);
}

fn main() {}
