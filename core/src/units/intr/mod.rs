//! Interrupts: which source, in what order, and never one lost.
//!
//! Turing and later have a tree: a *leaf* register latches 32 vectors, a *top* register tells which
//! pair of leaves (a subtree) has something. Turing also has the older PMC tree, whose bits follow
//! the unit and are cleared there. One MSI message announces them all; before Hopper the message has
//! to be re-armed, from Hopper on toggling the top enables does it.
//!
//! The order of dispatch is nouveau's: hold the tops back, re-arm, look, clear a latch
//! *before* serving its source, serve, let the tops through. An edge that comes while its source is
//! being served latches again, and shows when the tops are let through.

mod gh100;
mod pending;
mod source;
mod storm;
mod tu102;

pub use source::Source;

use heapless::LinearMap;

use crate::bus::Bus;
use crate::chip::{Chip, FamilyProof};
use crate::error::Error;
use crate::hal::{Clock, Host, Irq, Lock};
use crate::units::pri::Checked;
use pending::Pending;
use storm::Storms;

/// How many different sources are counted.
pub const MAX_COUNTED: usize = 32;

/// What differs between the architectures. What is given here is the tree alone, re-armed by its tops.
trait IntrHal<B: Bus>: Sync {
    /// Leaves of the tree.
    fn leaves(&self) -> usize;
    /// The top bits of all subtrees: one for each pair of leaves.
    fn subtrees(&self) -> u32 {
        (1 << (self.leaves() / 2)) - 1
    }
    /// Holds all interrupts back.
    fn hold(&self, io: Checked<'_, B>) -> Result<(), Error> {
        tu102::hold(io, self.subtrees())
    }
    /// Lets them through, outside the tree those in `legacy`; what is pending announces itself again.
    fn release(&self, io: Checked<'_, B>, _legacy: u32) -> Result<(), Error> {
        tu102::release(io, self.subtrees())
    }
    /// Lets the next message be sent, where that needs a write.
    fn rearm_message(&self, _io: Checked<'_, B>) -> Result<(), Error> {
        Ok(())
    }
    /// Reads what is pending outside the tree, of the sources in `enabled`.
    fn legacy_pending(&self, _io: Checked<'_, B>, _enabled: u32) -> Result<u32, Error> {
        Ok(0)
    }
    /// Reads which sources outside the tree are enabled.
    fn legacy_enabled(&self, _io: Checked<'_, B>) -> Result<u32, Error> {
        Ok(0)
    }
    /// Enables or disables a source outside the tree.
    fn legacy_enable(&self, _io: Checked<'_, B>, _bits: u32, _on: bool) -> Result<(), Error> {
        Ok(())
    }
}

/// Whether somebody took care of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Served {
    /// Yes.
    Yes,
    /// Nobody knows it; it is disabled so that it does not come again and again.
    No,
}

/// Counters of one GPU's interrupts since probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counts {
    /// Messages that found something pending.
    pub served: u32,
    /// Messages that found nothing.
    pub spurious: u32,
    /// Sources disabled because nobody knew them.
    pub unhandled: u32,
    /// Sources disabled because they came too often, and times all were held back because messages
    /// kept coming that led nowhere.
    pub storms: u32,
}

struct State {
    /// Enabled vectors, leaf by leaf, to restore them after sleep.
    leaves: [u32; 16],
    /// Enabled sources outside the tree.
    legacy: u32,
    counts: Counts,
    by_source: LinearMap<Source, u32, MAX_COUNTED>,
    storms: Storms,
    /// Everything is held back: messages kept coming that led nowhere.
    stormy: bool,
}

/// The interrupt unit of one GPU.
pub(crate) struct Intr<H: Host> {
    hal: &'static dyn IntrHal<H::Bus>,
    state: H::Lock<State>,
}

