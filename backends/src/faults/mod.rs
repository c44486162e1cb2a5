//! Faults on demand: a decorator that makes any bus fail in the way and at the moment a test asks.
//!
//! Every way a GPU misbehaves towards its driver is here: it vanishes, PRI refuses, a bit sticks,
//! a write is lost, the transport breaks, or it is only slow. The counters are atomic, so the
//! decorator is as shareable as the bus below.
//!
//! A fault is made by the methods of [`Fault`], or from one line of text: `nth=17,read,all-ones`,
//! `reg=0x9400,from=3,pri=0xbadf1100`. Words in any order, separated by commas:
//!
//! | word | meaning |
//! |---|---|
//! | `reg=OFFSET`, `reg=NAME`, `reg=NAME[INDEX]` | only this register; names are those of the catalogue |
//! | `nth=N` | only the N-th access that matches, from 1 |
//! | `from=N` | the N-th access that matches and all later ones |
//! | `read`, `write` | only reads, only writes |
//! | `error=KIND` | the bus reports `gone`, `timeout`, `protocol`, `denied` or `other` |
//! | `all-ones` | reads give all ones, writes vanish |
//! | `pri=PATTERN` | reads give the pattern, writes vanish |
//! | `value=VALUE` | the access takes place with this data |
//! | `stuck=BIT:high`, `stuck=BIT:low` | the access takes place with this bit stuck |
//! | `delay=NANOSECONDS` | the access takes longer |
//! | `drop` | the write vanishes |
//!
//! To see what a driver makes of a failure at every single access, fail the first, the second and
//! so on, until a run gets to its end without any:
//!
//! ```
//! use nova_backends::faults::{Effect, Fault, Faults};
//! use nova_backends::model::{CellBus, Model};
//! use nova_core::bus::{Bus, ErrorKind, Offset};
//!
//! let driver = |bus: &dyn Fn(u32) -> Option<u32>| Some(bus(0)? + bus(4)?);
//! for n in 1.. {
//!     let mut bus = Faults::<_, 1>::new(CellBus::<0>::new(Model::plain()));
//!     bus.push(Fault::always(Effect::Error(ErrorKind::Timeout)).nth(n))?;
//!     let outcome = driver(&|at| bus.read32(Offset::new(at).ok()?).ok().map(|value| value & 0xFF));
//!     assert_eq!(outcome.is_some(), bus.fired() == 0);
//!     if bus.fired() == 0 {
//!         assert_eq!(n, 3);
//!         break;
//!     }
//! }
//! # Ok::<(), nova_backends::faults::FaultError>(())
//! ```

mod fault;
#[cfg(test)]
mod tests;
mod text;

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use heapless::Vec;
use nova_core::bus::{self, Bus, ErrorKind, Offset, Word};

pub use fault::{Effect, Fault, FaultError, Never, On, Turn};
pub use text::{ParseError, ParseErrorKind};

use crate::access::Op;
use crate::layer::LayerError;

/// A bus with up to `N` faults.
///
/// All orderings are relaxed: each counter stands for itself, and a test that wants a certain
/// order between its threads has to make it.
#[derive(Debug)]
pub struct Faults<B, const N: usize, D = fn(u64)> {
    bus: B,
    delay: D,
    list: Vec<Counted, N>,
    accesses: AtomicU32,
    fired: AtomicU32,
    armed: AtomicBool,
    unplugged: AtomicBool,
}

#[derive(Debug)]
struct Counted {
    fault: Fault,
    matched: AtomicU32,
}

impl<B, const N: usize> Faults<B, N> {
    /// `bus` with no faults yet. Delays take no time; see [`Faults::with_delay`].
    pub const fn new(bus: B) -> Self {
        Self::with_delay(bus, |_ns| {})
    }
}

impl<B, const N: usize, D> Faults<B, N, D> {
    /// `bus` with no faults yet, and what [`Effect::Delay`] calls to let nanoseconds pass.
    pub const fn with_delay(bus: B, delay: D) -> Self {
        Self {
            bus,
            delay,
            list: Vec::new(),
            accesses: AtomicU32::new(0),
            fired: AtomicU32::new(0),
            armed: AtomicBool::new(true),
            unplugged: AtomicBool::new(false),
        }
    }

    /// Adds a fault. Where several meet in one access, later ones override earlier ones, delays
    /// add up, and an error beats everything else.
    ///
    /// # Errors
    ///
    /// When there are `N` already, and when the fault could never happen.
    pub fn push(&mut self, fault: Fault) -> Result<(), FaultError> {
        fault.check()?;
        let counted = Counted { fault, matched: AtomicU32::new(0) };
        self.list.push(counted).map_err(|_| FaultError::Full { capacity: N })
    }

    /// Removes all faults and starts counting anew.
    pub fn clear(&mut self) {
        self.list.clear();
        self.rewind();
    }

    /// Starts counting anew: the next access is the first.
    pub fn rewind(&self) {
        for counted in &self.list {
            counted.matched.store(0, Relaxed);
        }
        self.accesses.store(0, Relaxed);
        self.fired.store(0, Relaxed);
    }

