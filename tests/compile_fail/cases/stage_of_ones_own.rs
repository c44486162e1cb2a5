//! E0277: a driver does not invent a stage in which the device may be accessed.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::stage;

struct Always;

#[cfg(trybuild)]
impl stage::Live for Always {}

fn main() {}
