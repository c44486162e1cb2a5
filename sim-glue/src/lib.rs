//! Simulated NVIDIA GPUs for nova-core, with a seeded deterministic scheduler and a free-running mode.
//!
//! | module | what it is |
//! |---|---|
//! | [`gpu`] | the GPUs: every chipset of core's table, by family |
//! | [`world`] | the deterministic host: one thread, one seed, simulated time |
//! | [`threads`] | the free-running host: real threads, real time |
//! | [`serve`] | a GPU as a PCI device of another process: a vfio-user server |
//! | [`spec`] | simulated devices in one line of text: `ga102,seed=7,boot-ms=20` |
//! | [`pci`] | a GPU as a PCI function: config space, windows, interrupts, resets |
//! | [`memory`] | memory that drivers and GPUs share |
//!
//! nova's own driver on a simulated GPU, from probe to the moment when somebody pulls the GPU out:
//!
//! ```
//! use std::sync::Arc;
//!
//! use nova_core::chip::Chipset;
//! use nova_core::driver::{Gpu, GpuDevice};
//! use nova_core::hal::Nanos;
//! use nova_core::lifecycle::{Outside, Session, State};
//! use nova_sim_glue::gpu::{self, SimConfig};
//! use nova_sim_glue::world::{World, WorldHost};
//!
//! // A world, whose seed decides what runs when; a GPU; and what the host and the bus of a driver are there.
//! let world = World::new(7);
//! let hardware = gpu::Gpu::new(SimConfig::new(Chipset::GA102));
//! let (host, bus) = world.attach(&hardware);
//!
//! // The cell of the device is there before and after any driver. This thread is inside no callback of it.
//! let device = Arc::new(GpuDevice::<WorldHost>::new());
//! let mut outside = Outside::new();
//! device.probe(&mut outside, device.clone(), host, bus)?;
//! assert_eq!(device.state(), State::Bound);
//!
//! // A client. What it has the driver do runs inside the device's gate, with a token that proves it.
//! let client = Session::open(device.clone(), &Gpu::CLIENT)?;
//! let before = client.call(&mut outside, |cx| Gpu::time(cx))?;
//! world.run_for(Nanos::from_millis(5));
//! let after = client.call(&mut outside, |cx| Gpu::time(cx))?;
//! assert!(after - before >= 5_000_000);
//!
//! // Without the GPU, a call says so. Remove undoes everything else all the same.
//! hardware.with(|gpu| gpu.unplug());
//! assert!(client.call(&mut outside, |cx| Gpu::time(cx)).is_err());
//! let removed = device.remove(&mut outside)?;
//! assert!(removed.lost);
//! assert_eq!(world.live_registrations(), 0);
//!
//! // The client is refused for ever. No access, no callback since: the world would have noted it.
//! assert!(client.call(&mut outside, |cx| Gpu::time(cx)).is_err());
//! world.expect_no_access(&hardware);
//! world.run_for(Nanos::from_millis(100));
//! world.check();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod gpu;
pub mod memory;
pub mod pci;
mod rng;
pub mod serve;
pub mod spec;
pub mod threads;
pub mod world;

pub use nova_backends::threads::{Handle, Kind, Tally};
pub use rng::Rng;
