//! The fault loop: every access of a scenario fails once, and from then on, in every way there is.
//!
//! In the manner of SQLite: the scenario is run undisturbed, to count its accesses; then again with
//! the first access failing, with the second, and so on, until a run gets to its end without any.
//! Every run has a GPU, a world and a device of its own, all from the same seed, so that two runs
//! are the same up to the access that fails. A run that breaks a rule is named by its chip and the
//! text of its fault; `NOVA_FAULT_CASE="GA102 nth=17,all-ones"` runs that one alone.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant as WallClock;

use nova_backends::faults::{Effect, Fault, Faults, Turn};
use nova_core::Error;
use nova_core::bus::{Bus, ErrorKind, Offset};
use nova_core::chip::{Chipset, Family};
use nova_core::driver::{Gpu, GpuDevice};
use nova_core::hal::Nanos;
use nova_core::lifecycle::{
    Failure as _, Outside, ProbeError, Refused, Removed, Session, SessionError, State,
};
use nova_sim_glue::gpu::{Gpu as SimulatedGpu, SimConfig};
use nova_sim_glue::world::{World, WorldBus, WorldConfig, WorldHost};

/// What a scenario finds: nothing to complain of, or a rule that was broken.
pub type Verdict = Result<(), String>;
/// The host of the devices under test.
pub type Host = WorldHost<FaultyBus>;
/// A device under test.
pub type Device = GpuDevice<Host>;
/// A client of a device under test.
pub type Client = Session<Arc<Device>>;

type Delay = Box<dyn Fn(u64) + Send + Sync>;
type Inner = Faults<WorldBus, 1, Delay>;

/// Accesses after which a run counts as hung. The longest honest one, a boot that is never seen to
/// end, makes a tenth of it.
const MOST_ACCESSES: u64 = 100_000;
/// Time that has to be enough for a run whose accesses are not slowed down.
const MOST_TIME: Nanos = Nanos::from_secs(30);
/// How long a device is left alone after a scenario: the watchdog looks at it twice.
const AFTERWARDS: Nanos = Nanos::from_millis(250);
/// Different broken rules that are told of.
const MOST_COMPLAINTS: usize = 20;

/// What goes wrong, with the name under which it is counted.
///
/// The bits that stick are those that carry the most: 0 enables and tells "pending", 1 is the
/// doorbell's in its leaf, 2 the top bit of the subtree in use, 5 the lowest of the time, 20 is in
/// the chip id and the timer's in both trees, 31 the alarm's in its leaf.
pub const EFFECTS: [(&str, Effect); 20] = [
    ("bus error gone", Effect::Error(ErrorKind::Gone)),
    ("bus error timeout", Effect::Error(ErrorKind::Timeout)),
    ("all ones", Effect::AllOnes),
    // Both look like a time: their low five bits are zero.
    ("PRI error", Effect::Pri(0xbadf_1100)),
    ("PRI error", Effect::Pri(0xbadf_5040)),
    ("stuck bit", Effect::Stuck { bit: 0, high: true }),
    ("stuck bit", Effect::Stuck { bit: 0, high: false }),
    ("stuck bit", Effect::Stuck { bit: 1, high: true }),
    ("stuck bit", Effect::Stuck { bit: 1, high: false }),
    ("stuck bit", Effect::Stuck { bit: 2, high: true }),
    ("stuck bit", Effect::Stuck { bit: 2, high: false }),
    ("stuck bit", Effect::Stuck { bit: 5, high: true }),
    ("stuck bit", Effect::Stuck { bit: 5, high: false }),
    ("stuck bit", Effect::Stuck { bit: 20, high: true }),
    ("stuck bit", Effect::Stuck { bit: 20, high: false }),
    ("stuck bit", Effect::Stuck { bit: 31, high: true }),
    ("stuck bit", Effect::Stuck { bit: 31, high: false }),
    ("delay 1 ms", Effect::Delay(1_000_000)),
    ("delay 10 s", Effect::Delay(10_000_000_000)),
    ("write dropped", Effect::Drop),
];

