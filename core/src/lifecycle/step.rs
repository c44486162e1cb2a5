//! Steps: things a driver sets up and must take down again.

use super::Driver;
use super::token::{Lost, Removing, Starting};

/// Brings something up.
type Up<D> = for<'a, 'b> fn(&'a Starting<'b, D>) -> Result<(), <D as Driver>::Error>;
/// Takes it down again, in an orderly way.
type Down<D> = for<'a, 'b> fn(&'a Removing<'b, D>) -> Result<(), <D as Driver>::Error>;
/// Lets go of it without the device.
type Gone<D> = for<'a, 'b> fn(&'a Lost<'b, D>);

/// One step of a driver's probe, and its exact reverse.
///
/// Steps run in the order in which probe names them, and are undone in the reverse order: at remove,
/// and when a later step of probe fails. By default suspend does what remove does and resume does
/// what probe did.
pub struct Step<D: Driver> {
    pub(crate) name: &'static str,
    pub(crate) up: Up<D>,
    pub(crate) down: Down<D>,
    pub(crate) lost: Gone<D>,
    pub(crate) suspend: Down<D>,
    pub(crate) resume: Up<D>,
}

impl<D: Driver> Step<D> {
    /// A step: what to do, and how to undo it.
    pub const fn new(name: &'static str, up: Up<D>, down: Down<D>) -> Self {
        Self { name, up, down, lost: |_| (), suspend: down, resume: up }
    }

    /// The same step with its own way of going to sleep and waking up.
    ///
    /// The two come in pairs, as `up` and `down` do: each sleep is followed by one waking, or by a removal
    /// that does not touch what sleeps. Like an `up` that fails, one of these that fails has changed nothing:
    /// the step stays awake, or asleep.
    #[must_use]
    pub const fn sleeping(self, suspend: Down<D>, resume: Up<D>) -> Self {
        Self { suspend, resume, ..self }
    }

    /// The same step with something to do when the device cannot be talked to: it is gone, was found
    /// gone by this step's reverse, or is asleep while it is removed.
    #[must_use]
    pub const fn when_lost(self, lost: Gone<D>) -> Self {
        Self { lost, ..self }
    }

    /// The name it was declared with.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<D: Driver> Clone for Step<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: Driver> Copy for Step<D> {}
