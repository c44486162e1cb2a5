//! Traces: what the driver does on a simulated GPU is written down, and does the same again when it is
//! answered from there; and what nouveau did on a real one, unit by unit.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use nova_backends::access::{Access, Op};
use nova_backends::lock::Lock;
use nova_backends::record::{Record, Recorder};
use nova_backends::replay::{Failure, Mode, Replay, Script, Source};
use nova_backends::trace::{self, Writer};
use nova_core::bus::{Bus, Offset, Word};
use nova_core::chip::{Chipset, Family};
use nova_core::driver::{Gpu, GpuDevice};
use nova_core::hal::{self, Clock, Instant, Nanos};
use nova_core::lifecycle::{Outside, Removed, Session};
use nova_core::regs;
use nova_sim_glue::gpu::{Gpu as SimulatedGpu, SimConfig};
use nova_sim_glue::world::{World, WorldBus, WorldHost, WorldLock};

/// Shared with the test, which looks at it while the device owns the bus.
///
/// A lock of the world: nobody is interrupted while it is held, so no handler makes an access inside
/// an access.
struct Shared<T>(Arc<WorldLock<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send> Shared<T> {
    fn new(value: T) -> Self {
        Self(Arc::new(hal::Lock::new(value)))
    }
}

impl<T: Send> Lock for Shared<T> {
    type Inner = T;
    type Error = Infallible;
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Result<R, Infallible> {
        Ok(hal::Lock::with(&*self.0, f))
    }
}

/// The time of a world that nobody is in.
#[derive(Clone)]
struct Watch(World);

impl Clock for Watch {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

/// A trace that answers, with a simulated GPU beside it.
///
/// A trace sends no interrupts and takes no time. The GPU does both, at the very moments at which it did
/// when the trace was taken, because the world has the same seed; what it reads is thrown away.
struct Beside {
    trace: Replay<Shared<Script<Owned>>>,
    gpu: WorldBus,
    /// Held during an access, as the recorder's was.
    lock: WorldLock<()>,
}

type BesideError = <Replay<Shared<Script<Owned>>> as Bus>::Error;

impl Beside {
    fn get<W: Word>(&self, at: Offset<W>) -> Result<W, BesideError> {
        hal::Lock::with(&self.lock, |()| {
            let Ok(_) = W::read(&self.gpu, at);
            W::read(&self.trace, at)
        })
    }
    fn put<W: Word>(&self, at: Offset<W>, value: W) -> Result<(), BesideError> {
        hal::Lock::with(&self.lock, |()| {
            let Ok(()) = W::write(&self.gpu, at, value);
            W::write(&self.trace, at, value)
        })
    }
}

impl Bus for Beside {
    type Error = BesideError;
    fn read8(&self, at: Offset<u8>) -> Result<u8, BesideError> {
        self.get(at)
    }
    fn read16(&self, at: Offset<u16>) -> Result<u16, BesideError> {
        self.get(at)
    }
    fn read32(&self, at: Offset<u32>) -> Result<u32, BesideError> {
        self.get(at)
    }
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), BesideError> {
        self.put(at, value)
    }
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), BesideError> {
        self.put(at, value)
    }
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), BesideError> {
        self.put(at, value)
    }
}

const SEED: u64 = 7;

/// Accesses in memory, owned.
struct Owned(std::vec::IntoIter<Access>);

impl Source for Owned {
    type Error = Infallible;
    fn next_access(&mut self) -> Result<Option<Access>, Infallible> {
        Ok(self.0.next())
    }
}

/// Probe, an alarm by interrupt, remove. Says how far it got.
fn drive<B: Bus + Send + Sync + 'static>(
    world: &World,
    gpu: &SimulatedGpu,
    wrap: impl FnOnce(WorldBus) -> B,
) -> Result<Removed, String> {
    let (host, bus) = world.attach(gpu);
    let device = Arc::new(GpuDevice::<WorldHost<B>>::new());
    let outside = &mut Outside::new();
    device.probe(outside, device.clone(), host, wrap(bus)).map_err(|error| error.to_string())?;
    let fired = alarm(world, &device);
    let removed = device.remove(outside).map_err(|error| error.to_string())?;
    fired.map(|()| removed)
}

fn alarm<B: Bus + Send + Sync + 'static>(
    world: &World,
    device: &Arc<GpuDevice<WorldHost<B>>>,
) -> Result<(), String> {
    let outside = &mut Outside::new();
    let client = Session::open(device.clone(), &Gpu::CLIENT).map_err(|error| error.to_string())?;
    let id = client.call(outside, |cx| Gpu::schedule(cx, Gpu::time(cx)? + 50_000));
    let id = id.map_err(|error| error.to_string())?;
    let until = world.now() + Nanos::from_millis(200);
    let fired = client.wait(outside, world, until, |cx| Ok(Gpu::fired(cx, id)));
    fired.map_err(|error| error.to_string())?;
    let missed = client.call(outside, |cx| Ok(cx.data().missed_interrupts()));
    if missed == Ok(0) { Ok(()) } else { Err(format!("not by interrupt: {missed:?}")) }
}

fn writer(chipset: Chipset) -> Writer<String> {
    let chip = chipset.to_string();
    Writer::new(String::new(), &[("chip", &chip), ("source", "sim")]).expect("a header")
}