/// A bus with one fault, shared by the device, which owns it, and the test, which arms it.
#[derive(Clone)]
pub struct FaultyBus(Arc<Shared>);

struct Shared {
    faults: Inner,
    /// All accesses, those included that never reach the GPU.
    made: AtomicU64,
}

impl FaultyBus {
    fn new(bus: WorldBus, world: &World, fault: Option<Fault>) -> Self {
        let world = world.clone();
        let delay: Delay = Box::new(move |ns| world.spend(ns));
        let mut faults = Inner::with_delay(bus, delay);
        if let Some(fault) = fault {
            faults.push(fault).expect("a fault that can happen");
        }
        faults.arm(false);
        Self(Arc::new(Shared { faults, made: AtomicU64::new(0) }))
    }

    /// All accesses the driver made.
    pub fn made(&self) -> u64 {
        self.0.made.load(Relaxed)
    }

    /// How many times the fault acted.
    pub fn fired(&self) -> u32 {
        self.0.faults.fired()
    }

    fn count(&self) -> &Inner {
        let made = self.0.made.fetch_add(1, Relaxed);
        assert!(made < MOST_ACCESSES, "a run without end: {made} accesses");
        &self.0.faults
    }
}

impl Bus for FaultyBus {
    type Error = <Inner as Bus>::Error;

    fn read8(&self, at: Offset<u8>) -> Result<u8, Self::Error> {
        self.count().read8(at)
    }
    fn read16(&self, at: Offset<u16>) -> Result<u16, Self::Error> {
        self.count().read16(at)
    }
    fn read32(&self, at: Offset<u32>) -> Result<u32, Self::Error> {
        self.count().read32(at)
    }
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Self::Error> {
        self.count().write8(at, value)
    }
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Self::Error> {
        self.count().write16(at, value)
    }
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Self::Error> {
        self.count().write32(at, value)
    }
}

/// One run: a chip, a seed, and what goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The chip.
    pub chipset: Chipset,
    /// The seed of its world.
    pub seed: u64,
    /// The fault; `None` for the undisturbed run.
    pub fault: Option<Fault>,
}

impl fmt::Display for Case {
    /// What `NOVA_FAULT_CASE` takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Some(fault) => write!(f, "{} {fault}", self.chipset),
            None => write!(f, "{} undisturbed", self.chipset),
        }
    }
}

impl Case {
    fn effect(&self) -> Option<Effect> {
        self.fault.map(|fault| fault.effect)
    }

    /// Whether the fault stays once it has come.
    pub fn lasts(&self) -> bool {
        self.fault.is_some_and(|fault| matches!(fault.turn, Turn::From(_)))
    }

    /// The first access that may be disturbed, from 1.
    pub fn first(&self) -> u32 {
        match self.fault.map(|fault| fault.turn) {
            Some(Turn::Nth(n) | Turn::From(n)) => n,
            _ => 1,
        }
    }

    /// Whether writes may get lost without an error.
    pub fn loses_writes(&self) -> bool {
        matches!(self.effect(), Some(Effect::AllOnes | Effect::Pri(_) | Effect::Drop))
    }

    /// Whether accesses take longer.
    pub fn is_slow(&self) -> bool {
        matches!(self.effect(), Some(Effect::Delay(_)))
    }

    /// Whether the device is gone for good once the fault has come.
    pub fn is_loss(&self) -> bool {
        self.lasts() && matches!(self.effect(), Some(Effect::AllOnes | Effect::Error(ErrorKind::Gone)))
    }

    /// Whether the driver may take the device for gone.
    ///
    /// All-ones once may hit BOOT_0, which is never all ones, and a bit that sticks makes another
    /// chip's of it. An error pattern, a timeout, a delay and a lost write never may.
    pub fn may_look_gone(&self) -> bool {
        matches!(self.effect(), Some(Effect::AllOnes | Effect::Error(ErrorKind::Gone) | Effect::Stuck { .. }))
    }

    /// Whether nothing may fail at all: 1 ms more for one access is less than every limit.
    pub fn is_harmless(&self) -> bool {
        match self.fault {
            None => true,
            Some(fault) => !self.lasts() && fault.effect == Effect::Delay(1_000_000),
        }
    }

