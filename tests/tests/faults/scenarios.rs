//! What the driver is doing when things go wrong, and what has to be true of the hardware afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use embedded_hal::delay::DelayNs as _;
use nova_core::Error;
use nova_core::bus::Offset;
use nova_core::chip::family::sets;
use nova_core::chip::{Chip, Chipset, Family};
use nova_core::driver::{BACKSTOP, Gpu, HEARTBEAT};
use nova_core::hal::{Instant, Nanos};
use nova_core::lifecycle::{Bound, Outside, RemoveError, SessionError, State};
use nova_core::regs::pbus::NV_PBUS_SW_SCRATCH as SCRATCH;
use nova_core::units::intr::Source;
use nova_sim_glue::gpu::SimConfig;
use nova_tests::fault_loop::{Client, Host, Rig, Scenario, Verdict, ensure};

/// Probe of a GPU that is still booting.
pub(crate) const PROBE: Scenario = Scenario { name: "probe", config: booting, bound: false, run: probe };
/// The time, a wait for a condition on GPU time, and a delay.
pub(crate) const WAIT: Scenario =
    Scenario { name: "timer wait", config: SimConfig::new, bound: true, run: wait };
/// An alarm that arrives by interrupt.
pub(crate) const ALARM: Scenario =
    Scenario { name: "alarm", config: SimConfig::new, bound: true, run: alarm };
/// A software interrupt and the end of a countdown.
pub(crate) const INTERRUPT: Scenario =
    Scenario { name: "interrupt", config: SimConfig::new, bound: true, run: interrupt };
/// Suspend and resume with an alarm ahead.
pub(crate) const SLEEP: Scenario =
    Scenario { name: "suspend, resume", config: SimConfig::new, bound: true, run: sleep };
/// The same with the power cut while it sleeps.
pub(crate) const POWER_CYCLE: Scenario =
    Scenario { name: "suspend, power cycle, resume", config: SimConfig::new, bound: true, run: power_cycle };
/// Remove with an alarm ahead and a countdown running.
pub(crate) const REMOVE: Scenario =
    Scenario { name: "remove", config: SimConfig::new, bound: true, run: remove };

/// Three looks at GFW's progress, one in each of its phases, and three at FSP's.
fn booting(chipset: Chipset) -> SimConfig {
    let boot_ns = if sets::hopper_up.contains(chipset.family()) { 15_000_000 } else { 1_500_000 };
    SimConfig { boot_ns, ..SimConfig::new(chipset) }
}

fn probe(rig: &Rig) -> Verdict {
    match rig.disturbed(|| rig.probe()) {
        Ok(()) => {
            rig.deny("probe")?;
            let chip = rig.client().call(&mut Outside::new(), |cx| Ok(*cx.data().chip()));
            check_chip(rig, &chip.map_err(|error| format!("bound, and {error:?}"))?)?;
            let booted = rig.world.now().nanos() >= rig.gpu.with(|gpu| gpu.config().boot_ns);
            ensure(booted, || "bound before the firmware was done".into())?;
            check_in_use(rig, "bound")
        }
        Err(error) => {
            rig.judge("probe", error.is_gone(), &error)?;
            ensure(rig.device.state() == State::Unbound, || {
                format!("{error:?}, and {}", rig.device.state())
            })?;
            check_unwound(rig)
        }
    }
}

/// Identification has to be right.
///
/// Relaxed for a bit of BOOT_0 that sticks for good: the id stands at the same bits of BOOT_42, so it is
/// wrong there in the same way, and where another chip has that id nothing in the two registers tells.
fn check_chip(rig: &Rig, chip: &Chip) -> Verdict {
    let identity = rig.gpu.with(|gpu| *gpu.identity());
    let always = rig.case.lasts() && rig.case.first() == 1;
    let boot_0 = if always { rig.case.bent(identity.boot_0) } else { identity.boot_0 };
    let id = chip.chipset().id();
    ensure(id == boot_0 >> 20 & 0x1ff && chip.boot0() == boot_0, || {
        format!("taken for {} ({:#010x}), is {:#010x}", chip.chipset(), chip.boot0(), identity.boot_0)
    })
}

