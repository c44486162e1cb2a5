//! The units of the GPU, one folder each: what it does, and one file per architecture that differs.

pub mod boot;
pub mod fb;
pub mod intr;
pub mod pri;
pub mod timer;
