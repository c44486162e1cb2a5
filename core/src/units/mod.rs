//! The units of the GPU, one folder each: what it does, and one file per architecture that differs.
//!
//! The units of a bound GPU go with its registers: drivers and clients reach them through a token, by
//! [`Gpu::timer`](crate::driver::Gpu::timer), [`Gpu::intr`](crate::driver::Gpu::intr) and
//! [`Gpu::falcon`](crate::driver::Gpu::falcon), so that a unit of one device never works on the registers of another.

pub(crate) mod boot;
pub mod falcon;
pub(crate) mod fb;
pub mod intr;
pub mod pri;
pub mod timer;
