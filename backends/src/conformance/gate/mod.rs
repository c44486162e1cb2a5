//! Does a gate keep what [`Gate`] promises?
//!
//! [`run`] goes through everything that one thread can see, on one gate. [`Arena`] is for several: the host
//! has each role run on a thread of its own. Both use nothing but the trait, so a kernel module can run them
//! as well.
//!
//! What neither can show is an ordering that this processor gives for free: on x86-64 a `leave` without
//! Release behaves like one with it. For that there are model checkers.

mod arena;
mod cases;

pub use arena::{Arena, Summary};
pub use cases::{Case, cases, run, strangers};

#[cfg(doc)]
use nova_core::lifecycle::Gate;