/// A trace of the driver on `chipset`, as text.
fn record(chipset: Chipset) -> String {
    let (world, gpu) = (World::new(SEED), SimulatedGpu::new(SimConfig::new(chipset)));
    let recorder = Shared::new(Recorder::new(writer(chipset)));
    let (inner, watch) = (recorder.clone(), Watch(world.clone()));
    let removed = drive(&world, &gpu, |bus| Record::new(bus, inner, watch));
    assert_eq!(removed, Ok(Removed { lost: false, failed: None }), "{chipset}");
    let empty = Recorder::new(writer(chipset));
    let Ok(recorder) = recorder.with(|recorder| std::mem::replace(recorder, empty));
    recorder.into_sink().finish().expect("is written")
}

fn accesses(text: &str) -> Vec<Access> {
    let mut accesses = trace::parse_any(text).expect("a trace").accesses();
    let all = accesses.by_ref().collect::<Result<_, _>>().expect("well-formed");
    assert!(accesses.reader().is_complete());
    all
}

/// The same driver, answered from a trace: what it said, and what the replay says.
fn replay(chipset: Chipset, accesses: Vec<Access>) -> (Result<Removed, String>, Option<Failure<Infallible>>) {
    let (world, gpu) = (World::new(SEED), SimulatedGpu::new(SimConfig::new(chipset)));
    let script = Shared::new(Script::new(Owned(accesses.into_iter()), Mode::Strict));
    let trace = Replay::locked(script.clone());
    let said = drive(&world, &gpu, |bus| Beside { trace, gpu: bus, lock: hal::Lock::new(()) });
    let Ok(finished) = script.with(Script::finish);
    (said, finished.err())
}

/// One chip of each family.
fn chips() -> impl Iterator<Item = Chipset> {
    let first = |family| Chipset::ALL.iter().copied().find(|chip: &Chipset| chip.family() == family);
    Family::ALL.into_iter().filter_map(first)
}

#[test]
fn what_was_recorded_replays_to_its_end_on_every_family() {
    for chipset in chips() {
        let trace = accesses(&record(chipset));
        assert!(trace.len() > 50, "{chipset}: {}", trace.len());
        let (said, failure) = replay(chipset, trace);
        assert_eq!(failure, None, "{chipset}");
        assert_eq!(said, Ok(Removed { lost: false, failed: None }), "{chipset}");
    }
}

#[test]
fn the_same_seed_makes_the_same_trace() {
    for chipset in chips() {
        assert_eq!(record(chipset), record(chipset));
    }
}

/// The same access, at another place or as the other kind.
fn other(access: Access, how: usize) -> Access {
    let flipped = if access.op == Op::Read { Op::Write } else { Op::Read };
    match how % 3 {
        0 => Access { offset: access.offset ^ 4, ..access },
        1 => Access { op: flipped, ..access },
        _ if access.op == Op::Write => Access { value: !access.value, ..access },
        _ => Access { width: nova_backends::access::Width::W8, value: access.value & 0xff, ..access },
    }
}

#[test]
fn one_changed_access_is_reported_where_it_is() {
    for chipset in chips() {
        let trace = accesses(&record(chipset));
        for index in 0..trace.len() {
            let mut changed = trace.clone();
            changed[index] = other(changed[index], index);
            let (_, failure) = replay(chipset, changed.clone());
            let Some(Failure::Diverged { want, got }) = failure else {
                panic!("{chipset}, access {index}: {failure:?}")
            };
            assert_eq!((want, want.seq), (changed[index], index as u64), "{chipset}");
            assert!(got.same_request(&trace[index]), "{chipset}, access {index}: {got}");
        }
    }
}

#[test]
fn a_trace_that_is_cut_or_goes_on_is_reported_at_its_end() {
    let chipset = Chipset::GA102;
    let mut trace = accesses(&record(chipset));
    let last = *trace.last().expect("some");
    trace.push(Access { seq: last.seq + 1, ..last });
    let (said, failure) = replay(chipset, trace.clone());
    assert!(said.is_ok());
    assert!(matches!(failure, Some(Failure::Unfinished { want }) if want.seq == last.seq + 1), "{failure:?}");
    trace.truncate(last.seq as usize);
    let (_, failure) = replay(chipset, trace);
    assert!(matches!(failure, Some(Failure::Ended { index, .. }) if index == last.seq), "{failure:?}");
}

#[test]
fn nouveau_on_a_ga102_unit_by_unit() {
    const LOG: &str = include_str!("../../backends/tests/data/nouveau-ga102-trimmed.mmiotrace");
    let mut units: BTreeMap<&str, (u32, u32, u32)> = BTreeMap::new();
    for access in trace::parse_any(LOG).expect("a log").accesses() {
        let access = access.expect("well-formed");
        let named = regs::by_offset(access.offset & !3, Some(Family::Ga102)).is_some();
        let (reads, writes, known) = units.entry(regs::unit_of(access.offset).unwrap_or("?")).or_default();
        *(if access.op == Op::Read { reads } else { writes }) += 1;
        *known += u32::from(named);
    }
    let lines: Vec<String> = units
        .iter()
        .map(|(unit, (reads, writes, known))| format!("{unit:<12}{reads:>6}{writes:>7}{known:>7}"))
        .collect();
    insta::assert_snapshot!(format!("unit         reads writes  named\n{}", lines.join("\n")), @"
    unit         reads writes  named
    CPU_INTR         0      1      1
    FUSE             2      0      2
    PBUS             0      1      1
    PDISP            1      0      1
    PEXTDEV          2      0      2
    PFB              0      1      1
    PGC6             3      0      3
    PMC              3      0      3
    PRAMIN           0   1380   1380
    PRMCIO           1      3      0
    PROM           480      0    480
    PTOP             1      0      1
    UFLUSH           1      1      0
    XVE              2      2      4
    ");
}
