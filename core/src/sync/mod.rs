//! The atomics that the lifecycle and the gates are written with.
//!
//! They are the processor's own. Built with `--cfg nova_model="loom"` or `--cfg nova_model="shuttle"` they
//! are a model checker's, so that the very code that ships is the code that is checked (`tests/model`).

#[cfg(not(any(nova_model = "loom", nova_model = "shuttle")))]
mod real;
#[cfg(not(any(nova_model = "loom", nova_model = "shuttle")))]
pub use real::*;

#[cfg(any(nova_model = "loom", nova_model = "shuttle"))]
mod model;
#[cfg(any(nova_model = "loom", nova_model = "shuttle"))]
pub use model::*;

pub use core::sync::atomic::Ordering;
