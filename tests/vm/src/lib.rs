//! What the two sides of `cargo xtask vm` agree on: the cases, and the messages between them.
//!
//! The host drives. It sends [`ToGuest`] and the guest answers with [`FromGuest`], one JSON object per line, over the
//! guest's second serial port. While a case runs, it may ask the host for a step (unplug a device, kill a server) and
//! waits for the answer.

mod list;
mod message;

pub use list::{CASES, CHIPS, Case, Machine};
pub use message::{FromGuest, Outcome, ToGuest, parse, render};

/// The guest's serial port that carries the messages.
pub const CONTROL_PORT: &str = "/dev/ttyS1";

/// The file in the guest that names the kernel modules to load, in order, one path per line.
pub const MODULE_LIST: &str = "/etc/modules";

/// The file in the guest that says which of nova's own kernels runs, `plain` or `debug`; a stock kernel has none. Cases find
/// it in the variable [`FLAVOUR`].
pub const FLAVOUR_FILE: &str = "/etc/nova-flavour";

/// The variable of a case with what is in [`FLAVOUR_FILE`].
pub const FLAVOUR: &str = "NOVA_FLAVOUR";

/// The word on the kernel's command line that asks for as many rounds as the project's numbers are for; without it cases do
/// with fewer, and say how many.
pub const FULL_WORD: &str = "nova.full";

/// The word on the kernel's command line that asks for a shell on the console instead of the cases.
pub const SHELL_WORD: &str = "nova.shell";
