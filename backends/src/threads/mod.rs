//! What every host on real threads shares: a roster of callbacks, threads that call them, a clock, a lock and an event.
//!
//! A [`Runtime`] is a set of threads: one calls interrupt handlers, one timers, some run work, and one does what was asked
//! for from inside callbacks. A [`Port`] is the place of one device at it; its [`Entry`] is a registration of any kind, and
//! keeps the rule of `hal`: when `cancel` has returned, the callback is not inside and is never called again. A host adds
//! what it knows of its devices: where interrupts come from, memory, config space.
//!
//! The roster alone, without threads, serves hosts that decide themselves who runs when.

mod clock;
mod entry;
mod port;
mod roster;
mod runtime;
mod sync;

pub use clock::{ThreadDelay, now};
pub use entry::Entry;
pub use port::{Port, RemovalHook};
pub use roster::{Handle, Kind, NEVER, Roster, SlotId, Tally};
pub use runtime::{Books, Config, Doorbell, Interrupts, Runtime};
pub use sync::{ThreadEvent, ThreadLock};
