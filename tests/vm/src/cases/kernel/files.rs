//! Open files and calls that wait, across the end of the device.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nova_abi::Debug;
use nova_kernel_client::{Device, When};

use crate::{
    control::Control,
    kernel::{Gpu, Held, LONG, Module, ensure_gone},
    pci::Function,
};

/// Starts the work that queues itself again, where the module has it.
pub(super) fn load(device: &Device) -> Result<bool> {
    if device.info()?.capabilities & nova_abi::Info::CAP_DEBUG == 0 {
        return Ok(false);
    }
    device.debug(Debug::LOAD, 1)?;
    Ok(true)
}

/// Has an alarm, which takes interrupts, time and a session.
pub(super) fn use_it(gpu: &Gpu) -> Result<Device> {
    let (_, device) = gpu.wait_open()?;
    let alarm = device.wait_alarm(When::In(Duration::from_millis(1)), Some(LONG))?;
    ensure!(alarm.seen_ns >= alarm.due_ns, "an early alarm: {alarm:?}");
    Ok(device)
}

pub(in crate::cases) fn unbind() -> Result<()> {
    let module = Module::load()?;
    let (mut slowest, mut latest, mut calls) = (Duration::ZERO, Duration::ZERO, 0);
    for chip in ["tu102", "ga100", "ga102", "gh100", "gb202"] {
        let gpu = Gpu::of(chip)?;
        let held = Held::of(&gpu)?;
        load(held.idle())?;
        held.ensure_held()?;
        slowest = slowest.max(gpu.unbind().with_context(|| format!("unbinding {chip}"))?);
        calls += held.calls();
        let (took, old) = held.ensure_all_end()?;
        latest = latest.max(took);
        ensure!(gpu.find_closed()?, "{chip} still has a node");
        gpu.bind().with_context(|| format!("binding {chip} again"))?;
        let new = use_it(&gpu).with_context(|| format!("{chip} bound again"))?;
        // The old file belongs to the old binding.
        ensure_gone("a call on a file of the binding before", &old.time(false))?;
        drop((old, new));
    }
    module.unload()?;
    println!(
        "5 GPUs, {calls} calls; unbind took {} ms at most, the last waiter knew {} ms after it",
        slowest.as_millis(),
        latest.as_millis()
    );
    Ok(())
}

/// Not GPUs with MSI-X: QEMU 11.1 aborts when one behind vfio-user is unplugged, see docs/vm.md.
pub(in crate::cases) fn unplug() -> Result<()> {
    let module = Module::load()?;
    let mut control = Control::open()?;
    let mut latest = Duration::ZERO;
    for chip in ["tu102", "ga102", "gb202"] {
        let gpu = Gpu::of(chip)?;
        let held = Held::of(&gpu)?;
        load(held.idle())?;
        control.ask("unplug", chip)?;
        Function::wait(chip, false)?;
        let (took, old) = held.ensure_all_end()?;
        latest = latest.max(took);
        control.ask("await_unplugged", chip)?;
        control.ask("plug", chip)?;
        Function::wait(chip, true)?.context("nothing plugged in")?;
        let new = use_it(&Gpu::of(chip)?).with_context(|| format!("{chip} plugged in again"))?;
        ensure_gone("a call on a file of the device before", &old.time(false))?;
        drop((old, new));
    }
    module.unload()?;
    println!("3 GPUs; the last waiter knew {} ms after its GPU had gone", latest.as_millis());
    Ok(())
}
