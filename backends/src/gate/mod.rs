//! A gate whose visitors pay almost nothing, for hosts in userspace.
//!
//! [`Rows`] is the algorithm, for any host that can give its threads numbers and can send every processor
//! a memory barrier. `AsymmetricGate`, with the feature `std`, is that for a process: numbers from a
//! thread-local, barriers from Linux's `membarrier`, and fences where there is none.

mod rows;

pub use rows::{Barriers, RowPass, Rows};

#[cfg(feature = "std")]
mod asymmetric;
#[cfg(feature = "std")]
mod membarrier;
#[cfg(feature = "std")]
mod slots;

#[cfg(feature = "std")]
pub use asymmetric::AsymmetricGate;
#[cfg(feature = "std")]
pub use membarrier::{Fences, Mode, Process, Reason, mode};
#[cfg(feature = "std")]
pub use slots::{SLOTS, ThreadPlace, in_signal_handler, prepare_thread};