    /// Arms or disarms all faults; while disarmed nothing is counted. They start armed.
    pub fn arm(&self, armed: bool) {
        self.armed.store(armed, Relaxed);
    }

    /// Takes the device off the bus, or puts it back: while off, reads give all ones and writes
    /// vanish, whatever else is on the list.
    pub fn unplug(&self, unplugged: bool) {
        self.unplugged.store(unplugged, Relaxed);
    }

    /// How many accesses were counted.
    pub fn accesses(&self) -> u32 {
        self.accesses.load(Relaxed)
    }

    /// How many times a fault acted. A fail-the-Nth loop ends when a run leaves this at zero.
    pub fn fired(&self) -> u32 {
        self.fired.load(Relaxed)
    }

    /// The faults, in order.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.list.iter().map(|counted| &counted.fault)
    }

    /// The bus below.
    pub const fn inner(&self) -> &B {
        &self.bus
    }

    /// The bus below, without the decorator.
    pub fn into_inner(self) -> B {
        self.bus
    }

    /// What the faults make of an access to a register.
    fn plan(&self, op: Op, register: u32) -> Plan {
        if self.unplugged.load(Relaxed) {
            return Plan { answer: Some(u32::MAX), ..Plan::NONE };
        }
        if !self.armed.load(Relaxed) {
            return Plan::NONE;
        }
        self.accesses.fetch_add(1, Relaxed);
        let mut plan = Plan::NONE;
        for Counted { fault, matched } in &self.list {
            if fault.matches(op, register) && fault.turn.is(matched.fetch_add(1, Relaxed).wrapping_add(1)) {
                self.fired.fetch_add(1, Relaxed);
                plan.add(*fault);
            }
        }
        plan
    }
}

impl<B: Bus, const N: usize, D: Fn(u64)> Faults<B, N, D> {
    #[inline]
    fn get<W: Word>(&self, at: Offset<W>) -> Result<W, LayerError<B::Error, Injected>> {
        let plan = self.begin(Op::Read, at)?;
        match plan.answer {
            Some(answer) => Ok(W::truncate(answer >> shift(at))),
            None => W::read(&self.bus, at).map(|value| plan.bend(at, value)).map_err(LayerError::Bus),
        }
    }

    #[inline]
    fn put<W: Word>(&self, at: Offset<W>, value: W) -> Result<(), LayerError<B::Error, Injected>> {
        let plan = self.begin(Op::Write, at)?;
        match plan.answer {
            Some(_) => Ok(()),
            None => W::write(&self.bus, at, plan.bend(at, value)).map_err(LayerError::Bus),
        }
    }

    fn begin<W: Word>(&self, op: Op, at: Offset<W>) -> Result<Plan, LayerError<B::Error, Injected>> {
        let plan = self.plan(op, fault::word(at));
        if plan.delay > 0 {
            (self.delay)(plan.delay);
        }
        match plan.error {
            Some(injected) => Err(LayerError::Own(injected)),
            None => Ok(plan),
        }
    }
}

impl<B: Bus, const N: usize, D: Fn(u64)> Bus for Faults<B, N, D> {
    type Error = LayerError<B::Error, Injected>;
    bus_methods!();
}

/// The sum of the faults that act on one access.
struct Plan {
    delay: u64,
    error: Option<Injected>,
    /// Set when the access does not reach the device: what a read gives.
    answer: Option<u32>,
    /// Bits of the data that are forced, and to what.
    forced: u32,
    data: u32,
}

impl Plan {
    const NONE: Self = Self { delay: 0, error: None, answer: None, forced: 0, data: 0 };

    fn add(&mut self, fault: Fault) {
        match fault.effect {
            Effect::Error(kind) => self.error = Some(Injected { kind, fault }),
            Effect::AllOnes => self.answer = Some(u32::MAX),
            Effect::Pri(pattern) => self.answer = Some(pattern),
            Effect::Value(value) => self.force(u32::MAX, value),
            Effect::Stuck { bit, high } => {
                let mask = 1_u32.checked_shl(bit.into()).unwrap_or(0);
                self.force(mask, if high { mask } else { 0 });
            }
            Effect::Delay(ns) => self.delay = self.delay.saturating_add(ns),
            // Zero is never seen: `Drop` does not match reads.
            Effect::Drop => self.answer = Some(0),
        }
    }

    fn force(&mut self, mask: u32, data: u32) {
        self.forced |= mask;
        self.data = (self.data & !mask) | (data & mask);
    }

    /// The data of an access, as far as it is forced.
    fn bend<W: Word>(&self, at: Offset<W>, value: W) -> W {
        let (forced, data) = (self.forced >> shift(at), self.data >> shift(at));
        W::truncate((value.into() & !forced) | data)
    }
}

/// How far up in its 32-bit register a word stands, in bits.
fn shift<W: Word>(at: Offset<W>) -> u32 {
    at.bytes() % 4 * 8
}

/// An error that a fault made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Injected {
    /// The kind asked for.
    pub kind: ErrorKind,
    /// The fault that asked for it.
    pub fault: Fault,
}

impl bus::Error for Injected {
    fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, fault } = self;
        write!(f, "{kind}: injected by the fault `{fault}`; take it off the list to see the real device")
    }
}

impl core::error::Error for Injected {}