/// A device in use can interrupt, and flushes into memory that is there.
fn check_in_use(rig: &Rig, when: &str) -> Verdict {
    let leaf = rig.peek(0xb8_1200 + 4 * 4);
    let turing = rig.case.chipset.family() == Family::Tu102;
    let wanted = vector_bit(Source::CPU_DOORBELL)
        | vector_bit(Source::COUNTDOWN)
        | if turing { 0 } else { vector_bit(Source::ALARM) };
    ensure(leaf & wanted == wanted, || format!("{when}, and of leaf 4 only {leaf:#010x} is enabled"))?;
    let top = rig.peek(0xb8_1608);
    ensure(top & 4 != 0, || format!("{when}, and of the top only {top:#x} is enabled"))?;
    if turing {
        let pmc = rig.peek(0x140);
        ensure(pmc & 1 << 20 != 0, || format!("{when}, and of PMC only {pmc:#010x} is enabled"))?;
    }
    let page = rig.gpu.with(nova_sim_glue::gpu::SimGpu::flush_page);
    let there = rig.world.memory(&rig.gpu).device_read(page, &mut [0; 4]).is_ok();
    ensure(there, || format!("{when}, and there is no memory at the flush page {page:#x}"))
}

fn vector_bit(source: Source) -> u32 {
    1 << (source.number() % 32)
}

/// What a failed probe had done is undone, unless the device cannot be told to.
fn check_unwound(rig: &Rig) -> Verdict {
    if rig.case.lasts() || rig.device.is_lost() {
        return Ok(());
    }
    rig.check_quiet("unwound")?;
    let page = rig.gpu.with(nova_sim_glue::gpu::SimGpu::flush_page);
    ensure(page == 0, || format!("unwound, and the flush page is {page:#x}"))
}

/// Calls into the device; what comes of it is checked by `done`.
fn call<T>(
    rig: &Rig,
    client: &Client,
    what: &str,
    f: impl FnOnce(&Bound<'_, Gpu<Host>>) -> Result<T, Error>,
    done: impl FnOnce(T) -> Verdict,
) -> Verdict {
    match client.call(&mut Outside::new(), f) {
        Ok(value) => done(value),
        Err(error) => rig.judge_session(what, &error),
    }
}

const SCRATCH_AT: u32 = 0x1400 + 4 * 0x20;
/// The bit that is waited for.
const READY: u32 = 1;

fn wait(rig: &Rig) -> Verdict {
    let client = rig.client();
    rig.disturbed(|| {
        read_time(rig, &client)?;
        wait_for_bit(rig, &client)?;
        delay(rig, &client)
    })
}

fn read_time(rig: &Rig, client: &Client) -> Verdict {
    let before = rig.truth();
    call(rig, client, "time", Gpu::time, |time| {
        rig.deny("time")?;
        let after = rig.truth();
        let error = rig.case.time_error(before).max(rig.case.time_error(after));
        let right = time >= before.saturating_sub(error) && time <= after.saturating_add(error);
        ensure(right, || format!("the time is {time}, not between {before} and {after}"))
    })
}

/// Waits for a bit that somebody sets after 8 us.
fn wait_for_bit(rig: &Rig, client: &Client) -> Verdict {
    let set = Arc::new(AtomicBool::new(false));
    let (gpu, flag) = (rig.gpu.clone(), set.clone());
    rig.world.post(rig.world.now() + Nanos::from_micros(8), "set the bit", move |_| {
        let at = Offset::new(SCRATCH_AT).expect("a register");
        flag.store(gpu.with(|gpu| gpu.poke(at, READY)), Relaxed);
    });
    let waited = |cx: &Bound<'_, Gpu<Host>>| {
        let io = Gpu::io(cx);
        Gpu::timer(cx).wait_on("the bit", Nanos::from_micros(50), || {
            Ok((io.read(SCRATCH.at(0x20)?)?.get() & READY != 0).then_some(()))
        })
    };
    call(rig, client, "wait", waited, |()| {
        rig.deny("wait")?;
        // One bit without redundancy: nothing tells a one that sticks from a one that is set.
        let forged = rig.case.stuck() == Some((0, true));
        ensure(set.load(Relaxed) || forged, || "a wait is over, and nothing has happened".into())
    })
}

