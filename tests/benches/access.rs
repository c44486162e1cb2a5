//! Register access: typed against raw on mapped memory, and what the simulator serves.
//!
//! The goal is 20 million plain register reads per second of the simulator, on one thread, through the typed API.

mod suite;
#[path = "suite/window.rs"]
mod window;

use std::hint::black_box;
use std::time::Duration;

use nova_core::bus::{Bus, Io, Offset, Place};
use nova_core::chip::Chipset;
use nova_core::regs::pbus::NV_PBUS_SW_SCRATCH;
use nova_core::regs::pmc::{NV_PMC_BOOT_0, NV_PMC_BOOT_1, NV_PMC_BOOT_42};
use nova_core::regs::ptimer::{NV_PTIMER_ALARM_0, NV_PTIMER_TIME_0};
use nova_sim_glue::gpu::{Gpu, SimBus, SimConfig};
use nova_sim_glue::world::{World, WorldBus, WorldConfig, WorldHost};
use suite::{Case, timed};

/// Offsets of the registers, for the raw side.
const TIME_0: usize = 0x9400;
const ALARM_0: usize = 0x9420;

fn raw(base: *mut u8, offset: usize) -> *mut u32 {
    base.wrapping_add(offset).cast()
}

fn raw_read(n: u64) -> Duration {
    let base = window::memory();
    let mut sum = 0_u32;
    let took = timed(n, || {
        // SAFETY: inside the window, aligned, initialised, and nobody refers to it.
        sum = sum.wrapping_add(unsafe { raw(base, TIME_0).read_volatile() });
    });
    black_box(sum);
    took
}

fn typed_read(n: u64) -> Duration {
    let bus = window::mapped();
    let io = Io::new(&bus);
    let mut sum = 0_u32;
    let took = timed(n, || {
        let Ok(value) = io.read(NV_PTIMER_TIME_0);
        sum = sum.wrapping_add(value.get());
    });
    black_box(sum);
    took
}

fn raw_write(n: u64) -> Duration {
    let base = window::memory();
    let value = black_box(32);
    timed(n, || {
        // SAFETY: inside the window, aligned, and nobody refers to it.
        unsafe { raw(base, ALARM_0).write_volatile(value) }
    })
}

fn typed_write(n: u64) -> Duration {
    let bus = window::mapped();
    let io = Io::new(&bus);
    let value = black_box(32);
    timed(n, || {
        let Ok(()) = io.write_word(NV_PTIMER_ALARM_0, value);
    })
}

fn raw_fields(n: u64) -> Duration {
    let base = window::memory();
    let mut sum = 0_u32;
    let took = timed(n, || {
        // SAFETY: inside the window, aligned, initialised, and nobody refers to it.
        let boot0 = unsafe { raw(base, 0).read_volatile() };
        sum = sum.wrapping_add((boot0 >> 24 & 0x1f) + (boot0 >> 20 & 0xf));
    });
    black_box(sum);
    took
}

fn typed_fields(n: u64) -> Duration {
    let bus = window::mapped();
    let io = Io::new(&bus);
    let mut sum = 0_u32;
    let took = timed(n, || {
        let Ok(boot0) = io.read(NV_PMC_BOOT_0);
        let fields = boot0.read(NV_PMC_BOOT_0::ARCHITECTURE_0) + boot0.read(NV_PMC_BOOT_0::IMPLEMENTATION);
        sum = sum.wrapping_add(fields);
    });
    black_box(sum);
    took
}

/// A GPU in a world, and what it needs to live.
fn in_world(config: WorldConfig) -> (World, WorldHost, WorldBus) {
    let world = World::with_config(1, config);
    let (host, bus) = world.attach(&Gpu::new(SimConfig::new(Chipset::GA102)));
    (world, host, bus)
}

fn calm() -> WorldConfig {
    WorldConfig { preempt_every: 0, ..WorldConfig::default() }
}

