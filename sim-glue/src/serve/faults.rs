//! What is broken at run time, beside what the GPU itself remembers.

use super::control::Storm;

/// A storm that is going on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raging {
    pub(super) storm: Storm,
    pub(super) left: u32,
    /// Time of the next interrupt, in ns.
    pub(super) next: u64,
}

/// The faults, and what the loop is to do at its next turn.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Every access to a region takes this long, in ns.
    pub(super) delay: u64,
    /// The GPU's time stands still, resets or not.
    pub(super) frozen: bool,
    pub(super) storm: Option<Raging>,
    /// Cut the client off.
    pub(super) disconnect: bool,
    /// Signal the client's eventfd for errors.
    pub(super) error: bool,
    /// Signal the client's eventfd that asks for the device.
    pub(super) request: bool,
}