fn delay(rig: &Rig, client: &Client) -> Verdict {
    const SPAN: u32 = 5_000;
    let before = rig.truth();
    let delayed = |cx: &Bound<'_, Gpu<Host>>| {
        let mut delay = Gpu::delay(cx);
        delay.delay_ns(SPAN);
        delay.take_error()
    };
    call(rig, client, "delay", delayed, |()| {
        rig.deny("delay")?;
        let passed = rig.truth() - before;
        // Half a step to each side is the counter's own.
        let error = rig.case.time_error(before).max(rig.case.time_error(before + passed)) + 32;
        ensure(passed + error >= u64::from(SPAN), || format!("a delay of {SPAN} ns took {passed} ns"))
    })
}

fn alarm(rig: &Rig) -> Verdict {
    let client = rig.client();
    rig.disturbed(|| {
        let Some((id, at)) = schedule(rig, &client, 20_000)? else { return Ok(()) };
        let until = rig.world.now() + Nanos::from_secs(5);
        let clock = rig.world.clone();
        match client.wait(&mut Outside::new(), &clock, until, |cx| Ok(Gpu::fired(cx, id))) {
            // Also on a device that is gone by now: the alarm was before that, or it would be early.
            Ok(fired) => check_fired(rig, at, fired.at, fired.seen),
            Err(error) => rig.judge_session("alarm", &error),
        }
    })
}

type Scheduled = Option<(nova_core::units::timer::AlarmId, u64)>;

/// An alarm so many ns ahead; `None` when it was refused, in which case nothing may be left of it.
fn schedule(rig: &Rig, client: &Client, ahead: u64) -> Result<Scheduled, String> {
    let scheduled = client.call(&mut Outside::new(), |cx| {
        let at = Gpu::time(cx)? + ahead;
        Ok((Gpu::schedule(cx, at)?, at))
    });
    match scheduled {
        Ok(scheduled) => {
            // With a loss during the last access it may still look well; whoever waits finds out.
            Ok(Some(scheduled))
        }
        Err(error) => {
            rig.judge_session("schedule", &error)?;
            let armed = client.call(&mut Outside::new(), |cx| Ok(Gpu::timer(cx).armed()));
            let none = matches!(armed, Ok(0) | Err(SessionError::Refused(_)));
            ensure(none, || format!("refused with {error:?}, and {armed:?} alarms are armed"))?;
            Ok(None)
        }
    }
}

fn check_fired(rig: &Rig, asked: u64, at: u64, seen: u64) -> Verdict {
    let truth = rig.truth();
    ensure(at >= asked && at < asked + 32, || format!("asked for {asked}, fired at {at}"))?;
    ensure(seen >= at, || format!("fired at {seen}, {} ns early", at - seen))?;
    // What looks due is looked at twice, so a time that is wrong once does not make it early.
    let error = if rig.case.lasts() { rig.case.time_error(truth).max(rig.case.time_error(at)) } else { 0 };
    ensure(truth.saturating_add(error) >= seen, || format!("fired at {seen}, and it is {truth}"))
}

fn interrupt(rig: &Rig) -> Verdict {
    let client = rig.client();
    rig.disturbed(|| {
        let triggered = client.call(&mut Outside::new(), |cx| {
            Gpu::trigger(cx)?;
            Gpu::timer(cx).countdown(10)
        });
        // Several times, for the one that ends when a slow access does.
        (0..4).for_each(|_| rig.world.run_for(Nanos::from_micros(100)));
        match triggered {
            Ok(()) => check_counts(rig, &client),
            Err(error) => rig.judge_session("trigger", &error),
        }
    })?;
    check_alive(rig, &client)
}

