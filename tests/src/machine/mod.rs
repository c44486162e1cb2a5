//! A state machine: any sequence of commands on a hub and its leaves, raced against one another, and a
//! reference model that says of everything that is seen whether it could happen.
//!
//! Read `plan` first (what each call does, as lists of steps), then `model`, which follows them. `command` is
//! what `tests/machine.rs` has proptest make sequences of, `parts` the drivers, `bench` the devices in their
//! deterministic world; what is seen, an `event`, goes through the `rig` to the reference.
//!
//! Commands are posted to happen in the middle of others, at any place where the world lets others come
//! in: inside callbacks, steps, removals, sleeps. proptest shrinks a sequence that goes wrong.
//! (`proptest-state-machine` would add preconditions to that, for commands that are not possible in every
//! state. Here every command is, and the reference says what is refused.)

mod bench;
mod command;
mod event;
mod model;
mod parts;
// Its lists are laid out by hand.
#[rustfmt::skip]
mod plan;
mod rig;

pub use bench::run;
pub use command::{Beat, Call, Command, Step};
pub use event::{HUB, PARTS};
pub use rig::Seen;
