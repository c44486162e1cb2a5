//! Registers, one file per hardware unit, with NVIDIA's names.

pub mod ptimer;

use crate::bus::catalogue::Unit;

/// Every unit with its registers.
pub static UNITS: &[Unit] = &[Unit { name: "ptimer", registers: ptimer::ENTRIES }];
