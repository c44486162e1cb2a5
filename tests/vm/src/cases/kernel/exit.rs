//! The module's own end, with everything in it at work.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nova_abi::{Debug, Info};
use nova_core::units::intr::Source;
use nova_kernel_client::Device;
use nova_vm_tests::CHIPS;
use rustix::io::Errno;

use crate::{
    control::Control,
    kernel::{DEADLINE, Gpu, Held, Module, rounds, scan_for_leaks},
    under_way::UnderWay,
};

/// Where the module raises interrupts, and where the GPU does by itself.
const STORMS: [[&str; 2]; 2] = [["tu102", "gh100"], ["ga102", "gb202"]];

pub(in crate::cases) fn exit() -> Result<()> {
    let rounds = rounds(100, [8, 3])?;
    let mut control = Control::open()?;
    let mut worst = Duration::ZERO;
    let mut turns = [0; 2];
    for round in 0..rounds {
        let (took, turned) = at_work(&mut control).with_context(|| format!("round {round}"))?;
        worst = worst.max(took);
        turns = [turns[0] + turned[0], turns[1] + turned[1]];
    }
    let blocked = blocked()?;
    println!(
        "{rounds} rounds of rmmod on {} GPUs at work ({} turns of work, {} of timers): {} ms at most; with calls that block \
         the module stays until unbind, and goes {} ms after it; {}",
        CHIPS.len(),
        turns[0],
        turns[1],
        worst.as_millis(),
        blocked.as_millis(),
        scan_for_leaks()?
    );
    Ok(())
}

/// rmmod while work queues itself again, a timer sets itself again, and interrupts storm, on every GPU. No file is open, which
/// would keep the module. Gives how long it took, and the turns of work and timer.
fn at_work(control: &mut Control) -> Result<(Duration, [u64; 2])> {
    let module = Module::load()?;
    let mut turns = [0; 2];
    for chip in CHIPS {
        let (_, device) = Gpu::of(chip)?.open()?;
        ensure!(device.info()?.capabilities & Info::CAP_DEBUG != 0, "the module was not built for tests");
        device.debug(Debug::LOAD, 1)?;
    }
    // On two of them as fast as the module can, on two from outside: more leaves an emulated machine no time for the rest.
    for chip in STORMS[0] {
        Gpu::of(chip)?.open()?.1.debug(Debug::STORM, 1)?;
    }
    for chip in STORMS[1] {
        let vector = Source::CPU_DOORBELL.number();
        control.ask(&format!("ctl storm {vector} --count 100000 --interval 5ms"), chip)?;
    }
    for chip in CHIPS {
        let (_, device) = Gpu::of(chip)?.open()?;
        turned(&device, &mut turns).with_context(|| chip)?;
    }
    let took = module.unload()?;
    for chip in STORMS[1] {
        control.ask("ctl storm 0 --count 0", chip)?;
    }
    Ok((took, turns))
}

/// Waits until work and timer have turned, and counts it.
fn turned(device: &Device, turns: &mut [u64; 2]) -> Result<()> {
    let mut out = [0; 2];
    crate::kernel::until("turns of work and timer", || {
        out = device.debug(Debug::LOAD, 1)?.out;
        Ok(out.iter().all(|turns| *turns > 3))
    })?;
    turns.iter_mut().zip(out).for_each(|(all, out)| *all += out);
    Ok(())
}

/// With files open and calls that block the module cannot go; when its devices are unbound they end, and it can.
fn blocked() -> Result<Duration> {
    let module = Module::load()?;
    let gpus = CHIPS.map(Gpu::of).into_iter().collect::<Result<Vec<_>>>()?;
    let held = gpus.iter().take(3).map(Held::of).collect::<Result<Vec<_>>>()?;
    match Module::try_unload() {
        Err(Errno::AGAIN) => {}
        other => bail!("rmmod with open files: {other:?}"),
    }
    for held in &held {
        held.ensure_held().context("after rmmod was refused")?;
    }
    let unbinding: Vec<_> =
        gpus.iter().take(3).cloned().map(|gpu| UnderWay::start(move || gpu.unbind())).collect();
    let started = Instant::now();
    for unbinding in unbinding {
        unbinding.end("unbind", DEADLINE)??;
    }
    for held in held {
        drop(held.ensure_all_end()?);
    }
    module.unload()?;
    Ok(started.elapsed())
}
