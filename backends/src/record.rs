//! Recording: a decorator that hands every access to a sink as well.
//!
//! The access is made while the sink is held, so that the order of a recording is the order in
//! which the device saw the accesses: only then can it be replayed. Recording therefore
//! serialises the accesses of several threads.

use core::fmt;

use heapless::Deque;
use nova_core::bus::{self, Bus, Offset, Word};
use nova_core::hal::{Clock, Instant};

use crate::access::{Access, Op, Width};
use crate::layer::LayerError;
use crate::lock::Lock;

/// Where recorded accesses go.
pub trait Sink {
    /// One access, after it was made. They come in order.
    fn access(&mut self, access: &Access);

    /// A remark between two accesses. Ignored unless the sink has a place for it.
    fn mark(&mut self, time_ns: u64, text: fmt::Arguments<'_>) {
        let _ = (time_ns, text);
    }
}

/// A closure is a sink without remarks.
impl<F: FnMut(&Access)> Sink for F {
    fn access(&mut self, access: &Access) {
        self(access);
    }
}

/// The last `N` accesses, at least one. Older ones make room and are counted.
#[derive(Debug, Clone)]
pub struct Ring<const N: usize> {
    accesses: Deque<Access, N>,
    dropped: u64,
}

impl<const N: usize> Ring<N> {
    /// An empty ring.
    pub const fn new() -> Self {
        Self { accesses: Deque::new(), dropped: 0 }
    }

    /// What is in the ring, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Access> {
        self.accesses.iter()
    }

    /// Takes the oldest access out.
    pub fn pop(&mut self) -> Option<Access> {
        self.accesses.pop_front()
    }

    /// How many accesses had to make room.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Sink for Ring<N> {
    fn access(&mut self, access: &Access) {
        if self.accesses.is_full() && self.accesses.pop_front().is_some() {
            self.dropped += 1;
        }
        // Cannot fail: there is room now, and heapless has no deque of no places.
        let _ = self.accesses.push_back(*access);
    }
}

/// A sink and the number of the next access: what the lock of a [`Record`] protects.
#[derive(Debug, Clone, Default)]
pub struct Recorder<S> {
    sink: S,
    next: u64,
}

impl<S> Recorder<S> {
    /// A recorder that starts at access 0.
    pub const fn new(sink: S) -> Self {
        Self { sink, next: 0 }
    }

    /// How many accesses were recorded.
    pub const fn recorded(&self) -> u64 {
        self.next
    }

    /// The sink.
    pub const fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// The sink, without the recorder.
    pub fn into_sink(self) -> S {
        self.sink
    }
}

/// The clock of a recording without times: it is always zero.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Untimed;

impl Clock for Untimed {
    fn now(&self) -> Instant {
        Instant(0)
    }
}

/// A bus whose accesses are recorded, with the time of clock `C`.
#[derive(Debug)]
pub struct Record<B, L, C = Untimed> {
    bus: B,
    recorder: L,
    clock: C,
}

/// What a recorded bus reports.
pub type RecordError<B, L> = LayerError<<B as Bus>::Error, <L as Lock>::Error>;

impl<B, L, C> Record<B, L, C> {
    /// Records what happens on `bus`.
    pub const fn new(bus: B, recorder: L, clock: C) -> Self {
        Self { bus, recorder, clock }
    }

    /// The bus below.
    pub const fn inner(&self) -> &B {
        &self.bus
    }

    /// The lock with the recorder.
    pub const fn recorder(&self) -> &L {
        &self.recorder
    }

    /// The bus below and the lock with the recorder.
    pub fn into_parts(self) -> (B, L) {
        (self.bus, self.recorder)
    }
}

impl<B, S: Sink, L: Lock<Inner = Recorder<S>>, C: Clock> Record<B, L, C> {
    /// Puts a remark between the accesses: `record.mark(format_args!("probe"))`.
    ///
    /// # Errors
    ///
    /// When the lock cannot be taken.
    pub fn mark(&self, text: fmt::Arguments<'_>) -> Result<(), L::Error> {
        self.recorder.with(|recorder| recorder.sink.mark(self.clock.now().nanos(), text))
    }
}

impl<B: Bus, S: Sink, L: Lock<Inner = Recorder<S>>, C: Clock> Record<B, L, C> {
    #[inline]
    fn get<W: Word>(&self, at: Offset<W>) -> Result<W, RecordError<B, L>> {
        self.access(Op::Read, at, None, |bus| W::read(bus, at), |value| (*value).into())
    }

