//! GPUs that go without a word while nova's driver is at work on them, and GPUs that are asked back.
//!
//! The model falls off the bus and comes back before its file is closed: closing resets the device, and the kernel waits more
//! than a minute for one that is not there.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use nova_core::{
    driver::Gpu,
    hal::{Clock as _, Nanos},
    lifecycle::{Outside, SessionError, State},
    units::intr::Source,
};
use nova_vfio_glue::host::VfioHost;

use super::gpu;
use crate::{
    control::Control,
    driven::{Called, Client, Driven, LONG, OnVfio, call, until},
    pci::Function,
    under_way::UnderWay,
};

/// How soon everybody has to know that the GPU is gone.
const DEADLINE: Duration = Duration::from_secs(5);

/// What a call that was under way has to end with when the GPU is gone.
fn ensure_gone<T>(what: &str, called: &Called<T>) -> Result<()> {
    match called {
        Err(SessionError::Driver(nova_core::Error::Gone) | SessionError::Refused(_)) => Ok(()),
        Err(other) => bail!("{what} ended with '{other}'"),
        Ok(_) => bail!("{what} ended well on a GPU that is gone"),
    }
}

/// Has `lose` lose the GPU under nova's driver, on each of `chips`; it gives how long it took until everybody knew. Then the
/// GPU comes back as after power-on, and can be bound and used. Gives the longest.
fn on_each(chips: &[&str], lose: impl Fn(&Driven, &mut Control) -> Result<Duration>) -> Result<Duration> {
    let mut worst = Duration::ZERO;
    for chip in chips {
        let mut control = Control::open()?;
        let driven = Driven::bound(chip)?;
        let lost = lose(&driven, &mut control);
        // Whatever happened: a device that is gone when it is closed costs minutes.
        for order in ["ctl delay 0ms", "ctl replug"] {
            control.ask(order, chip)?;
        }
        driven.close();
        let took = lost.with_context(|| (*chip).to_owned())?;
        ensure!(took < DEADLINE, "{chip}: it took {took:?}");
        worst = worst.max(took);
        use_again(chip).with_context(|| format!("{chip} after it came back"))?;
    }
    Ok(worst)
}

/// Binds it anew, and has an alarm.
fn use_again(chip: &str) -> Result<()> {
    let again = Driven::bound(chip)?;
    again.alarm_by_interrupt(&again.client()?)?;
    again.remove()?;
    again.close();
    Ok(())
}

/// How a GPU is lost at a certain moment: at that, the host is asked for the order given. How long it took until everybody
/// knew.
type Lose = fn(&Driven, &mut Control, &str) -> Result<Duration>;

/// What the host is asked for: that the model falls off the bus.
const FALL_OFF: &str = "ctl fall-off";
/// That the process which is the GPU dies.
const KILL: &str = "kill_server";

pub(super) fn wait() -> Result<()> {
    let chips = ["tu102", "ga100", "gh100", "gb202"];
    let worst = on_each(&chips, |driven, control| in_wait(driven, control, FALL_OFF))?;
    println!("both waits and the driver ended {} ms after the GPU at most", worst.as_millis());
    Ok(())
}

pub(super) fn irq() -> Result<()> {
    let worst = on_each(&["tu102", "ad102", "gb100"], |driven, control| in_irq(driven, control, FALL_OFF))?;
    println!("the driver ended {} ms after the GPU at most", worst.as_millis());
    Ok(())
}

pub(super) fn remove() -> Result<()> {
    let chips = ["tu102", "ga102", "gh100", "gb202"];
    let worst = on_each(&chips, |driven, control| in_remove(driven, control, FALL_OFF))?;
    println!("remove ended {} ms after the GPU at most", worst.as_millis());
    Ok(())
}

/// The servers of three GPUs are killed, each in another moment. Closing such a device takes as long as the kernel is willing
/// to wait for one to come back after a reset of its bus: more than a minute, and twice that if the device's own reset may be
/// one, too. So all three are closed at the same time.
pub(super) fn killed_held() -> Result<()> {
    let moments: [(&str, &str, Lose); 3] =
        [("tu102", "wait", in_wait), ("ad102", "interrupt", in_irq), ("ga102", "remove", in_remove)];
    let mut control = Control::open()?;
    let mut held = Vec::new();
    for (chip, moment, lose) in moments {
        Function::of(chip)?.reset_by("flr")?;
        let driven = Driven::bound(chip)?;
        let took = lose(&driven, &mut control, KILL).with_context(|| format!("{chip} in {moment}"))?;
        ensure!(took < DEADLINE, "{chip} in {moment}: it took {took:?}");
        println!("{moment}: over {} ms after the kill", took.as_millis());
        held.push(driven);
    }
    let closing = Instant::now();
    thread::scope(|scope| {
        for driven in held {
            scope.spawn(move || driven.close());
        }
    });
    println!("close: {:.0} s", closing.elapsed().as_secs_f64());
    for (chip, ..) in moments {
        gpu::replace(&mut control, chip)?;
        use_again(chip).with_context(|| format!("{chip} after its server was started anew"))?;
    }
    Ok(())
}

