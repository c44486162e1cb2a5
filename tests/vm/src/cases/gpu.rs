//! Simulated GPUs as PCI devices.

use std::{
    os::fd::AsFd as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nova_vfio_glue::device::{Device as OurDevice, Event, change_command, command, irq, region};
use nova_vm_tests::CHIPS;
use serde_json::Value;

use super::unplug;
use crate::{control::Control, driven, pci::Function, vfio::Device};

/// NV_PMC_BOOT_0, which identifies the chip.
const BOOT_0: u64 = 0;

/// NV_PTIMER_TIME_0 and TIME_1: the clock in ns, the low word's five lowest bits are zero.
const TIME: [u64; 2] = [0x9400, 0x9410];

/// What `nova info` says of both a GPU and its simulator.
const SAME: [&str; 8] =
    ["chipset", "architecture", "family", "revision", "boot0", "boot42", "pci", "bar0_size"];

/// What `nova` prints, as JSON.
fn nova(device: &str, command: &str) -> Result<Value> {
    let output = Command::new("/bin/nova")
        .args(["-d", device, "--format", "json", command])
        .output()
        .context("cannot start nova")?;
    if !output.status.success() {
        bail!("nova -d {device} {command}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The chip's BOOT_0 as its simulator has it.
fn boot_0(chip: &str) -> Result<u32> {
    let info = nova(&format!("sim:{chip}"), "info")?;
    let text = info["boot0"].as_str().context("nova info without boot0")?.trim_start_matches("0x").to_owned();
    Ok(u32::from_str_radix(&text, 16)?)
}

pub(super) fn identity() -> Result<()> {
    for chip in CHIPS {
        let function = Function::of(chip)?;
        ensure!(
            function.number("vendor")? == 0x10de,
            "{chip} is of vendor {:04x}",
            function.number("vendor")?
        );
        function.enable()?;
        let simulated = nova(&format!("sim:{chip}"), "info")?;
        let real = nova(&format!("pci:{}", function.address()), "info")?;
        for key in SAME {
            let (real, simulated) = (&real[key], &simulated[key]);
            ensure!(!simulated.is_null() && real == simulated, "{key} of {chip} is {real}, not {simulated}");
        }
    }
    println!("{}", CHIPS.join(", "));
    Ok(())
}

fn open(chip: &str) -> Result<(Function, Device)> {
    let function = Function::of(chip)?;
    function.bind_vfio()?;
    let device = Device::open(&function)?;
    Ok((function, device))
}

/// The GPU's clock.
fn time(device: &Device) -> u64 {
    loop {
        let high = device.read(TIME[1]);
        let low = device.read(TIME[0]);
        if device.read(TIME[1]) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

pub(super) fn vfio() -> Result<()> {
    let held = CHIPS.map(|chip| open(chip).with_context(|| format!("cannot hold {chip}")));
    let mut devices = Vec::new();
    for opened in held {
        devices.push(opened?.1);
    }
    for (chip, device) in CHIPS.iter().zip(&devices) {
        let (seen, expected) = (device.read(BOOT_0), boot_0(chip)?);
        ensure!(seen == expected, "BOOT_0 of {chip} is {seen:08x}, not {expected:08x}");
        let (gpu, clock) = (time(device), Instant::now());
        thread::sleep(Duration::from_millis(20));
        let (gpu, clock) = (time(device).wrapping_sub(gpu), clock.elapsed());
        let gpu = Duration::from_nanos(gpu);
        ensure!(gpu > clock / 2 && gpu < clock * 2, "the clock of {chip} counted {gpu:?} in {clock:?}");
    }
    let mut times: Vec<_> = (0..1000).map(|_| timed(|| devices[0].read(BOOT_0))).collect();
    times.sort_unstable();
    println!("BAR0 read {} us median, {} us at 99 %", times[500].as_micros(), times[990].as_micros());
    Ok(())
}

fn timed<R>(action: impl FnOnce() -> R) -> Duration {
    let started = Instant::now();
    std::hint::black_box(action());
    started.elapsed()
}

/// A round takes most of a second, nearly all of it waiting after resets: so all GPUs at once.
pub(super) fn rebind() -> Result<()> {
    const ROUNDS: u32 = 1000;
    let next = AtomicU32::new(0);
    let next_round = &|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|round| *round < ROUNDS);
    let counts = thread::scope(|scope| {
        let threads = CHIPS.map(|chip| scope.spawn(move || rebind_while(chip, next_round)));
        threads.map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")))
    });
    let mut total = 0;
    for count in counts {
        total += count?;
    }
    ensure!(total == ROUNDS, "{total} rounds of {ROUNDS}");
    println!("{total} rounds on {} GPUs", CHIPS.len());
    Ok(())
}

/// Rounds on one GPU while there are more to do; how many.
fn rebind_while(chip: &str, next_round: impl Fn() -> Option<u32>) -> Result<u32> {
    let (function, expected) = (Function::of(chip)?, boot_0(chip)?);
    function.unbind()?;
    let mut count = 0;
    while let Some(round) = next_round() {
        function.bind_vfio()?;
        let (seen, _event, device) = identify(chip)?;
        ensure!(seen == expected, "BOOT_0 of {chip} is {seen:08x} in round {round}");
        drop(device);
        function.unbind()?;
        ensure!(function.driver().is_none(), "{chip} is still bound in round {round}");
        count += 1;
    }
    Ok(count)
}

/// Opens the GPU by our own code: its BOOT_0, with its MSI on.
fn identify(chip: &str) -> Result<(u32, Event, Arc<dyn OurDevice>)> {
    let (_, device) = driven::open(chip)?;
    change_command(device.as_ref(), 0, command::MEMORY | command::MASTER)?;
    let mut boot_0 = [0; 4];
    device.read(region::BAR0, BOOT_0, &mut boot_0)?;
    let event = Event::new()?;
    device.enable_irq(irq::MSI, &[event.as_fd()])?;
    Ok((u32::from_le_bytes(boot_0), event, device))
}

pub(super) fn unplug() -> Result<()> {
    let expected = boot_0("ga102")?;
    unplug::held("ga102", |value| value == expected)
}

/// What `nova` exits with when a device went away.
const GONE: i32 = 3;

/// Nobody holds the GPU when its server dies.
pub(super) fn killed() -> Result<()> {
    let chip = "tu102";
    let mut control = Control::open()?;
    let function = Function::of(chip)?;
    function.unbind()?;
    function.enable()?;
    let name = format!("pci:{}", function.address());
    let before = nova(&name, "info")?;
    control.ask("kill_server", chip)?;
    let started = Instant::now();
    let output = Command::new("/bin/nova").args(["-d", &name, "info"]).output()?;
    let (said, late) = (String::from_utf8_lossy(&output.stderr).trim().to_owned(), started.elapsed());
    ensure!(output.status.code() == Some(GONE), "nova ended with {} and said '{said}'", output.status);
    let function = replace(&mut control, chip)?;
    function.enable()?;
    let after = nova(&format!("pci:{}", function.address()), "info")?;
    ensure!(
        after["boot0"] == before["boot0"],
        "BOOT_0 is {} after the server was started anew",
        after["boot0"]
    );
    println!("after {} ms: {said}", late.as_millis());
    Ok(())
}

/// Takes out the GPU whose server was killed, and puts in one with a new server.
pub(super) fn replace(control: &mut Control, chip: &str) -> Result<Function> {
    control.ask("unplug", chip)?;
    Function::wait(chip, false)?;
    control.ask("await_unplugged", chip)?;
    control.ask("start_server", chip)?;
    control.ask("plug", chip)?;
    Function::wait(chip, true)?.context("nothing plugged in")
}