    /// The bit that sticks, and how.
    pub fn stuck(&self) -> Option<(u32, bool)> {
        match self.effect() {
            Some(Effect::Stuck { bit, high }) => Some((u32::from(bit), high)),
            _ => None,
        }
    }

    /// What a stuck bit makes of a word.
    pub fn bent(&self, word: u32) -> u32 {
        match self.stuck() {
            Some((bit, true)) => word | 1 << bit,
            Some((bit, false)) => word & !(1 << bit),
            None => word,
        }
    }

    /// By how much, in ns, a time may be wrong that is read around GPU time `truth`.
    ///
    /// Relaxed for stuck bits only. The words of the time have no redundancy but the eight bits that
    /// read zero: any other bit of TIME_0 that is wrong in the one read that matters makes another
    /// possible time. TIME_1 is read twice, so it has to be wrong twice the same way.
    pub fn time_error(&self, truth: u64) -> u64 {
        let Some((bit, _)) = self.stuck() else { return 0 };
        let high = (truth >> 32) as u32;
        let high = if self.lasts() { self.bent(high) ^ high } else { 0 };
        // The low five bits would give themselves away.
        let low = if bit >= 5 { 1 << bit } else { 0 };
        u64::from(high) << 32 | low
    }
}

/// A case, set up.
pub struct Rig {
    /// What goes wrong.
    pub case: Case,
    /// The world.
    pub world: World,
    /// The hardware, and with it the truth.
    pub gpu: SimulatedGpu,
    /// The device cell.
    pub device: Arc<Device>,
    /// The bus.
    pub bus: FaultyBus,
    host: Host,
}

impl Rig {
    fn new(case: Case, config: SimConfig) -> Self {
        let world = World::with_config(case.seed, WorldConfig { journal: 0, ..WorldConfig::default() });
        let gpu = SimulatedGpu::new(config);
        let (host, bus) = world.attach(&gpu);
        let bus = FaultyBus::new(bus, &world, case.fault);
        Self { case, world, gpu, device: Arc::new(Device::new()), bus, host }
    }

    /// Binds the driver.
    ///
    /// # Errors
    ///
    /// What probe gives.
    pub fn probe(&self) -> Result<(), ProbeError<Error>> {
        self.device.probe(&mut Outside::new(), self.device.clone(), self.host.clone(), self.bus.clone())
    }

    /// A client of the bound device.
    ///
    /// # Panics
    ///
    /// When the device is not bound: a scenario's preparation is not disturbed.
    pub fn client(&self) -> Client {
        Session::open(self.device.clone(), &Gpu::CLIENT).expect("a bound device")
    }

    /// Runs `f` with the fault armed. A fault that has come and lasts stays; one that has not does
    /// not come any more.
    pub fn disturbed<R>(&self, f: impl FnOnce() -> R) -> R {
        self.bus.0.faults.arm(true);
        let result = f();
        if self.bus.fired() == 0 {
            self.bus.0.faults.arm(false);
        }
        result
    }

    /// Whether the fault has come.
    pub fn hit(&self) -> bool {
        self.bus.fired() > 0
    }

    /// Whether nothing may fail in this run (so far).
    pub fn must_succeed(&self) -> bool {
        !self.hit() || self.case.is_harmless()
    }

    /// Whether the device is gone for good.
    pub fn is_gone(&self) -> bool {
        self.hit() && self.case.is_loss()
    }

    /// The GPU's time as it is, in ns.
    pub fn truth(&self) -> u64 {
        let now = self.world.now().nanos();
        self.gpu.with(|gpu| gpu.time(now))
    }

    /// A register as it is.
    pub fn peek(&self, offset: u32) -> u32 {
        let now = self.world.now().nanos();
        let at = Offset::new(offset).expect("a register");
        self.gpu.with(|gpu| gpu.read(at, now))
    }

