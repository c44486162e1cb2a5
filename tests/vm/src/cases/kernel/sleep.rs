//! Sleep and waking, as the kernel tests it: everything but the last step; and resets, over which a driver sleeps.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nova_kernel_client::{Device, When};
use nova_vm_tests::CHIPS;

use super::files::{load, use_it};
use crate::{
    kernel::{Gpu, LONG, Module, rounds},
    under_way::UnderWay,
};

pub(in crate::cases) fn suspend() -> Result<()> {
    let rounds = rounds(20, [2, 1])?;
    fs::write("/sys/power/pm_test", "devices").context("this kernel has no pm_test (CONFIG_PM_DEBUG)")?;
    // How long it stays asleep, in seconds; five if this kernel does not let us say.
    let _ = fs::write("/sys/module/suspend/parameters/pm_test_delay", "1");
    let module = Module::load()?;
    let mut held = Vec::new();
    for chip in CHIPS {
        let gpu = Gpu::of(chip)?;
        let device = use_it(&gpu)?;
        load(&device)?;
        held.push((gpu, device));
    }
    let mut asleep = Duration::ZERO;
    for round in 0..rounds {
        asleep += sleep_once(&held).with_context(|| format!("round {round}"))?;
    }
    fs::write("/sys/power/pm_test", "none")?;
    drop(held);
    module.unload()?;
    println!(
        "{rounds} rounds on {} GPUs with open files, work and alarms, {} s in all",
        CHIPS.len(),
        asleep.as_secs()
    );
    Ok(())
}

/// One that is due meanwhile, and one that is due after it, of each GPU; sleep; both have to fire, and everything works.
fn sleep_once(held: &[(Gpu, Device)]) -> Result<Duration> {
    let mut waits = Vec::new();
    let mut before = Vec::new();
    for (gpu, device) in held {
        before.push(device.time(false)?.gpu_ns);
        for ahead in [200, 6_000] {
            let (_, file) = gpu.open()?;
            let when = When::In(Duration::from_millis(ahead));
            waits.push((gpu.chip, UnderWay::start(move || file.wait_alarm(when, Some(2 * LONG)))));
        }
    }
    let started = Instant::now();
    fs::write("/sys/power/state", "freeze").context("the kernel does not go to sleep")?;
    let took = started.elapsed();
    ensure!(took > Duration::from_millis(500), "the kernel was asleep for {took:?} only");
    for ((gpu, device), before) in held.iter().zip(before) {
        let now = device.time(false).with_context(|| format!("{} after sleep", gpu.chip))?.gpu_ns;
        ensure!(now > before, "the time of {} went from {before} to {now}", gpu.chip);
        interrupts(device).with_context(|| format!("{} after sleep", gpu.chip))?;
    }
    for (chip, wait) in waits {
        let alarm = wait.end("an alarm over sleep", 2 * LONG)?.with_context(|| chip)?;
        ensure!(alarm.seen_ns >= alarm.due_ns, "{chip}: an early alarm: {alarm:?}");
    }
    Ok(took)
}

pub(in crate::cases) fn reset() -> Result<()> {
    let resets = rounds(20, [2, 1])?;
    let module = Module::load()?;
    for chip in CHIPS {
        let gpu = Gpu::of(chip)?;
        let device = use_it(&gpu)?;
        load(&device)?;
        for _ in 0..resets {
            reset_once(&gpu, &device).with_context(|| format!("{chip} over a reset"))?;
        }
    }
    module.unload()?;
    println!("{resets} resets of each of {} GPUs that work and are waited for", CHIPS.len());
    Ok(())
}

/// Resets it under its driver, which has to have it work again; whoever waits goes on waiting.
fn reset_once(gpu: &Gpu, device: &Device) -> Result<()> {
    let (_, file) = gpu.open()?;
    let wait = UnderWay::start(move || file.wait_irq(Some(2 * LONG)));
    gpu.function.reset()?;
    ensure!(gpu.is_bound(), "the driver has let go of it");
    device.time(false)?;
    interrupts(device)?;
    // Perhaps by one that the reset itself left pending.
    wait.end("a wait for an interrupt", LONG)?.context("a wait for an interrupt over the reset")?;
    Ok(())
}

/// Has alarms until one comes by interrupt: on a busy host one may be due before it is set.
fn interrupts(device: &Device) -> Result<()> {
    let before = device.irq_counts()?.served;
    for millis in 1..30 {
        device.wait_alarm(When::In(Duration::from_millis(millis)), Some(LONG))?;
        if device.irq_counts()?.served > before {
            return Ok(());
        }
    }
    bail!("no alarm came by interrupt")
}
