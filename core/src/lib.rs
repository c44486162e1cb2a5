//! nova-core
#![no_std]
#![deny(unsafe_code)]

pub mod bus;
pub mod chip;
pub mod regs;
