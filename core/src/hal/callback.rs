//! How a host calls into a driver.

use core::ops::Deref;

use super::Instant;
use crate::lifecycle::{Part, Refused};

/// Which entry of which binding a callback is for.
///
/// A ticket is only a number pair. One that does not fit the device is refused with a typed error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ticket {
    pub(crate) lane: u16,
    pub(crate) generation: u32,
}

/// A device as a host sees it: something to be entered. For its parent it is a [`Part`].
pub trait Entrant: Part + Send + Sync {
    /// Enters the device's gate and runs the entry, or says why not.
    fn enter(&self, ticket: Ticket) -> Outcome;
}

/// A function to call, as the host keeps it: a reference to the device and the entry's number.
///
/// It captures nothing of the driver, so keeping it too long is harmless: the gate refuses.
#[derive(Debug, Clone)]
pub struct Callback<Hd> {
    handle: Hd,
    ticket: Ticket,
}

impl<Hd: Deref<Target: Entrant>> Callback<Hd> {
    pub(crate) fn new(handle: Hd, ticket: Ticket) -> Self {
        Self { handle, ticket }
    }

    /// Runs the entry if the device still lets it in.
    pub fn call(&self) -> Outcome {
        self.handle.enter(self.ticket)
    }
}

/// What an interrupt handler found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Irq {
    /// Not ours, or nothing pending.
    None,
    /// Something was pending and has been served.
    Handled,
}

/// Whether a timer fires again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Rearm {
    /// No.
    No,
    /// At this time of the host's clock; at once if it has passed.
    At(Instant),
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// An interrupt handler ran.
    Interrupt(Irq),
    /// A work item ran.
    Work,
    /// A timer ran.
    Timer(Rearm),
    /// The entry ran and failed; the driver has been told where failures go. Not called again by itself.
    Failed,
    /// The gate was closed. Nothing ran and nothing was touched.
    Refused(Refused),
}
