//! nova-core: a driver core for NVIDIA's GSP-generation GPUs, Turing to Blackwell.
#![no_std]
#![deny(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod bus;
pub mod chip;
pub mod driver;
mod error;
pub mod hal;
pub mod lifecycle;
pub mod regs;
#[doc(hidden)]
pub mod sync;
pub mod units;

pub use error::{Error, ErrorKind};
/// The crate whose bitfields and values registers are made of, in the version that is.
pub use tock_registers;
