//! Probe with something failing at every step.

use std::{fs, io::Write as _, os::unix::fs::FileExt as _, path::Path};

use anyhow::{Context, Result, bail, ensure};

use super::files::use_it;
use crate::{
    cases::count,
    control::Control,
    kernel::{Gpu, Module, debugfs, nodes, rounds, scan_for_leaks},
};

/// More accesses, or allocations, than any probe makes.
const MOST: u32 = 2000;

/// What came of the probes of one kind.
#[derive(Debug, Default)]
struct Came {
    failed: u32,
    coped: u32,
}

/// The N-th access finds the GPU gone, for good; or gets an error of the GPU's own bus, once.
pub(in crate::cases) fn accesses() -> Result<()> {
    let module = Module::load()?;
    let mut control = Control::open()?;
    let mut said = Vec::new();
    let chips = ["tu102", "gb202", "ga102", "gh100"];
    for chip in chips.into_iter().take(rounds(4, [2, 1])? as usize) {
        let gpu = Gpu::of(chip)?;
        gpu.unbind()?;
        let others = nodes()?.len();
        for (name, fault) in [("gone", "from=N,all-ones"), ("refused", "nth=N,pri=0xbadf1100")] {
            let came =
                each_access(&gpu, fault, others, &mut control).with_context(|| format!("{chip}, {fault}"))?;
            said.push(format!("{chip} {name}: {} failed, {} coped", came.failed, came.coped));
        }
        gpu.bind().with_context(|| format!("binding {chip} in the end"))?;
        drop(use_it(&gpu)?);
    }
    let leaks = scan_for_leaks()?;
    module.unload()?;
    println!("{}; {leaks}", said.join("; "));
    Ok(())
}

fn each_access(gpu: &Gpu, fault: &str, others: usize, control: &mut Control) -> Result<Came> {
    let mut came = Came::default();
    for n in 1..MOST {
        control.ask(&format!("ctl fault {}", fault.replace('N', &n.to_string())), gpu.chip)?;
        let bound = gpu.bind();
        let fired = count(control, gpu.chip, "bus", "faulted")?;
        control.ask("ctl clear-faults", gpu.chip)?;
        // One that it copes with until the watchdog looks must be over before the faults are.
        if bound.is_ok() {
            // It copes with it, or is told later that the GPU is gone; either way it can be unbound.
            gpu.ensure_unbound().with_context(|| format!("after a failure at access {n}"))?;
            came.coped += 1;
        } else {
            ensure!(!gpu.is_bound(), "bound after a failure at access {n}");
            came.failed += 1;
        }
        ensure!(nodes()?.len() == others, "a node is left by a failure at access {n}");
        if fired == 0 {
            bound.context("probe fails with nothing failing")?;
            ensure!(n > 5, "probe made {n} accesses only");
            came.coped -= 1;
            return Ok(came);
        }
    }
    bail!("probe makes more than {MOST} accesses")
}

/// The N-th allocation fails.
pub(in crate::cases) fn failslab() -> Result<()> {
    let slab = debugfs()?.join("failslab");
    for (file, value) in [("ignore-gfp-wait", "N"), ("verbose", "0")] {
        fs::write(slab.join(file), value).with_context(|| format!("failslab/{file}"))?;
    }
    let module = Module::load()?;
    let mut said = Vec::new();
    let chips = rounds(2, [1, 1])? as usize;
    for chip in ["tu102", "ga102"].into_iter().take(chips) {
        let gpu = Gpu::of(chip)?;
        gpu.unbind()?;
        let others = nodes()?.len();
        let came = each_allocation(&gpu, others).with_context(|| chip)?;
        said.push(format!("{chip}: {} failed, {} coped", came.failed, came.coped));
        gpu.bind().with_context(|| format!("binding {chip} in the end"))?;
        drop(use_it(&gpu)?);
    }
    let leaks = scan_for_leaks()?;
    module.unload()?;
    println!("{}; {leaks}", said.join("; "));
    Ok(())
}

fn each_allocation(gpu: &Gpu, others: usize) -> Result<Came> {
    let mut came = Came::default();
    for n in 1..MOST {
        let (bound, fired) = bind_failing(gpu, n)?;
        if gpu.is_bound() {
            gpu.ensure_unbound().with_context(|| format!("after a failure of allocation {n}"))?;
            came.coped += 1;
        } else {
            ensure!(bound.is_err(), "not bound, and without an error, after a failure of allocation {n}");
            came.failed += 1;
        }
        ensure!(nodes()?.len() == others, "a node is left by a failure of allocation {n}");
        if !fired {
            bound.context("probe fails with nothing failing")?;
            ensure!(n > 5, "probe made {n} allocations only");
            came.coped -= 1;
            return Ok(came);
        }
    }
    bail!("probe makes more than {MOST} allocations")
}

/// Binds with the `n`-th allocation of this thread failing; whether there were so many.
fn bind_failing(gpu: &Gpu, n: u32) -> Result<(std::io::Result<()>, bool)> {
    let own = fs::read_link("/proc/thread-self")?;
    let path = Path::new("/proc").join(own).join("fail-nth");
    let mut file = fs::File::options().read(true).write(true).open(&path)?;
    let mut bind = fs::File::options().write(true).open("/sys/bus/pci/drivers/nova/bind")?;
    let address = gpu.function.address().as_bytes().to_owned();
    file.write_all(n.to_string().as_bytes())?;
    // Nothing of our own between the two allocates in the kernel.
    let bound = bind.write_all(&address);
    let mut left = [0; 16];
    // Not opened anew: that would allocate, and count.
    let length = file.read_at(&mut left, 0)?;
    file.write_all(b"0")?;
    Ok((bound, left[..length].trim_ascii() == b"0"))
}