    #[inline]
    fn put<W: Word>(&self, at: Offset<W>, value: W) -> Result<(), RecordError<B, L>> {
        self.access(Op::Write, at, Some(value.into()), |bus| W::write(bus, at, value), |()| 0)
    }

    /// Makes an access and records it. `written` is the data of a write, `read` finds that of a read.
    fn access<W: Word, T>(
        &self,
        op: Op,
        at: Offset<W>,
        written: Option<u32>,
        make: impl FnOnce(&B) -> Result<T, B::Error>,
        read: impl FnOnce(&T) -> u32,
    ) -> Result<T, RecordError<B, L>> {
        let outcome = self.recorder.with(|recorder| {
            let outcome = make(&self.bus);
            let access = Access {
                seq: recorder.next,
                time_ns: self.clock.now().nanos(),
                op,
                width: Width::of::<W>(),
                offset: at.bytes(),
                value: written.unwrap_or_else(|| outcome.as_ref().map_or(0, read)),
                error: outcome.as_ref().err().map(bus::Error::kind),
            };
            recorder.next += 1;
            recorder.sink.access(&access);
            outcome
        });
        outcome.map_err(LayerError::Own)?.map_err(LayerError::Bus)
    }
}

impl<B: Bus, S: Sink, L: Lock<Inner = Recorder<S>>, C: Clock> Bus for Record<B, L, C> {
    type Error = RecordError<B, L>;
    bus_methods!();
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::cell::{Cell, RefCell};
    use std::vec::Vec;

    use nova_core::bus::ErrorKind;

    use super::*;
    use crate::faults::{Effect, Fault, Faults};
    use crate::model::{CellBus, Kind, Model};

    /// Ten nanoseconds go by between two looks.
    struct Ticking(Cell<u64>);

    impl Clock for Ticking {
        fn now(&self) -> Instant {
            self.0.set(self.0.get() + 10);
            Instant(self.0.get())
        }
    }

    fn at<W: Word>(bytes: u32) -> Offset<W> {
        Offset::new(bytes).unwrap()
    }

    fn bus() -> Faults<CellBus<1>, 1> {
        let mut model = Model::plain();
        model.add_at(at(0), Kind::RW, 0x1122_3344).unwrap();
        let mut faults = Faults::new(CellBus::new(model));
        faults.push(Fault::always(Effect::Error(ErrorKind::Timeout)).nth(3)).unwrap();
        faults
    }

    #[test]
    fn every_access_is_recorded_with_its_outcome() {
        let recorder = RefCell::new(Recorder::new(Ring::<8>::new()));
        let record = Record::new(bus(), recorder, Ticking(Cell::new(0)));
        record.read8(at(1)).unwrap();
        record.write16(at(2), 0xAABB).unwrap();
        record.read32(at(0)).unwrap_err();

        let first = Access {
            seq: 0,
            time_ns: 10,
            op: Op::Read,
            width: Width::W8,
            offset: 1,
            value: 0x33,
            error: None,
        };
        let expected = [
            first,
            Access {
                seq: 1,
                time_ns: 20,
                op: Op::Write,
                width: Width::W16,
                offset: 2,
                value: 0xAABB,
                ..first
            },
            Access {
                seq: 2,
                time_ns: 30,
                width: Width::W32,
                offset: 0,
                value: 0,
                error: Some(ErrorKind::Timeout),
                ..first
            },
        ];
        let (_, recorder) = record.into_parts();
        let ring = recorder.into_inner().into_sink();
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), expected);
        assert_eq!(ring.dropped(), 0);
    }

    #[test]
    fn a_full_ring_keeps_the_latest_and_counts_the_rest() {
        let mut ring = Ring::<2>::new();
        for seq in 0..5 {
            let access =
                Access { seq, time_ns: 0, op: Op::Read, width: Width::W8, offset: 0, value: 0, error: None };
            ring.access(&access);
        }
        assert_eq!(ring.dropped(), 3);
        assert_eq!(ring.pop().map(|access| access.seq), Some(3));
        assert_eq!(ring.pop().map(|access| access.seq), Some(4));
        assert_eq!(ring.pop(), None);
    }

    #[test]
    fn a_closure_is_a_sink() {
        let seen = Cell::new(0);
        let sink = |access: &Access| seen.set(access.value);
        let record = Record::new(bus(), RefCell::new(Recorder::new(sink)), Untimed);
        record.read32(at(0)).unwrap();
        record.mark(format_args!("nothing to see")).unwrap();
        assert_eq!(seen.get(), 0x1122_3344);
        assert_eq!(record.recorder().borrow().recorded(), 1);
    }
}
