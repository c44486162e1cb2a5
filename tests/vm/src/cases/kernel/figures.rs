//! nova's module beside what it could have been made of: `Devres`, SRCU. Times are emulation's: only their ratios say something.

use std::{
    ffi::CString,
    fs::{self, File},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nova_abi::Debug;
use rustix::system::{delete_module, finit_module};

use crate::kernel::{Gpu, Module};

/// The GPU on which all is measured.
const CHIP: &str = "ga102";
/// Rounds of unbind and bind for each figure; the median counts.
const ROUNDS: usize = 15;
/// Resources that the other driver holds.
const RESOURCES: [u32; 3] = [1, 16, 64];
/// Entries that are measured at once; as many as the peer makes.
const ENTRIES: u32 = 100_000;

pub(in crate::cases) fn figures() -> Result<()> {
    let peer = Other::load("peer", "")?;
    let srcu: u64 = peer.parameter("srcu_ps")?;
    let module = Module::load()?;
    let gpu = Gpu::of(CHIP)?;
    let paced = gpu.open()?.1.debug(Debug::PACE, ENTRIES)?.out.map(|ns| ns * 1000 / u64::from(ENTRIES));
    let ours = unbinds(&peer, || gpu.unbind().context("unbinding nova"), || Ok(gpu.bind()?))?;
    module.unload()?;
    let mut told = vec![format!("nova {ours}")];
    for resources in RESOURCES {
        let alone = revocable(&peer, &gpu, resources, false)?;
        let shared = revocable(&peer, &gpu, resources, true)?;
        // The point of the comparison: one by one, each waits for a grace period of its own.
        ensure!(
            shared.grace_periods >= u64::from(resources),
            "{resources} shared resources in Devres needed {} grace periods only",
            shared.grace_periods
        );
        told.push(format!("Devres with {resources} {alone}, shared with open files {shared}"));
    }
    peer.unload()?;
    let [gate, visit] = paced;
    println!(
        "unbind: {}; entry and exit: gate {gate} ps, SRCU {srcu} ps ({} %), a session's visit {visit} ps",
        told.join(", "),
        gate * 100 / srcu.max(1)
    );
    Ok(())
}

/// What unbinding cost.
struct Cost {
    took: Duration,
    grace_periods: u64,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} us and {} grace periods", self.took.as_micros(), self.grace_periods)
    }
}

/// The median of some rounds, of each figure for itself.
fn unbinds(
    peer: &Other,
    mut unbind: impl FnMut() -> Result<Duration>,
    mut bind: impl FnMut() -> Result<()>,
) -> Result<Cost> {
    let (mut times, mut grace_periods) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before: u64 = peer.parameter("grace_periods")?;
        times.push(unbind()?);
        grace_periods.push(peer.parameter("grace_periods")? - before);
        bind()?;
    }
    times.sort();
    grace_periods.sort_unstable();
    let middle = ROUNDS / 2;
    Ok(Cost { took: times[middle], grace_periods: grace_periods[middle] })
}

/// The same for the driver that holds so many resources in `Devres`.
fn revocable(peer: &Other, gpu: &Gpu, resources: u32, shared: bool) -> Result<Cost> {
    let parameters = format!("resources={resources} shared={}", u8::from(shared));
    let other = Other::load("revocable", &parameters)?;
    let folder = Path::new("/sys/bus/pci/drivers/revocable");
    let address = gpu.function.address();
    let bind = || fs::write(folder.join("bind"), address).context("binding the driver with Devres");
    fs::write(gpu.function.folder().join("driver_override"), "revocable")?;
    bind()?;
    let cost = unbinds(
        peer,
        || {
            let started = std::time::Instant::now();
            fs::write(folder.join("unbind"), address).context("unbinding the driver with Devres")?;
            Ok(started.elapsed())
        },
        bind,
    );
    fs::write(gpu.function.folder().join("driver_override"), "\n")?;
    other.unload()?;
    cost
}

/// Another module of the suite's. Unloaded when dropped.
struct Other(&'static str);

impl Other {
    fn load(name: &'static str, parameters: &str) -> Result<Self> {
        let path = format!("/lib/modules/{name}.ko");
        let file = File::open(&path).with_context(|| format!("no {path}"))?;
        finit_module(file, &CString::new(parameters)?, 0).with_context(|| format!("cannot load {path}"))?;
        Ok(Self(name))
    }

    /// A number that it shows.
    fn parameter(&self, name: &str) -> Result<u64> {
        let path = format!("/sys/module/{}/parameters/{name}", self.0);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        text.trim().parse().with_context(|| format!("{path} is '{text}'"))
    }

    fn unload(self) -> Result<()> {
        let name = CString::new(self.0)?;
        std::mem::forget(self);
        delete_module(&name, 0).with_context(|| format!("cannot unload {}", name.to_string_lossy()))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // The case has failed already.
        let _ = delete_module(&CString::new(self.0).unwrap_or_default(), 0);
    }
}
