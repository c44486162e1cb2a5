//! The `nova` tool on a GPU that the kernel drives.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use nova_vm_tests::CHIPS;

use crate::{
    cases::cli::{as_driven, compare, lateness, nova, without_times},
    kernel::{Gpu, Module},
};

/// What `nova` exits with when something is turned down.
const REFUSED: i32 = 5;

/// `info`, `timer`, `irq`, `reg read` and `dump` of a GPU of every family; and what there is not.
pub(in crate::cases) fn info() -> Result<()> {
    let module = Module::load()?;
    let mut latest = 0;
    for chip in CHIPS {
        let (node, device) = Gpu::of(chip)?.open()?;
        drop(device);
        let (simulated, real) = (format!("sim:{chip}"), format!("dev:{}", node.display()));
        latest = latest.max(same(&simulated, &real).with_context(|| chip)?);
    }
    refusals(&format!("dev:{}", Gpu::of("ga102")?.open()?.0.display()))?;
    module.unload()?;
    println!("{}; alarms at most {} us late", CHIPS.join(", "), latest / 1000);
    Ok(())
}

fn same(simulated: &str, real: &str) -> Result<u64> {
    let expected = as_driven(&nova(simulated, &["info"])?, simulated, real, "nova")?;
    compare(&expected, &without_times(&nova(real, &["info"])?))?;
    // Of both, every word that is no time; `timer` alone also says what day it is by the GPU's clock.
    for words in [
        // First, while nothing has interrupted.
        &["irq"][..],
        &["timer", "--alarm", "1ms"],
        &["reg", "read", "NV_PMC_BOOT_0"],
        &["reg", "read", "NV_PMC_BOOT_42.ARCHITECTURE", "NV_PMC_BOOT_0"],
        &["--format", "json", "dump", "NV_PMC_BOOT_*"],
    ] {
        let (expected, printed) = (nova(simulated, words)?, nova(real, words)?);
        let expected = expected.replace(simulated, real);
        compare(&without_times(&expected), &without_times(&printed)).with_context(|| words.join(" "))?;
    }
    let watched = nova(real, &["timer", "--watch", "--count", "3", "--interval", "5ms"])?;
    let times: Vec<u64> = watched.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect();
    ensure!(
        times.len() == 3 && times.windows(2).all(|pair| pair[1] >= pair[0] + 5_000_000),
        "timer --watch:\n{watched}"
    );
    let both = nova(real, &["timer"])?;
    ensure!(both.lines().count() == 2 && both.contains("NV_PTIMER_TIME"), "timer:\n{both}");
    lateness(&nova(real, &["timer", "--alarm", "2ms"])?)
}

/// What the kernel does for nobody is refused in one line, with what to do instead.
fn refusals(real: &str) -> Result<()> {
    for words in [
        &["reg", "write", "--write", "NV_PTIMER_ALARM_0=0"][..],
        &["irq", "--trigger"],
        &["trace", "record", "--output", "/run/trace"],
        &["reg", "read", "GSP.NV_PFALCON_FALCON_DMEMD"],
    ] {
        let output = Command::new("/bin/nova").args(["-d", real]).args(words).output()?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let line = words.join(" ");
        ensure!(output.status.code() == Some(REFUSED), "nova {line} ended with {}: {said}", output.status);
        ensure!(said.lines().count() == 1 && said.contains("try: "), "nova {line} said '{said}'");
    }
    Ok(())
}