impl<H: Host> Intr<H> {
    /// The interrupts of `chip`.
    pub(crate) fn new(chip: &Chip) -> Self {
        let hal: &'static dyn IntrHal<H::Bus> = match chip.proof() {
            FamilyProof::Tu102(p) => tu102::turing(p),
            FamilyProof::Ga100(p) => tu102::ampere(p.into()),
            FamilyProof::Ga102(p) => tu102::ampere(p.into()),
            FamilyProof::Gh100(p) => gh100::hal(p.into()),
            FamilyProof::Gb100(p) => gh100::hal(p.into()),
            FamilyProof::Gb202(p) => gh100::hal(p.into()),
        };
        let state = State {
            leaves: [0; 16],
            legacy: 0,
            counts: Counts::default(),
            by_source: LinearMap::new(),
            storms: Storms::new(),
            stormy: false,
        };
        Self { hal, state: H::Lock::new(state) }
    }

    /// Brings the tree into a known state: nothing enabled, nothing pending, tops let through.
    ///
    /// # Errors
    ///
    /// When an access failed.
    pub(crate) fn start(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        self.quiet(io)?;
        self.let_through(io)
    }

    /// Disables everything, for remove.
    ///
    /// # Errors
    ///
    /// When an access failed.
    pub(crate) fn stop(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        self.quiet(io)
    }

    /// Enables everything again that was enabled before sleep. What became pending meanwhile was lost
    /// with the power; the units look for themselves.
    ///
    /// # Errors
    ///
    /// When an access failed.
    pub(crate) fn resume(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        self.quiet(io)?;
        let (leaves, legacy) = self.state.with(|state| (state.leaves, state.legacy));
        for (leaf, bits) in (0u32..).zip(leaves).take(self.hal.leaves()) {
            if bits != 0 {
                tu102::leaf_enable(io, leaf, bits, true)?;
            }
        }
        self.let_through(io)?;
        for (leaf, bits) in (0u32..).zip(leaves).filter(|(_, bits)| *bits != 0) {
            tu102::verify_leaf(io, leaf, bits)?;
        }
        self.verify_legacy(io, legacy)
    }

    /// Lets interrupts through again, whatever stopped them: a write that was lost, or a storm. What is
    /// pending announces itself again. Does no harm at any time; to be called now and then.
    ///
    /// # Errors
    ///
    /// When an access failed.
    pub(crate) fn nudge(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        self.state.with(|state| state.stormy = false);
        self.hal.hold(io)?;
        self.let_through(io)
    }

    /// Enables a source. What was latched of it before is forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchInterrupt`], or an access failed.
    pub(crate) fn enable(&self, io: Checked<'_, H::Bus>, source: Source) -> Result<(), Error> {
        self.switch(io, source, true)
    }

    /// Raises a vector by software.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchInterrupt`] for a vector past the last leaf, or an access failed.
    pub(crate) fn trigger(&self, io: Checked<'_, H::Bus>, vector: u16) -> Result<(), Error> {
        self.check(Source::Vector(vector))?;
        tu102::trigger(io, vector)
    }

    /// Serves everything that is pending: `serve` is called once for each source, its latch cleared.
    ///
    /// Run it for every message. A source that `serve` does not know, or that comes more often than
    /// a thousand times in ten milliseconds, is disabled and counted. When messages keep coming that
    /// lead nowhere, all are held back until the next [`nudge`](Self::nudge).
    ///
    /// # Errors
    ///
    /// The first error of an access or of `serve`. The others have been served and the tops let
    /// through, as far as the device takes it.
    pub(crate) fn dispatch(
        &self,
        io: Checked<'_, H::Bus>,
        clock: &impl Clock,
        mut serve: impl FnMut(Source) -> Result<Served, Error>,
    ) -> Result<Irq, Error> {
        if self.state.with(|state| state.stormy) {
            // Not re-armed either: where the tops cannot be held back, that ends the messages.
            self.hal.hold(io)?;
            return Ok(Irq::None);
        }
        let served = self.serve_pending(io, clock, &mut serve);
        if !matches!(served, Ok(Irq::Handled)) && self.is_storm(clock) {
            // Something comes again and again that cannot be seen, or not be cleared.
            return served;
        }
        let released = self.release(io);
        if served.is_err() || released.is_err() {
            // One of the writes did not arrive, or something is pending that was not served. From the
            // start, so that it announces itself again; that this fails as well changes nothing.
            let _ = self.nudge(io);
        }
        released.and(served)
    }

    /// The counters.
    pub(crate) fn counts(&self) -> Counts {
        self.state.with(|state| state.counts)
    }

    /// How often a source was served.
    pub(crate) fn count_of(&self, source: Source) -> u32 {
        self.state.with(|state| state.by_source.get(&source).copied().unwrap_or(0))
    }

    /// Calls `each` with every source that was served and how often.
    pub(crate) fn for_each_count(&self, mut each: impl FnMut(Source, u32)) {
        let counts = self.state.with(|state| state.by_source.clone());
        counts.iter().for_each(|(source, count)| each(*source, *count));
    }

    /// Holds everything back and serves what is pending.
    fn serve_pending(
        &self,
        io: Checked<'_, H::Bus>,
        clock: &impl Clock,
        serve: &mut impl FnMut(Source) -> Result<Served, Error>,
    ) -> Result<Irq, Error> {
        self.hal.hold(io)?;
        self.hal.rearm_message(io)?;
        let pending = self.pending(io)?;
        let mut result = Ok(());
        for source in pending.sources() {
            let served = self.serve_one(io, clock, source, serve);
            result = result.and(served);
        }
        self.state.with(|state| {
            let counter =
                if pending.is_empty() { &mut state.counts.spurious } else { &mut state.counts.served };
            *counter = counter.saturating_add(1);
        });
        result.map(|()| if pending.is_empty() { Irq::None } else { Irq::Handled })
    }

    /// Counts a message that led nowhere.
    fn is_storm(&self, clock: &impl Clock) -> bool {
        let now = clock.now();
        self.state.with(|state| {
            if state.storms.came_empty(now) {
                state.stormy = true;
                state.counts.storms = state.counts.storms.saturating_add(1);
            }
            state.stormy
        })
    }

    fn serve_one(
        &self,
        io: Checked<'_, H::Bus>,
        clock: &impl Clock,
        source: Source,
        serve: &mut impl FnMut(Source) -> Result<Served, Error>,
    ) -> Result<(), Error> {
        if let Source::Vector(vector) = source {
            tu102::leaf_clear(io, vector)?;
        }
        let served = serve(source)?;
        let stormy = self.state.with(|state| {
            let count = state.by_source.get(&source).copied().unwrap_or(0).saturating_add(1);
            // A source past the bound is served like any other, only not counted by name.
            let _ = state.by_source.insert(source, count);
            let stormy = state.storms.came(source, clock.now());
            if served == Served::No {
                state.counts.unhandled = state.counts.unhandled.saturating_add(1);
            } else if stormy {
                state.counts.storms = state.counts.storms.saturating_add(1);
            }
            stormy
        });
        if served == Served::No || stormy {
            self.switch(io, source, false)?;
        }
        Ok(())
    }

    /// What is pending and enabled.
    fn pending(&self, io: Checked<'_, H::Bus>) -> Result<Pending, Error> {
        let (enabled, legacy) = self.state.with(|state| (state.leaves, state.legacy));
        let mut pending = Pending { legacy: self.hal.legacy_pending(io, legacy)?, leaves: [0; 16] };
        let top = tu102::top(io)?;
        for (leaf, (pending, enabled)) in (0u32..).zip(pending.leaves.iter_mut().zip(enabled)) {
            // A leaf without an enabled vector cannot have raised its subtree.
            if enabled != 0 && top & 1 << (leaf / 2) != 0 {
                *pending = tu102::leaf(io, leaf)? & enabled;
            }
        }
        Ok(pending)
    }

    fn switch(&self, io: Checked<'_, H::Bus>, source: Source, on: bool) -> Result<(), Error> {
        self.check(source)?;
        self.state.with(|state| {
            let (word, bit) = match source {
                Source::Pmc(bit) => (Some(&mut state.legacy), bit),
                Source::Vector(v) => (state.leaves.get_mut(usize::from(v / 32)), (v % 32) as u8),
            };
            if let Some(word) = word {
                *word = if on { *word | 1 << bit } else { *word & !(1 << bit) };
            }
            state.storms.forget(source);
        });
        match source {
            Source::Pmc(bit) => {
                self.hal.legacy_enable(io, 1 << bit, on)?;
                if on { self.verify_legacy(io, 1 << bit) } else { Ok(()) }
            }
            Source::Vector(vector) => {
                let (leaf, bit) = (u32::from(vector / 32), 1 << (vector % 32));
                if on {
                    tu102::leaf_clear(io, vector)?;
                }
                tu102::leaf_enable(io, leaf, bit, on)?;
                if on { tu102::verify_leaf(io, leaf, bit) } else { Ok(()) }
            }
        }
    }

    /// Sees that sources outside the tree are enabled.
    fn verify_legacy(&self, io: Checked<'_, H::Bus>, bits: u32) -> Result<(), Error> {
        if bits == 0 {
            return Ok(());
        }
        let read = self.hal.legacy_enabled(io)?;
        let error = Error::Mismatch { register: "NV_PMC_INTR_EN", wrote: bits, read };
        if read & bits == bits { Ok(()) } else { Err(error) }
    }

    fn check(&self, source: Source) -> Result<(), Error> {
        let known = match source {
            Source::Pmc(bit) => bit < 32,
            Source::Vector(vector) => usize::from(vector / 32) < self.hal.leaves(),
        };
        if known { Ok(()) } else { Err(Error::NoSuchInterrupt { number: source.number() }) }
    }

    /// Re-arms the message and lets interrupts through.
    fn let_through(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        self.hal.rearm_message(io)?;
        self.release(io)
    }

    fn release(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        let legacy = self.state.with(|state| state.legacy);
        self.hal.release(io, legacy)
    }

    fn quiet(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        self.hal.hold(io)?;
        for leaf in (0u32..).take(self.hal.leaves()) {
            tu102::leaf_enable(io, leaf, u32::MAX, false)?;
            tu102::leaf_clear_all(io, leaf)?;
        }
        self.verify_quiet(io)?;
        // All ones, which a dead device reads, were noticed; one that was taken out and put back is not.
        io.alive()
    }

    /// Sees that no message can be sent: the tops are enough for that, and what we enabled beside them.
    fn verify_quiet(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        tu102::verify_held(io, self.hal.subtrees())?;
        let ours = self.state.with(|state| state.legacy);
        if ours == 0 {
            return Ok(());
        }
        let read = self.hal.legacy_enabled(io)? & ours;
        if read == 0 { Ok(()) } else { Err(Error::Mismatch { register: "NV_PMC_INTR_EN", wrote: 0, read }) }
    }
}