    /// An error that was reported has to be one of those the fault allows.
    ///
    /// # Errors
    ///
    /// When a loss is reported that is none, or something else although the device is gone.
    pub fn judge(&self, what: &str, gone: bool, error: &dyn fmt::Debug) -> Verdict {
        ensure(!self.must_succeed(), || format!("{what} fails without need: {error:?}"))?;
        if gone {
            ensure(self.case.may_look_gone(), || format!("{what}: taken for gone: {error:?}"))
        } else {
            ensure(!self.is_gone(), || format!("{what}: the device is gone, and the error is {error:?}"))
        }
    }

    /// The same for the error of a session.
    ///
    /// # Errors
    ///
    /// As [`judge`](Self::judge).
    pub fn judge_session(&self, what: &str, error: &SessionError<Error>) -> Verdict {
        let gone = match error {
            SessionError::Refused(refused) => *refused == Refused::Lost,
            SessionError::Driver(error) => error.is_gone(),
            _ => false,
        };
        self.judge(what, gone, error)
    }

    /// Nothing may be reported as done once the device is gone.
    ///
    /// # Errors
    ///
    /// When it is.
    pub fn deny(&self, what: &str) -> Verdict {
        ensure(!self.is_gone(), || format!("{what}: success on a device that is gone"))
    }

    /// The end of every run: the device is left alone for a while, removed, and looked at.
    fn finish(&self) -> Verdict {
        self.linger()?;
        let state = self.device.state();
        if !matches!(state, State::Unbound | State::Removed) {
            let removed = self.device.remove(&mut Outside::new());
            let removed = removed.map_err(|error| format!("remove: {error:?}"))?;
            self.check_answer(removed)?;
            // Asleep it is let go of without a word. Of a step that could not be woken, and could not be
            // told to go to sleep again, nobody knows then.
            if !(state == State::Suspended && self.case.lasts()) {
                self.check_removed(removed)?;
            }
        }
        self.check_left()?;
        if self.case.lasts() { Ok(()) } else { self.rebind() }
    }

    /// Whoever looks at a device that is gone finds out, at the latest the watchdog.
    fn linger(&self) -> Verdict {
        let state = self.device.state();
        if matches!(state, State::Bound | State::Lost) {
            self.world.run_for(AFTERWARDS);
            let state = self.device.state();
            if self.is_gone() {
                ensure(state == State::Lost && self.device.removal_requested(), || {
                    format!("the device is gone and {state}")
                })?;
            }
        }
        if self.device.is_lost() {
            ensure(self.case.may_look_gone(), || "the device is taken for gone".into())?;
        }
        self.settled()
    }

    /// Nothing went on for too long, and no rule of the world was broken.
    fn settled(&self) -> Verdict {
        let slow = match self.case.effect() {
            Some(Effect::Delay(ns)) => Nanos(ns.saturating_mul(self.bus.made())),
            _ => Nanos::ZERO,
        };
        let now = self.world.now();
        ensure(now.nanos() <= (MOST_TIME + slow).get(), || format!("it took {now:?}"))?;
        let violations = self.world.violations();
        ensure(violations.is_empty(), || format!("{violations:?}"))
    }

