//! Buses for nova-core that need no operating system.
//!
//! | module | what it is |
//! |---|---|
//! | [`mmio`] | a mapped register window: the only pointer code |
//! | [`model`] | a register file with the semantics of hardware, the ground simulated GPUs stand on |
//! | [`record`] | decorator: every access goes to a [`Sink`](record::Sink) as well |
//! | [`replay`] | a bus that answers from a recorded trace and checks that the driver does the same again |
//! | [`trace`] | the text forms of a trace: nova's own, and Linux mmiotrace |
//! | [`conformance`] | suites for what a host brings: a gate and a bus keep their promises |
//! | [`gate`] | a gate without atomic instructions at its entry; with the feature `std` one for a process |
//! | `threads` | with the feature `std`: what every host on real threads shares |
//! | `vfio_user` | with the feature `vfio-user`: the messages of the vfio-user protocol, read and written in place |
//! | [`faults`] | decorator: errors, all-ones, PRI patterns, stuck bits, lost writes and delays on demand |
//!
//! Decorators take any [`Bus`](nova_core::bus::Bus) and are one, so they stack:
//!
//! ```
//! use nova_backends::faults::Faults;
//! use nova_backends::model::{CellBus, Kind, Model};
//! use nova_core::bus::Io;
//! use nova_core::regs::ptimer::NV_PTIMER_TIME_0;
//!
//! let mut model = Model::<8>::plain();
//! model.add(NV_PTIMER_TIME_0, Kind::ReadOnly, 0x20)?;
//!
//! let mut bus = Faults::<_, 4>::new(CellBus::new(model));
//! bus.push("nth=2,read,all-ones".parse()?)?;
//!
//! assert_eq!(Io::new(&bus).read(NV_PTIMER_TIME_0).unwrap().get(), 0x20);
//! assert_eq!(Io::new(&bus).read(NV_PTIMER_TIME_0).unwrap().get(), u32::MAX);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![deny(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

#[macro_use]
mod macros;

pub mod access;
pub mod conformance;
pub mod dma;
pub mod faults;
pub mod gate;
pub mod layer;
pub mod lock;
pub mod mmio;
pub mod model;
mod number;
pub mod record;
pub mod replay;
#[cfg(feature = "std")]
pub mod threads;
pub mod trace;
#[cfg(feature = "vfio-user")]
pub mod vfio_user;