fn on_workbench() -> SimBus {
    SimBus::new(&Gpu::new(SimConfig::new(Chipset::GA102)))
}

/// One register, again and again.
fn read_one(bus: &impl Bus, n: u64) -> Duration {
    let io = Io::new(bus);
    timed(n, || {
        black_box(io.read(NV_PMC_BOOT_0)).expect("the simulator cannot fail");
    })
}

/// Registers that are spread over the window, in turns; `n` reads in all.
fn read_many(bus: &impl Bus, n: u64) -> Duration {
    let io = Io::new(bus);
    let scratch = |index| NV_PBUS_SW_SCRATCH.at(index).expect("has 64 elements");
    let (first, second, third) = (scratch(0), scratch(21), scratch(63));
    timed(n / 6, || {
        black_box(io.read(NV_PMC_BOOT_0)).expect("the simulator cannot fail");
        black_box(io.read(first)).expect("the simulator cannot fail");
        black_box(io.read(NV_PMC_BOOT_1)).expect("the simulator cannot fail");
        black_box(io.read(second)).expect("the simulator cannot fail");
        black_box(io.read(NV_PMC_BOOT_42)).expect("the simulator cannot fail");
        black_box(io.read(third)).expect("the simulator cannot fail");
    })
}

fn write_one(bus: &impl Bus, n: u64) -> Duration {
    let io = Io::new(bus);
    let scratch = NV_PBUS_SW_SCRATCH.at(7).expect("has 64 elements");
    let mut value = 0;
    timed(n, || {
        value += 1;
        black_box(io.write_word(scratch, value)).expect("the simulator cannot fail");
    })
}

fn read_time(bus: &impl Bus, n: u64) -> Duration {
    let io = Io::new(bus);
    timed(n, || {
        black_box(io.read(NV_PTIMER_TIME_0)).expect("the simulator cannot fail");
    })
}

/// The machine itself: no bus, no lock, no types.
fn machine_read(n: u64) -> Duration {
    let gpu = Gpu::new(SimConfig::new(Chipset::GA102));
    let at: Offset<u32> = NV_PMC_BOOT_0.offset();
    gpu.with(|gpu| {
        let mut now = 0;
        timed(n, || {
            now += 100;
            black_box(gpu.read(black_box(at), now));
        })
    })
}

const CASES: &[Case] = &[
    Case::new("mmio/raw read", raw_read),
    Case::new("mmio/typed read", typed_read).against("mmio/raw read"),
    Case::new("mmio/raw write", raw_write),
    Case::new("mmio/typed write", typed_write).against("mmio/raw write"),
    Case::new("mmio/raw read, two fields", raw_fields),
    Case::new("mmio/typed read, two fields", typed_fields).against("mmio/raw read, two fields"),
    Case::new("sim/machine alone, read", machine_read),
    Case::new("sim/workbench, read", |n| read_one(&on_workbench(), n)).against("sim/machine alone, read"),
    Case::new("sim/workbench, reads of six registers", |n| read_many(&on_workbench(), n))
        .against("sim/machine alone, read")
        .counted(6_000),
    Case::new("sim/workbench, write", |n| write_one(&on_workbench(), n)).against("sim/machine alone, read"),
    Case::new("sim/workbench, read of the time's low word", |n| read_time(&on_workbench(), n))
        .against("sim/machine alone, read"),
    Case::new("sim/world, read", |n| read_one(&in_world(WorldConfig::default()).2, n))
        .against("sim/machine alone, read"),
    Case::new("sim/world, reads of six registers", |n| read_many(&in_world(WorldConfig::default()).2, n))
        .against("sim/machine alone, read")
        .counted(6_000),
    Case::new("sim/world, write", |n| write_one(&in_world(WorldConfig::default()).2, n))
        .against("sim/machine alone, read"),
    Case::new("sim/world without preemption, read", |n| read_one(&in_world(calm()).2, n))
        .against("sim/machine alone, read"),
];

fn main() {
    suite::main(CASES);
}
