//! What a driver has registered, in order.

use core::fmt;
use core::panic::Location;

use heapless::Vec;

use super::Driver;
use super::entry::{
    ChildEntry, DelayedWorkEntry, EntryKind, InterruptEntry, SessionEntry, TimerEntry, WorkEntry,
};
use super::step::Step;
use super::visitors::Label;
use crate::hal::{Host, Interrupt as _, Registration};

/// One registered entry, with what the host gave for it.
pub(super) enum EntryRow<D: Driver> {
    Interrupt { entry: InterruptEntry<D>, registration: <D::Host as Host>::Interrupt },
    Work { entry: WorkEntry<D>, registration: <D::Host as Host>::Work },
    DelayedWork { entry: DelayedWorkEntry<D>, registration: <D::Host as Host>::DelayedWork },
    Timer { entry: TimerEntry<D>, registration: <D::Host as Host>::Timer },
    Session { entry: SessionEntry<D> },
    Child { entry: ChildEntry<D> },
}

impl<D: Driver> EntryRow<D> {
    /// Ends the host's part; see [`Registration::cancel`].
    pub(super) fn cancel(&self) {
        match self {
            Self::Interrupt { registration, .. } => registration.cancel(),
            Self::Work { registration, .. } => registration.cancel(),
            Self::DelayedWork { registration, .. } => registration.cancel(),
            Self::Timer { registration, .. } => registration.cancel(),
            Self::Session { .. } | Self::Child { .. } => (),
        }
    }

    /// Runs the entry once more; see [`Registration::replay`].
    pub(super) fn replay(&self) {
        match self {
            Self::Interrupt { registration, .. } => registration.replay(),
            Self::Work { registration, .. } => registration.replay(),
            Self::DelayedWork { registration, .. } => registration.replay(),
            Self::Timer { registration, .. } => registration.replay(),
            Self::Session { .. } | Self::Child { .. } => (),
        }
    }

    pub(super) fn describe(&self) -> (EntryKind, &'static str) {
        match self {
            Self::Interrupt { entry, .. } => (EntryKind::Interrupt, entry.name),
            Self::Work { entry, .. } => (EntryKind::Work, entry.name),
            Self::DelayedWork { entry, .. } => (EntryKind::DelayedWork, entry.name),
            Self::Timer { entry, .. } => (EntryKind::Timer, entry.name),
            Self::Session { entry } => (EntryKind::Session, entry.name),
            Self::Child { entry } => (EntryKind::Child, entry.name),
        }
    }
}

/// What to undo, in the order in which it was done.
pub(super) enum Undo<D: Driver> {
    /// The entry in this lane.
    Entry(usize),
    /// A step of the driver.
    Step(Step<D>),
}

/// Everything a driver has registered: at most `N` entries and steps together.
pub(super) struct Registry<D: Driver, const N: usize> {
    /// By the entry's number, which is also its lane in the gate.
    pub(super) entries: [Option<EntryRow<D>>; N],
    /// What the driver calls them, by the same number.
    pub(super) labels: [Option<Label>; N],
    pub(super) order: Vec<Undo<D>, N>,
    /// How many of `order`, from the end, have been quiesced. Teardown that was interrupted by a panic
    /// in the driver goes on behind the step that panicked.
    pub(super) quiesced: usize,
}

impl<D: Driver, const N: usize> Registry<D, N> {
    pub(super) const fn new() -> Self {
        Self { entries: [const { None }; N], labels: [None; N], order: Vec::new(), quiesced: 0 }
    }

    /// Lets all interrupts through, or holds them back without waiting.
    pub(super) fn interrupts(&self, on: bool) {
        for row in self.entries.iter().flatten() {
            if let EntryRow::Interrupt { registration, .. } = row {
                if on { registration.enable() } else { registration.disable() }
            }
        }
    }

    fn remember(&mut self, undo: Undo<D>) -> Result<(), RegisterError> {
        self.order.push(undo).map_err(|_| RegisterError::Full { capacity: N })
    }
}

/// A registry without its size, for probe.
pub(super) trait Enrol<D: Driver> {
    /// Whether there is room for one thing more.
    fn room(&self) -> Result<(), RegisterError>;
    /// Whether an entry may have this number.
    fn vacant(&self, id: u16) -> Result<(), RegisterError>;
    /// Adds an entry at a vacant number.
    fn add_entry(
        &mut self,
        id: u16,
        row: EntryRow<D>,
        at: &'static Location<'static>,
    ) -> Result<(), RegisterError>;
    /// Adds a step that has been done.
    fn add_step(&mut self, step: Step<D>) -> Result<(), RegisterError>;
}

impl<D: Driver, const N: usize> Enrol<D> for Registry<D, N> {
    fn room(&self) -> Result<(), RegisterError> {
        if self.order.is_full() { Err(RegisterError::Full { capacity: N }) } else { Ok(()) }
    }

    fn vacant(&self, id: u16) -> Result<(), RegisterError> {
        match self.entries.get(usize::from(id)) {
            None => Err(RegisterError::Outside { id, capacity: N }),
            Some(Some(_)) => Err(RegisterError::Taken { id }),
            Some(None) => Ok(()),
        }
    }

    fn add_entry(
        &mut self,
        id: u16,
        row: EntryRow<D>,
        at: &'static Location<'static>,
    ) -> Result<(), RegisterError> {
        self.room()?;
        let lane = usize::from(id);
        let place = self.entries.get_mut(lane).zip(self.labels.get_mut(lane));
        let (place, label) = place.ok_or(RegisterError::Outside { id, capacity: N })?;
        let (kind, name) = row.describe();
        *label = Some(Label { kind, name, registered: at });
        *place = Some(row);
        self.remember(Undo::Entry(lane))
    }

    fn add_step(&mut self, step: Step<D>) -> Result<(), RegisterError> {
        self.remember(Undo::Step(step))
    }
}

/// Why something could not be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RegisterError {
    /// The device has room for this many entries and steps, and they are used up.
    Full {
        /// The device's capacity.
        capacity: usize,
    },
    /// The entry's number is not below the device's capacity.
    Outside {
        /// The number.
        id: u16,
        /// The device's capacity.
        capacity: usize,
    },
    /// Another entry has the same number.
    Taken {
        /// The number.
        id: u16,
    },
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => {
                write!(
                    f,
                    "all {capacity} places for entries and steps are taken; use a larger `Device<_, N>`"
                )
            }
            Self::Outside { id, capacity } => {
                write!(f, "entry number {id} is not below the device's capacity of {capacity}")
            }
            Self::Taken { id } => write!(f, "entry number {id} is registered already; give each its own"),
        }
    }
}

impl core::error::Error for RegisterError {}
