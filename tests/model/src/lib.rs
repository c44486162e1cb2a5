//! nova-core under model checkers: what the models share.
//!
//! A host, a driver and a ledger, small enough that loom can go through every interleaving. Empty unless
//! built with `--cfg nova_model="loom"` or `--cfg nova_model="shuttle"`; README.md says how to run it.

#![cfg(any(nova_model = "loom", nova_model = "shuttle"))]
#![allow(clippy::missing_panics_doc, reason = "to panic is how a model fails")]

#[cfg(nova_model = "shuttle")]
pub mod child;
pub mod driver;
pub mod host;
pub mod ledger;
mod report;
pub mod world;

#[cfg(nova_model = "loom")]
pub use loom as checker;
pub use report::report;
#[cfg(nova_model = "shuttle")]
pub use shuttle as checker;

#[cfg(nova_model = "loom")]
mod explore;
#[cfg(nova_model = "loom")]
pub use explore::{explore, explore_up_to, explore_within};

#[cfg(nova_model = "shuttle")]
mod replay;
#[cfg(nova_model = "shuttle")]
pub use replay::schedules;
