//! GPUs that fall off the bus under the module, in the middle of each kind of callback.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nova_core::units::intr::Source;

use super::files::{load, use_it};
use crate::{
    control::Control,
    kernel::{DEADLINE, Gpu, Held, Module, until},
    under_way::UnderWay,
};

/// Has `lose` lose each of `chips` while it is held in every way; everybody who holds it has to know. The driver is unbound
/// then, as hotplug would do it, the GPU comes back, and is bound and used again. Gives the longest time until everybody knew.
fn on_each(
    chips: &[&'static str],
    lose: impl Fn(&Gpu, &Held, &mut Control) -> Result<()>,
) -> Result<Duration> {
    let module = Module::load()?;
    let mut control = Control::open()?;
    let mut worst = Duration::ZERO;
    for chip in chips {
        let gpu = Gpu::of(chip)?;
        let held = Held::of(&gpu).with_context(|| *chip)?;
        let lost = lose(&gpu, &held, &mut control);
        let known = lost.and_then(|()| {
            control.ask("ctl fall-off", chip)?;
            held.ensure_all_end()
        });
        // Whatever happened, the next case needs the GPU.
        control.ask("ctl delay 0ms", chip)?;
        let unbound = gpu.ensure_unbound();
        control.ask("ctl reconnect", chip)?;
        let (took, old) = known.with_context(|| *chip)?;
        unbound.context("after the GPU was gone")?;
        worst = worst.max(took);
        gpu.bind_again()?;
        drop(use_it(&gpu).with_context(|| format!("{chip} after it came back"))?);
        drop(old);
    }
    module.unload()?;
    Ok(worst)
}

/// While calls wait for an alarm, for an interrupt, for poll, and others go on.
pub(in crate::cases) fn wait() -> Result<()> {
    let worst = on_each(&["tu102", "ga100", "ad102", "gh100", "gb202"], |_, _, _| Ok(()))?;
    println!("5 GPUs; everybody knew {} ms after it had gone at most", worst.as_millis());
    Ok(())
}

/// In a storm of interrupts; accesses are slow, so a handler is nearly always inside.
pub(in crate::cases) fn irq() -> Result<()> {
    let vector = Source::CPU_DOORBELL.number();
    let worst = on_each(&["tu102", "ga102", "gb100"], |gpu, held, control| {
        let before = held.idle().irq_counts()?.served;
        control.ask(&format!("ctl storm {vector} --count 20000 --interval 200us"), gpu.chip)?;
        control.ask("ctl delay 500us", gpu.chip)?;
        until("interrupts", || Ok(held.idle().irq_counts()?.served > before + 10))?;
        Ok(())
    })?;
    println!("3 GPUs; everybody knew {} ms after it had gone at most", worst.as_millis());
    Ok(())
}

/// While the work item queues itself again and a timer sets itself again, all of the time.
pub(in crate::cases) fn work() -> Result<()> {
    let worst = on_each(&["tu102", "ga102", "gh100"], |gpu, held, control| {
        ensure!(load(held.idle())?, "the module was not built for tests: it has no such work");
        let turns = || Ok(held.idle().debug(nova_abi::Debug::LOAD, 1)?.out);
        let before: [u64; 2] = turns()?;
        control.ask("ctl delay 200us", gpu.chip)?;
        until("turns of work and timer", || {
            let now: Result<[u64; 2]> = turns();
            let now = now?;
            Ok(now[0] > before[0] + 5 && now[1] > before[1] + 5)
        })?;
        Ok(())
    })?;
    println!("3 GPUs; everybody knew {} ms after it had gone at most", worst.as_millis());
    Ok(())
}

/// In the middle of unbind: accesses are slow, so the GPU goes before the last of them.
pub(in crate::cases) fn remove() -> Result<()> {
    let module = Module::load()?;
    let mut control = Control::open()?;
    let mut worst = Duration::ZERO;
    for chip in ["tu102", "ga102", "gh100", "gb202"] {
        let gpu = Gpu::of(chip)?;
        let (_, device) = gpu.open()?;
        control.ask("ctl delay 20ms", chip)?;
        let unbinding = UnderWay::start({
            let gpu = gpu.clone();
            move || gpu.unbind()
        });
        // The file is told before the device is taken down.
        until("unbind's beginning", || Ok(device.poll(Duration::ZERO)?.is_some_and(|ready| ready.gone)))?;
        control.ask("ctl fall-off", chip)?;
        let started = Instant::now();
        let unbound = unbinding.end("unbind", DEADLINE);
        let took = started.elapsed();
        for order in ["ctl delay 0ms", "ctl reconnect"] {
            control.ask(order, chip)?;
        }
        unbound.with_context(|| chip)??;
        worst = worst.max(took);
        gpu.bind_again()?;
        drop(use_it(&gpu).with_context(|| format!("{chip} after it came back"))?);
    }
    module.unload()?;
    println!("4 GPUs; unbind ended {} ms after the GPU at most", worst.as_millis());
    Ok(())
}
