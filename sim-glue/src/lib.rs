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