    /// What remove said has to be true of the hardware.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn check_removed(&self, removed: Removed) -> Verdict {
        self.check_answer(removed)?;
        if removed.lost || removed.failed.is_some() {
            return Ok(());
        }
        self.check_quiet("removed")?;
        let page = self.gpu.with(nova_sim_glue::gpu::SimGpu::flush_page);
        ensure(page == 0, || format!("removed, and the flush page is {page:#x}"))
    }

    /// What remove said has to be what it can say after this fault.
    fn check_answer(&self, removed: Removed) -> Verdict {
        if self.is_gone() {
            ensure(removed.lost, || format!("the device is gone, and remove says {removed:?}"))?;
        }
        if removed.lost {
            ensure(self.case.may_look_gone(), || format!("taken for gone: {removed:?}"))?;
        }
        if self.must_succeed() {
            let clean = !removed.lost && removed.failed.is_none();
            ensure(clean, || format!("remove fails without need: {removed:?}"))?;
        }
        Ok(())
    }

    /// The hardware must not be able to interrupt.
    ///
    /// Relaxed for one case: on Turing, bit 20 of PMC's enables that sticks at zero, for good, in both
    /// directions. Its clearing does not arrive and reads back as done. The alarm is off at the timer.
    ///
    /// # Errors
    ///
    /// When it is.
    pub fn check_quiet(&self, when: &str) -> Verdict {
        let lines = self.gpu.with(|gpu| gpu.lines());
        let turing = self.case.chipset.family() == Family::Tu102;
        let blind = turing && self.case.lasts() && self.case.stuck() == Some((20, false));
        let quiet = lines.are_quiet() || blind && !lines.signalled;
        ensure(quiet, || format!("{when}, and the hardware is not quiet: {lines:?}"))
    }

    /// After a removal nothing is left: no access, no callback, no memory, no handle.
    fn check_left(&self) -> Verdict {
        self.world.expect_no_access(&self.gpu);
        let made = self.bus.made();
        self.world.run_for(AFTERWARDS);
        let late = self.bus.made() - made;
        ensure(late == 0, || format!("{late} accesses after remove"))?;
        self.settled()?;
        let live = self.world.live_registrations();
        ensure(live == 0, || format!("{live} registrations are left"))?;
        let bytes = self.world.memory(&self.gpu).live_bytes();
        ensure(bytes == 0, || format!("{bytes} bytes of DMA memory are left"))?;
        let handles = Arc::strong_count(&self.device);
        ensure(handles == 1, || format!("{} handles are left", handles - 1))
    }

    /// The fault is over: whatever state it left the hardware in, the driver can have it back.
    fn rebind(&self) -> Verdict {
        self.bus.0.faults.arm(false);
        // Lowers the fence.
        let _ = self.world.attach::<FaultyBus>(&self.gpu);
        self.probe().map_err(|error| format!("cannot be bound again: {error:?}"))?;
        let removed = self.device.remove(&mut Outside::new());
        let clean = removed == Ok(Removed { lost: false, failed: None });
        ensure(clean, || format!("bound again, and remove says {removed:?}"))?;
        self.check_quiet("bound again and removed")?;
        self.check_left()
    }
}

/// A complaint, unless `holds`.
///
/// # Errors
///
/// The complaint.
pub fn ensure(holds: bool, complaint: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(complaint()) }
}

/// Something a driver does, with the checks that belong to it.
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// The GPU it is done to.
    pub config: fn(Chipset) -> SimConfig,
    /// Whether the driver is bound before it begins.
    pub bound: bool,
    /// What is done, partly [`disturbed`](Rig::disturbed), and what has to be true then.
    pub run: fn(&Rig) -> Verdict,
}

impl Scenario {
    /// One run. Gives whether the fault came.
    fn run_one(&self, case: Case) -> (bool, Verdict) {
        let rig = Rig::new(case, (self.config)(case.chipset));
        let verdict = catch_unwind(AssertUnwindSafe(|| {
            if self.bound {
                rig.probe().map_err(|error| format!("preparation: {error:?}"))?;
            }
            (self.run)(&rig)?;
            rig.finish()
        }));
        let verdict = verdict.unwrap_or_else(|panic| Err(format!("panic: {}", message(&*panic))));
        (rig.hit(), verdict)
    }

    /// The whole loop. Prints how many cases it ran.
    ///
    /// # Panics
    ///
    /// When a case broke a rule.
    pub fn run_all(&self) {
        if let Ok(text) = std::env::var("NOVA_FAULT_CASE") {
            return self.replay(&text);
        }
        let plan = Plan::new();
        let mut tally = Tally::new();
        for (seed, chipset) in plan.chips() {
            let case = Case { chipset, seed, fault: None };
            tally.note("undisturbed", &case, self.run_one(case).1);
            for (nth, (kind, effect)) in EFFECTS.into_iter().enumerate() {
                for lasts in [false, true] {
                    self.run_every_access(&plan, &mut tally, (chipset, seed), (kind, effect, lasts), nth);
                }
            }
        }
        tally.tell(self.name, &plan);
    }