/// In the middle of a wait: one spins on the GPU's time, one sleeps until an alarm.
fn in_wait(driven: &Driven, control: &mut Control, order: &str) -> Result<Duration> {
    let client = driven.client()?;
    let alarm = far_alarm(driven, &client)?;
    let spinning = spin(driven, &client)?;
    ensure!(alarm.is_under_way(), "the wait for an alarm has ended by itself");
    control.ask(order, driven.name())?;
    let started = Instant::now();
    ensure_gone("the wait on GPU time", &spinning.end("the wait on GPU time", DEADLINE)?)?;
    ensure_gone("the wait for an alarm", &alarm.end("the wait for an alarm", DEADLINE)?)?;
    driven.wait_lost()?;
    ensure!(call(&client, Gpu::time).is_err(), "a session outlived the GPU");
    Ok(started.elapsed())
}

/// In the middle of a storm of interrupts, while a handler is inside: accesses are slow, so one nearly always is.
fn in_irq(driven: &Driven, control: &mut Control, order: &str) -> Result<Duration> {
    const STORM: &str = "--count 20000 --interval 200us";
    let chip = driven.name();
    control.ask("ctl delay 2ms", chip)?;
    control.ask(&format!("ctl storm {} {STORM}", Source::CPU_DOORBELL.number()), chip)?;
    let before = driven.interrupts();
    until("interrupts", || driven.interrupts() > before + 3)?;
    until("an interrupt that is being handled", || is_handling(&driven.gpu))?;
    control.ask(order, chip)?;
    let started = Instant::now();
    driven.wait_lost()?;
    let took = started.elapsed();
    println!("{chip}: {} interrupts until it was gone", driven.interrupts() - before);
    Ok(took)
}

/// In the middle of remove: accesses are slow, so the GPU goes before the last of them.
fn in_remove(driven: &Driven, control: &mut Control, order: &str) -> Result<Duration> {
    control.ask("ctl delay 20ms", driven.name())?;
    let gpu = driven.gpu.clone();
    let removal = UnderWay::start(move || gpu.remove(&mut Outside::new()));
    until("the removal's beginning", || driven.gpu.state() == State::Removing)?;
    control.ask(order, driven.name())?;
    let started = Instant::now();
    let removed = removal.end("remove", LONG)??;
    ensure!(removed.lost, "the removal was over before the GPU was gone, or has not noticed");
    driven.ensure_released()?;
    Ok(started.elapsed())
}

/// Waits for GPU time in a loop, inside the gate. Gives back when it does.
fn spin(driven: &Driven, client: &Client) -> Result<UnderWay<Called<()>>> {
    let (client, (entered, inside)) = (client.clone(), mpsc::channel());
    let spinning = UnderWay::start(move || {
        call(&client, |cx| {
            // Told once, in the first look.
            let mut entered = Some(entered);
            Gpu::timer(cx).wait_on("nothing", Nanos::from_secs(60), || {
                let _ = entered.take().map(|entered| entered.send(()));
                Ok(None::<()>)
            })
        })
    });
    inside.recv_timeout(LONG).map_err(|_| anyhow!("the wait on GPU time has not begun after {LONG:?}"))?;
    ensure!(!driven.gpu.inside().is_empty(), "the wait on GPU time has ended by itself");
    Ok(spinning)
}

/// Waits for an alarm a minute ahead.
fn far_alarm(driven: &Driven, client: &Client) -> Result<UnderWay<Called<()>>> {
    let alarm = call(client, |cx| Gpu::schedule(cx, Gpu::time(cx)? + 60_000_000_000))?;
    let clock: VfioHost = driven.plug.host()?;
    let client = client.clone();
    Ok(UnderWay::start(move || {
        let until = clock.now() + Nanos::from_secs(60);
        client.wait(&mut Outside::new(), &clock, until, |cx| Ok(Gpu::fired(cx, alarm))).map(drop)
    }))
}

fn is_handling(gpu: &OnVfio) -> bool {
    gpu.inside().iter().any(|visitor| visitor.to_string().contains("interrupt"))
}

/// The kernel wants the GPU back while work runs and an alarm waits. Not on a GPU with MSI-X: QEMU 11.1 aborts when one behind
/// vfio-user is unplugged, see docs/vm.md.
pub(super) fn request() -> Result<()> {
    let mut control = Control::open()?;
    for chip in ["ga102", "gb202"] {
        let driven = Driven::bound(chip)?;
        let client = driven.client()?;
        call(&client, |cx| {
            Gpu::set_load(cx, true);
            Ok(())
        })?;
        let alarm = far_alarm(&driven, &client)?;
        control.ask("unplug", chip)?;
        until("the removal", || driven.gpu.state() == State::Removed)?;
        ensure!(!driven.gpu.is_lost(), "{chip}: the driver takes a GPU that was asked for as lost");
        match alarm.end("the wait for an alarm", DEADLINE)? {
            Err(SessionError::Refused(_)) => {}
            other => bail!("{chip}: the wait for an alarm ended with {other:?}"),
        }
        driven.ensure_released()?;
        until("the closing", || driven.plug.device().is_err())?;
        let (turns, interrupts) = (driven.runtime.books(), driven.interrupts());
        drop(driven);
        Function::wait(chip, false)?;
        control.ask("await_unplugged", chip)?;
        control.ask("plug", chip)?;
        Function::wait(chip, true)?.context("nothing plugged in")?;
        use_again(chip).with_context(|| format!("{chip} after it was plugged in again"))?;
        let turns = turns.tally(nova_backends::threads::Kind::Work).ran;
        ensure!(turns > 0 && interrupts > 0, "{chip}: no work ran");
        println!("{chip}: {turns} turns of work and {interrupts} interrupts until the kernel asked");
    }
    Ok(())
}