/// Each was served once at the most, and nothing else was.
fn check_counts(rig: &Rig, client: &Client) -> Verdict {
    let counts = client.call(&mut Outside::new(), |cx| {
        let intr = Gpu::intr(cx);
        Ok((intr.count_of(Source::CPU_DOORBELL), intr.count_of(Source::COUNTDOWN), intr.counts()))
    });
    let (doorbell, countdown, counts) = match counts {
        Ok(counts) => counts,
        Err(error) => return rig.judge_session("counts", &error),
    };
    let told = || format!("doorbell {doorbell}, countdown {countdown}, {counts:?}");
    if rig.must_succeed() {
        ensure((doorbell, countdown) == (1, 1), told)?;
    }
    // A latch whose clearing got lost is pending, and is served again. A leaf's bit that sticks is a
    // source that is pending, for all one can see.
    let most = if rig.case.loses_writes() { 2 } else { 1 };
    let forged = rig.case.stuck().is_some() || rig.case.lasts() && rig.case.loses_writes();
    ensure(doorbell.max(countdown) <= most || forged, told)
}

/// After a fault that is over, the next interrupt gets through.
///
/// Where a write was lost or bent without a word, only after the watchdog's next look: the write that
/// lets the next message be sent reads back nothing, so nobody can know.
fn check_alive(rig: &Rig, client: &Client) -> Verdict {
    if rig.case.lasts() || rig.device.state() != State::Bound {
        return Ok(());
    }
    if rig.case.loses_writes() || rig.case.stuck().is_some() {
        rig.world.run_for(HEARTBEAT);
    }
    let count = |cx: &Bound<'_, Gpu<Host>>| Ok(Gpu::intr(cx).count_of(Source::CPU_DOORBELL));
    let before = client.call(&mut Outside::new(), count);
    client
        .call(&mut Outside::new(), Gpu::trigger)
        .map_err(|error| format!("trigger afterwards: {error:?}"))?;
    rig.world.run_for(Nanos::from_micros(100));
    let after = client.call(&mut Outside::new(), count);
    ensure(matches!((&before, &after), (Ok(before), Ok(after)) if after > before), || {
        format!("no interrupt gets through any more: {before:?}, {after:?}")
    })
}

fn sleep(rig: &Rig) -> Verdict {
    nap(rig, |_| ())
}

/// With the power cut meanwhile: registers and time start over.
fn power_cycle(rig: &Rig) -> Verdict {
    nap(rig, |rig| {
        let now = rig.world.now().nanos();
        rig.gpu.with(|gpu| {
            gpu.power_off();
            gpu.power_on(now);
        });
    })
}

fn nap(rig: &Rig, meanwhile: impl Fn(&Rig)) -> Verdict {
    const AHEAD: u64 = 1_000_000;
    let client = rig.client();
    let Some((id, at)) = schedule(rig, &client, AHEAD)? else { return Err("preparation".into()) };
    let before = (rig.world.now(), rig.truth());
    let awake = rig.disturbed(|| suspend_resume(rig, meanwhile))?;
    if !awake {
        return Ok(());
    }
    check_time(rig, before)?;
    check_restored(rig, &client, id, at)
}

/// Gives whether the device is in use at the end.
fn suspend_resume(rig: &Rig, meanwhile: impl Fn(&Rig)) -> Result<bool, String> {
    const LIMIT: Nanos = Nanos::from_secs(1);
    let outside = &mut Outside::new();
    if let Err(error) = rig.device.suspend(outside, LIMIT) {
        rig.judge("suspend", error.is_gone(), &error)?;
        return check_not_asleep(rig, &error);
    }
    rig.deny("suspend")?;
    check_asleep(rig)?;
    meanwhile(rig);
    if let Err(error) = rig.device.resume(outside) {
        rig.judge("resume", error.is_gone(), &error)?;
        return resume_again(rig);
    }
    rig.deny("resume")?;
    check_in_use(rig, "resumed").map(|()| true)
}