    /// The fault at the first access, at the second, and so on, until it does not come any more.
    fn run_every_access(
        &self,
        plan: &Plan,
        tally: &mut Tally,
        (chipset, seed): (Chipset, u64),
        (kind, effect, lasts): (&'static str, Effect, bool),
        nth: usize,
    ) {
        // With a stride, another offset for each effect, so that together they hit every access.
        let mut index = 1 + (nth as u32 + u32::from(lasts)) % plan.stride;
        loop {
            let fault = Fault::always(effect);
            let fault = if lasts { fault.from(index) } else { fault.nth(index) };
            let case = Case { chipset, seed, fault: Some(fault) };
            let (came, verdict) = self.run_one(case);
            tally.note(kind, &case, verdict);
            if !came {
                return;
            }
            index += plan.stride;
        }
    }

    fn replay(&self, text: &str) {
        let (chip, fault) = text.split_once(' ').expect("NOVA_FAULT_CASE is `CHIP FAULT`");
        let chipset = Chipset::by_name(chip).expect("a chip");
        let fault = (fault != "undisturbed").then(|| fault.parse().expect("a fault"));
        let seed = Plan::seed(chipset);
        let (came, verdict) = self.run_one(Case { chipset, seed, fault });
        let outcome = format!("{}: {text}: fault came: {came}, {verdict:?}", self.name);
        assert!(verdict.is_ok(), "{outcome}");
        say(&outcome);
    }
}

/// How much of it all is run.
struct Plan {
    quick: bool,
    /// Every so many accesses one is tried.
    stride: u32,
}

impl Plan {
    fn new() -> Self {
        let quick = cfg!(debug_assertions) || std::env::var_os("NOVA_TEST_QUICK").is_some();
        Self { quick, stride: if quick { 4 } else { 1 } }
    }

    /// The chips, each with the seed of its world.
    fn chips(&self) -> impl Iterator<Item = (u64, Chipset)> {
        let first = |family| Chipset::ALL.iter().copied().find(|chip: &Chipset| chip.family() == family);
        let all: Vec<Chipset> = if self.quick {
            Family::ALL.into_iter().filter_map(first).collect()
        } else {
            Chipset::ALL.to_vec()
        };
        all.into_iter().map(|chipset| (Self::seed(chipset), chipset))
    }

    fn seed(chipset: Chipset) -> u64 {
        u64::from(chipset.id())
    }
}

/// What came of all the cases.
struct Tally {
    started: WallClock,
    by_kind: BTreeMap<&'static str, u64>,
    /// Broken rules, each with how often and the first case.
    complaints: BTreeMap<String, (u64, String)>,
}

impl Tally {
    fn new() -> Self {
        Self { started: WallClock::now(), by_kind: BTreeMap::new(), complaints: BTreeMap::new() }
    }

    fn note(&mut self, kind: &'static str, case: &Case, verdict: Verdict) {
        *self.by_kind.entry(kind).or_default() += 1;
        if let Err(complaint) = verdict {
            self.complaints.entry(complaint).or_insert_with(|| (0, case.to_string())).0 += 1;
        }
    }

    fn tell(&self, scenario: &str, plan: &Plan) {
        let total: u64 = self.by_kind.values().sum();
        let kinds: Vec<_> = self.by_kind.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let extent = if plan.quick {
            format!("quick: one chip per family, every {}th access", plan.stride)
        } else {
            format!("all {} chips, every access; seed = chip id", Chipset::ALL.len())
        };
        let seconds = self.started.elapsed().as_secs_f64();
        say(&format!(
            "fault loop `{scenario}`: {total} cases ({}) in {seconds:.1} s; {extent}",
            kinds.join(", ")
        ));
        let mut worst: Vec<_> = self.complaints.iter().collect();
        worst.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let lines: Vec<_> = worst
            .iter()
            .take(MOST_COMPLAINTS)
            .map(|(complaint, (count, first))| {
                format!("{count} times, first NOVA_FAULT_CASE=\"{first}\": {complaint}")
            })
            .collect();
        assert!(
            lines.is_empty(),
            "{scenario}: {} rules broken:\n{}",
            self.complaints.len(),
            lines.join("\n")
        );
    }
}

/// Prints, also from a test that passes: the macros' output is kept from the terminal then.
fn say(line: &str) {
    // Nobody to tell when there is no terminal.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
