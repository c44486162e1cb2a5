//! A device that is taken out in good order while it is held, and put back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::{
    control::Control,
    pci::{Function, PLUG_LIMIT},
    vfio::{Device, Event, Irq},
};

/// QEMU's `edu`.
pub(super) fn edu() -> Result<()> {
    held("edu0", |identity| identity == 0x010000ed)
}

/// The kernel asks for the device `name` through the request event, and does not take it before it is closed.
/// `is_right` knows what BAR0 reads as at offset 0.
pub(super) fn held(name: &str, is_right: impl Fn(u32) -> bool) -> Result<()> {
    let mut control = Control::open()?;
    let function = Function::of(name)?;
    function.bind_vfio()?;
    let device = Device::open(&function)?;
    let request = device.listen(Irq::Request)?;

    let started = Instant::now();
    control.ask("unplug", name)?;
    let reads = read_until_asked(&device, &request, &is_right)?;
    let asked = started.elapsed();
    ensure!(Function::behind(name)?.is_some(), "the device was taken while it was held");
    ensure!(is_right(device.read(0)), "the device does not answer while it is held");
    let closed = Instant::now();
    drop(device);
    Function::wait(name, false)?;
    let gone = closed.elapsed();
    control.ask("await_unplugged", name)?;

    control.ask("plug", name)?;
    let again = Function::wait(name, true)?.context("nothing plugged in")?;
    again.bind_vfio()?;
    let device = Device::open(&again)?;
    ensure!(is_right(device.read(0)), "the device does not answer after it was plugged in again");
    println!(
        "request after {:.1} s and {reads} reads, gone {} ms after close",
        asked.as_secs_f64(),
        gone.as_millis()
    );
    Ok(())
}

/// Reads until the kernel asks for the device; how often.
fn read_until_asked(device: &Device, request: &Event, is_right: impl Fn(u32) -> bool) -> Result<u64> {
    let started = Instant::now();
    let mut reads = 0;
    while request.wait(Duration::ZERO)?.is_none() {
        for _ in 0..100 {
            let value = device.read(0);
            ensure!(is_right(value), "read {value:08x} before the kernel asked for the device");
            reads += 1;
        }
        ensure!(started.elapsed() < PLUG_LIMIT, "the kernel did not ask for the device");
    }
    Ok(reads)
}
