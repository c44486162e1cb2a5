//! The GPU's time and its alarms, by nova's driver over VFIO.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nova_core::{
    Error,
    driver::Gpu,
    hal::Nanos,
    units::timer::{STEP, View},
};
use nova_vm_tests::CHIPS;

use super::count;
use crate::{
    control::Control,
    driven::{Client, Driven, call},
};

/// What came of the alarms.
#[derive(Debug, Default)]
struct Alarms {
    /// Found due when they were set.
    at_once: u64,
    /// Fired later.
    later: u64,
    /// Of those, how many the driver found by itself, because the interrupt was late.
    missed: u32,
    interrupts: u64,
    /// The worst, in ns.
    late: u64,
}

/// On a GPU of every family.
pub(super) fn timer() -> Result<()> {
    let mut alarms = Alarms::default();
    for chip in CHIPS {
        on(chip, &mut alarms).with_context(|| format!("{chip}: the timer"))?;
    }
    let Alarms { at_once, later, missed, interrupts, late } = alarms;
    println!(
        "{interrupts} interrupts; {later} alarms fired ({missed} found without an interrupt) and {at_once} were due when \
         they were set; the worst {} us late",
        late / 1000
    );
    Ok(())
}

fn on(chip: &str, alarms: &mut Alarms) -> Result<()> {
    let mut control = Control::open()?;
    let sent = count(&mut control, chip, "server", "messages")?;
    let driven = Driven::bound(chip)?;
    let client = driven.client()?;
    clock(&client)?;
    let fired = driven.alarm_by_interrupt(&client)?;
    ensure!(fired.at % STEP == 0, "an alarm is for {}, which the counter never reads", fired.at);
    past(&client, alarms)?;
    race(&driven, &client, alarms)?;
    alarms.missed += call(&client, |cx| Ok(cx.data().missed_interrupts()))?;
    alarms.interrupts += driven.interrupts();
    let sent = count(&mut control, chip, "server", "messages")? - sent;
    ensure!(sent > 0, "the server has sent no message");
    driven.remove()?;
    ensure!(call(&client, Gpu::time).is_err(), "a session outlived the removal");
    let function = driven.close();
    ensure!(!function.is_bus_master()?, "the device may access memory after it was closed");
    Ok(())
}

/// The time never runs backwards, is the same through both views, and runs as fast as the guest's clock.
fn clock(client: &Client) -> Result<()> {
    let mut last = 0;
    for _ in 0..500 {
        let views = [View::Ptimer, View::VirtualFunction];
        for view in views {
            let now = call(client, |cx| Gpu::timer(cx).now_through(view))?;
            ensure!(now >= last, "{view:?} read {now} after {last}");
            last = now;
        }
    }
    let (limit, started) = (Nanos::from_millis(20), Instant::now());
    let waited = call(client, |cx| {
        Ok(Gpu::timer(cx).wait_on("nothing", limit, || Ok(None::<()>)).expect_err("it never comes"))
    })?;
    let took = started.elapsed();
    let Error::Timeout { waited, .. } = waited else { anyhow::bail!("a wait ended with {waited}") };
    let gpu = Duration::from_nanos(waited.get());
    ensure!(waited >= limit, "a wait of {limit} ended after {waited}");
    ensure!(gpu < took * 2 && took < gpu * 2 + Duration::from_millis(20), "{gpu:?} of the GPU in {took:?}");
    Ok(())
}

/// Alarms whose time has passed fire within the call that sets them.
fn past(client: &Client, alarms: &mut Alarms) -> Result<()> {
    for ago in [0, 1_000, 1_000_000, u64::MAX] {
        let fired = call(client, |cx| {
            let at = Gpu::time(cx)?.saturating_sub(ago);
            let alarm = Gpu::schedule(cx, at)?;
            Ok(Gpu::fired(cx, alarm))
        })?;
        let fired = fired.with_context(|| format!("an alarm {ago} ns ago did not fire at once"))?;
        ensure!(fired.seen >= fired.at, "{fired:?}");
        alarms.at_once += 1;
    }
    Ok(())
}

/// The hardware compares for equality: an alarm that is a few accesses away may be passed while it is being set. Whichever
/// side of that race it is on, it fires, and never early.
fn race(driven: &Driven, client: &Client, alarms: &mut Alarms) -> Result<()> {
    const ALARMS: u64 = 40;
    for step in 0..ALARMS {
        let (at, alarm, at_once) = call(client, |cx| {
            let at = Gpu::time(cx)? + step * 50_000 + 1;
            let alarm = Gpu::schedule(cx, at)?;
            Ok((at, alarm, Gpu::fired(cx, alarm)))
        })?;
        let fired = match at_once {
            Some(fired) => fired,
            None => driven.fired(client, alarm)?,
        };
        *(if at_once.is_some() { &mut alarms.at_once } else { &mut alarms.later }) += 1;
        ensure!(fired.at >= at && fired.at < at + STEP && fired.seen >= fired.at, "{at}: {fired:?}");
        alarms.late = alarms.late.max(fired.seen - at);
    }
    Ok(())
}