/// The GPU's time has gone on, as the world's has.
///
/// Relaxed for slow accesses: what passes between the look at the time and the write is lost; and for
/// stuck bits, of which the driver sees only those that are worth more than a second.
fn check_time(rig: &Rig, (host, gpu): (Instant, u64)) -> Verdict {
    let truth = rig.truth();
    let expected = gpu + rig.world.now().since(host).get();
    let error = rig.case.time_error(expected).max(rig.case.time_error(truth)) + 50_000;
    let right = rig.case.is_slow() || truth.abs_diff(expected) <= error;
    ensure(right, || format!("awake, and it is {truth} where it should be {expected}"))
}

/// Asleep the hardware is quiet, and nobody talks to it.
fn check_asleep(rig: &Rig) -> Verdict {
    rig.check_quiet("asleep")?;
    let made = rig.bus.made();
    rig.world.run_for(Nanos::from_micros(200));
    let more = rig.bus.made() - made;
    ensure(more == 0, || format!("{more} accesses while asleep"))?;
    let state = rig.device.state();
    ensure(state == State::Suspended, || format!("asleep, and {state}"))
}

/// A suspend that failed leaves the device in use, or half asleep with nobody let in, or lost.
fn check_not_asleep(rig: &Rig, error: &nova_core::lifecycle::SuspendError<Error>) -> Result<bool, String> {
    use nova_core::lifecycle::SuspendError;
    let state = rig.device.state();
    let wanted = match error {
        _ if error.is_gone() => State::Lost,
        SuspendError::Stuck { .. } => State::Suspended,
        _ => State::Bound,
    };
    ensure(state == wanted, || format!("suspend: {error:?}, and {state}"))?;
    if rig.case.lasts() || state != State::Bound {
        return Ok(false);
    }
    check_in_use(rig, "not asleep").map(|()| true)
}

/// A resume that failed leaves the device asleep; once the fault is over, it wakes up.
fn resume_again(rig: &Rig) -> Result<bool, String> {
    let state = rig.device.state();
    let wanted = if rig.device.is_lost() { State::Lost } else { State::Suspended };
    ensure(state == wanted, || format!("resume failed, and {state}"))?;
    if rig.case.lasts() || state != State::Suspended {
        return Ok(false);
    }
    rig.check_quiet("still asleep")?;
    rig.device.resume(&mut Outside::new()).map_err(|error| format!("resume again: {error:?}"))?;
    check_in_use(rig, "resumed again").map(|()| true)
}

/// The alarm is still there: it fires, not early, and not later than the backstop.
fn check_restored(rig: &Rig, client: &Client, id: nova_core::units::timer::AlarmId, at: u64) -> Verdict {
    let until = rig.world.now() + Nanos::from_secs(1);
    let waited = client.wait(&mut Outside::new(), &rig.world, until, |cx| Ok(Gpu::fired(cx, id)));
    let fired = match waited {
        Ok(fired) => fired,
        Err(error) if rig.case.lasts() => return rig.judge_session("the alarm", &error),
        Err(error) => return Err(format!("the alarm did not come: {error:?}")),
    };
    check_fired(rig, at, fired.at, fired.seen)?;
    let (late, truth) = (fired.seen - fired.at, rig.truth());
    let error = rig.case.time_error(truth).max(rig.case.time_error(at));
    ensure(rig.case.is_slow() || late <= BACKSTOP.get() + 1_000_000 + error, || {
        format!("the alarm came {late} ns late")
    })
}

fn remove(rig: &Rig) -> Verdict {
    let client = rig.client();
    schedule(rig, &client, 1_000_000)?;
    let counted = client.call(&mut Outside::new(), |cx| Gpu::timer(cx).countdown(900));
    counted.map_err(|error| format!("preparation: {error:?}"))?;
    let removed = rig.disturbed(|| rig.device.remove(&mut Outside::new()));
    match removed {
        Ok(removed) => rig.check_removed(removed),
        Err(RemoveError::Blocked(blocker)) => Err(format!("blocked by {blocker}")),
        Err(error) => Err(format!("remove: {error:?}")),
    }
}
