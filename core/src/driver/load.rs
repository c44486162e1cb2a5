//! A load for tests and `nova device stress`: work that queues itself again and talks to the GPU.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::Gpu;
use crate::error::Error;
use crate::hal::Host;
use crate::lifecycle::Bound;
use crate::units::intr::Source;

/// The self-requeueing load of one GPU, off unless a client starts it.
pub struct Load {
    on: AtomicBool,
    interrupts: AtomicU32,
    turns: AtomicU32,
}

/// What the load has done since probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LoadCounts {
    /// Software interrupts and countdowns served.
    pub interrupts: u32,
    /// Turns of the work item.
    pub turns: u32,
}

impl Load {
    pub(super) const fn new() -> Self {
        Self { on: AtomicBool::new(false), interrupts: AtomicU32::new(0), turns: AtomicU32::new(0) }
    }

    pub(super) fn interrupted(&self) {
        self.interrupts.fetch_add(1, Ordering::Relaxed);
    }

    /// One turn: reads the time, raises an interrupt now and then, and queues itself again.
    pub(super) fn work<H: Host>(&self, cx: &Bound<'_, Gpu<H>>) -> Result<(), Error> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        if !self.on.load(Ordering::Relaxed) {
            return Ok(());
        }
        Gpu::time(cx)?;
        if turn % 4 == 0 {
            Gpu::trigger(cx)?;
        }
        let _ = cx.queue(&Gpu::BOTTOM_HALF);
        Ok(())
    }
}

impl<H: Host> Gpu<H> {
    /// Starts or stops the load.
    pub fn set_load<C>(cx: &Bound<'_, Self, C>, on: bool) {
        cx.data().load.on.store(on, Ordering::Relaxed);
        if on {
            let _ = cx.queue(&Self::BOTTOM_HALF);
        }
    }

    /// What the load has done since probe.
    pub fn load_counts(&self) -> LoadCounts {
        LoadCounts {
            interrupts: self.load.interrupts.load(Ordering::Relaxed),
            turns: self.load.turns.load(Ordering::Relaxed),
        }
    }

    /// Raises a software interrupt; it comes back through the whole interrupt path.
    ///
    /// # Errors
    ///
    /// When an access failed.
    pub fn trigger<C>(cx: &Bound<'_, Self, C>) -> Result<(), Error> {
        let Source::Vector(vector) = Source::CPU_DOORBELL else { return Ok(()) };
        Self::intr(cx).trigger(vector)
    }
}
